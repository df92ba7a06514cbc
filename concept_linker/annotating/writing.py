"""The files of a shard, and what keeps a row out of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from concept_linker.annotating.columns import OTHER_KEYS
from concept_linker.annotating.job import Job
from concept_linker.annotating.rows import Row, fit
from concept_linker.annotating.spans import DETAILS, minimised
from concept_linker.annotation import Annotation
from concept_linker.errors import InputError
from concept_linker.files import write_whole
from concept_linker.triplets.from_annotation import record_settings
from concept_linker.triplets.json_lines import MAX_LINE
from concept_linker.triplets.mention_columns import MENTION, MENTIONS
from concept_linker.triplets.parquet_schema import record_schema
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import PROVENANCE, SPAN_DETAILS, SPANS, dump, minimise
from concept_linker.triplets.wordpiece import WordPiece
from concept_linker.triplets.writing import RecordWriter, open_writer

__all__ = ["ShardFiles", "ShardWriter"]

#: From this length on a caption may make a line that is longer than a record may be.
_LONG: Final = 20_000
_ROW_GROUP: Final = 10_000


class ShardFiles:
    """Opens the files of shards.

    Args:
        job: what is done.
        tokenizer: what makes tokens, for the files' metadata.
    """

    def __init__(self, job: Job, tokenizer: WordPiece | None) -> None:
        self._job = job
        columns = [pa.field(SPAN_DETAILS, DETAILS), *job.columns.others]
        if job.columns.more:
            columns.append(pa.field(OTHER_KEYS, pa.string()))
        if job.mentions:
            columns.append(pa.field(MENTIONS, pa.list_(MENTION)))
        self._schema = record_schema(
            job.form,
            provenance=job.columns.provenance,
            columns=pa.schema(columns),
            metadata=record_settings(**job.profile, tokenizer=tokenizer),
        )

    @property
    def _tells_of_spans(self) -> bool:
        """JSON Lines have a side-car that says which spans are negated, if any may be."""
        return self._job.profile["negated"] == "keep"

    @contextmanager
    def open(self, folder: Path, shard: str) -> Iterator[ShardWriter]:
        """The files of one shard; they stand in their place when the block ends without an error.

        Raises:
            OSError: one cannot be written.
        """
        job = self._job
        with ExitStack() as stack:
            lines = table = beside_lines = None
            for ending in job.formats:
                path = folder / f"{shard}.{ending}"
                if ending == "parquet":
                    table = stack.enter_context(_open_table(path, self._schema))
                else:
                    lines = stack.enter_context(
                        open_writer(path, form=job.form, provenance=job.columns.provenance)
                    )
                    if self._tells_of_spans:
                        path = folder / f"{shard}.{SPAN_DETAILS}.{ending}"
                        beside_lines = stack.enter_context(open_writer(path))
            writer = ShardWriter(job, lines, beside_lines, table, self._schema)
            yield writer
            writer.flush()

    def names(self, shard: str) -> list[str]:
        """The names of one shard's files."""
        endings = [f".{name}" for name in self._job.formats]
        lines = [name for name in self._job.formats if name != "parquet"]
        if self._job.columns.provenance:
            endings += [f".{PROVENANCE}.{name}" for name in lines]
        if self._tells_of_spans:
            endings += [f".{SPAN_DETAILS}.{name}" for name in lines]
        return [shard + ending for ending in endings]


@contextmanager
def _open_table(path: Path, made: pa.Schema) -> Iterator[pq.ParquetWriter]:
    with write_whole(path) as part, pq.ParquetWriter(part, made, compression="zstd") as table:
        yield table


class ShardWriter:
    """Writes linked rows; made by :meth:`ShardFiles.open`."""

    def __init__(
        self,
        job: Job,
        lines: RecordWriter | None,
        beside_lines: RecordWriter | None,
        table: pq.ParquetWriter | None,
        made: pa.Schema,
    ) -> None:
        self._job, self._table, self._schema = job, table, made
        self._lines, self._beside_lines = lines, beside_lines
        linked = Provenance().linked(**job.linked_by).to_dict()
        self._linked_by = {name: value for name, value in linked.items() if value}
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def write(
        self,
        rows: Sequence[Row],
        annotations: Sequence[Annotation],
        spans: pa.ListArray,
        details: pa.ListArray,
        problems: dict[int, str],
    ) -> None:
        """Takes rows with their mentions and spans.

        Args:
            rows: the rows.
            annotations: what the linker says of each.
            spans: of the record of each.
            details: of the spans of each.
            problems: place among the rows → why one is not written; what is found here is added.
        """
        extra = [self._extra(*one) for one in zip(rows, annotations, strict=True)]
        columns = []
        if self._table is not None:
            columns = self._columns(rows, extra, spans, details, problems)
        # Only JSON needs spans one by one, and a record that may be too long for a line.
        long = any(len(row.caption) > _LONG for row in rows)
        if self._lines is not None or long:
            told = details.to_pylist() if self._beside_lines is not None else [[]] * len(rows)
            every = zip(rows, extra, spans.to_pylist(), told, strict=True)
            for number, (row, more, own, of_spans) in enumerate(every):
                if number not in problems:
                    try:
                        self._write_line(row, more, own)
                    except InputError as error:
                        problems[number] = str(error)
                        continue
                    if self._beside_lines is not None:
                        self._beside_lines.write({SPAN_DETAILS: of_spans})
        if self._table is not None:
            batch = pa.RecordBatch.from_arrays(columns, schema=self._schema)
            if problems:
                batch = batch.filter(pa.array([n not in problems for n in range(len(rows))]))
            self._waiting.append(batch)
            self._rows += len(batch)
            if self._rows >= _ROW_GROUP:
                self.flush()

    def _write_line(self, row: Row, more: Mapping[str, Any], spans: list[Any]) -> None:
        record: Any = {**row.record, SPANS: spans}
        if len(row.caption) > _LONG and (length := len(dump(record))) > MAX_LINE:
            raise InputError(
                f"caption: makes a record of {length:,} bytes, wanted {MAX_LINE:,} at most"
            )
        if self._lines is not None:
            if self._job.form == "minimised":
                record, _ = minimise(record)
            self._lines.write({**record, **row.others, **more})

    def _extra(self, row: Row, annotation: Annotation) -> dict[str, Any]:
        """What follows the record and the input's columns."""
        extra: dict[str, Any] = {}
        if self._job.mentions:
            extra[MENTIONS] = [mention.to_row() for mention in annotation]
        if self._job.columns.provenance:
            extra[PROVENANCE] = {**row.provenance.to_dict(), **self._linked_by}
        return extra

    def _columns(
        self,
        rows: Sequence[Row],
        extra: Sequence[Mapping[str, Any]],
        spans: pa.ListArray,
        details: pa.ListArray,
        problems: dict[int, str],
    ) -> list[pa.Array]:
        own = [name for name in rows[0].record if name != SPANS and name in self._schema.names]
        rows_of_own = map(itemgetter(*own), (row.record for row in rows))
        columns_of_own = map(list, zip(*rows_of_own, strict=True))
        values: dict[str, list[Any]] = dict(zip(own, columns_of_own, strict=True))
        others = fit([row.others for row in rows], self._job.columns)
        columns = []
        for field in self._schema:
            name = field.name
            if name == SPANS:
                columns.append(spans if self._job.form == "full" else minimised(spans))
                continue
            if name == SPAN_DETAILS:
                columns.append(details)
                continue
            if name not in values:
                source = extra if name in (MENTIONS, PROVENANCE) else others
                values[name] = [row.get(name) for row in source]
            columns.append(_column(field, values[name], problems))
        return columns

    def flush(self) -> None:
        """Writes what waits, as one row group: so the bytes depend on the rows alone."""
        if self._table is not None and self._rows:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._table.write_table(table, row_group_size=self._rows)
        self._waiting, self._rows = [], 0


def _column(field: pa.Field, values: list[Any], problems: dict[int, str]) -> pa.Array:
    """The values in a column's type; what does not fit is empty there and a problem."""
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        pass
    for number, value in enumerate(values):
        try:
            pa.array([value], field.type)
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            problems[number] = f"{field.name}: wanted {field.type}: {error}"
            values[number] = None
    return pa.array(values, field.type)
