"""Parquet: a typed column for everything whose type is known, the rest in ``other_keys``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from concept_linker.annotating.inputs.columns import Columns
from concept_linker.annotating.job import Job
from concept_linker.annotating.shards.formats.format import Batch
from concept_linker.annotating.shards.rows import without_times
from concept_linker.annotating.shards.spans import DETAILS_TYPE, minimise_spans
from concept_linker.files import write_whole
from concept_linker.triplets.mention_columns import MENTION, MENTIONS
from concept_linker.triplets.parquet_schema import record_schema
from concept_linker.triplets.record import OTHER_KEYS, PROVENANCE, SPAN_DETAILS, SPANS

__all__ = ["ParquetFormat", "fit_columns"]

_ROW_GROUP: Final = 10_000


class ParquetFormat:
    """The format ``parquet``."""

    json_types = False

    def __init__(self, name: str, job: Job, metadata: Mapping[str, Any]) -> None:
        self._name = name
        self._job = job
        columns = [pa.field(SPAN_DETAILS, DETAILS_TYPE), *job.columns.others]
        if job.columns.other_keys:
            columns.append(pa.field(OTHER_KEYS, pa.string()))
        if job.mentions:
            columns.append(pa.field(MENTIONS, pa.list_(MENTION)))
        self._schema = record_schema(
            job.form,
            provenance=job.columns.provenance,
            columns=pa.schema(columns),
            metadata=metadata,
        )
        self._file: pq.ParquetWriter
        self._converted: list[pa.Array] = []
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0

    def file_names(self, shard: str) -> list[str]:
        """Returns the name of one shard's file."""
        return [f"{shard}.{self._name}"]

    @contextmanager
    def open(self, folder: Path, shard: str) -> Iterator[None]:
        """Opens one shard's file; it is complete when the block ends without an error."""
        with (
            write_whole(folder / f"{shard}.{self._name}") as part,
            pq.ParquetWriter(part, self._schema, compression="zstd") as self._file,
        ):
            self._pending, self._pending_rows = [], 0
            yield
            self._flush()

    def convert(self, batch: Batch, problems: dict[int, str]) -> None:
        """Converts a batch to arrays; finds values that do not fit their column's type."""
        rows = batch.rows
        names = [name for name in rows[0].record if name != SPANS and name in self._schema.names]
        values_by_row = map(itemgetter(*names), (row.record for row in rows))
        values_by_name = map(list, zip(*values_by_row, strict=True))
        values: dict[str, list[Any]] = dict(zip(names, values_by_name, strict=True))
        others = fit_columns([row.others for row in rows], self._job.columns)
        full = self._job.form == "full"
        self._converted = []
        for field in self._schema:
            name = field.name
            if name == SPANS:
                self._converted.append(batch.spans if full else minimise_spans(batch.spans))
                continue
            if name == SPAN_DETAILS:
                self._converted.append(batch.details)
                continue
            if name not in values:
                source = batch.extra if name in (MENTIONS, PROVENANCE) else others
                values[name] = [row.get(name) for row in source]
            self._converted.append(_to_array(field, values[name], problems))

    def write(self, batch: Batch, problems: Mapping[int, str]) -> None:
        """Writes the converted rows that have no problem, once there are enough of them."""
        made = pa.RecordBatch.from_arrays(self._converted, schema=self._schema)
        if problems:
            made = made.filter(pa.array([n not in problems for n in range(len(batch.rows))]))
        self._pending.append(made)
        self._pending_rows += len(made)
        if self._pending_rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        """Writes the pending rows as one row group, so that the bytes depend on the rows alone."""
        if self._pending_rows:
            table = pa.Table.from_batches(self._pending).combine_chunks()
            self._file.write_table(table, row_group_size=self._pending_rows)
        self._pending, self._pending_rows = [], 0


def _to_array(field: pa.Field, values: list[Any], problems: dict[int, str]) -> pa.Array:
    """Returns values as an array; a value that does not fit is a problem, and null there."""
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pass
    for number, value in enumerate(values):
        try:
            pa.array([value], field.type)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            problems[number] = f"{field.name}: expected {field.type}: {error}"
            values[number] = None
    return pa.array(values, field.type)


def fit_columns(rows: Sequence[dict[str, Any]], columns: Columns) -> list[dict[str, Any]]:
    """Returns the rows' other keys as Parquet holds them.

    What does not fit a column exactly goes as JSON into ``other_keys``, so that no value is lost
    or changed.
    """
    if not columns.other_keys:
        return list(rows)
    fitted: list[dict[str, Any]] = [{} for _ in rows]
    left = [dict(row) for row in rows]
    for field in columns.others:
        if _fits([row.get(field.name) for row in rows], field.type):
            fitting = list(range(len(rows)))
        else:
            fitting = [n for n, row in enumerate(rows) if _fits([row.get(field.name)], field.type)]
        for number in fitting:
            if field.name in left[number]:
                fitted[number][field.name] = left[number].pop(field.name)
    for row, more in zip(fitted, left, strict=True):
        if more:
            row[OTHER_KEYS] = json.dumps(more)
    return fitted


def _fits(values: list[Any], kind: pa.DataType) -> bool:
    """Returns whether a column of this type gives back the same values."""
    if pa.types.is_floating(kind) and any(type(value) is bool for value in values):
        return False
    try:
        array = pa.array(values, kind)
        return bool(array.cast(without_times(kind)).to_pylist() == values)
    # Arrow fails in some casts of lists that hold only nulls.
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return False
