"""Reads and writes records as Parquet, both in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from concept_linker.errors import ImageError, InputError, SourceError
from concept_linker.images.files import read_image
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.json_lines import Progress
from concept_linker.triplets.parquet_schema import IMAGE_BYTES, IMAGE_TYPE, METADATA
from concept_linker.triplets.record import MINIMISED_KEYS, PROVENANCE, RECORD_KEYS, SPAN_DETAILS

__all__ = [
    "IMAGE_BYTES",
    "ParquetWriter",
    "batch_rows",
    "open_parquet",
    "other_columns",
    "read_batches",
    "read_metadata",
    "read_rows",
    "read_schema",
]

_ROW_GROUP: Final = 10_000
#: With images, row groups are small, as Hugging Face writes them: readers load a whole group.
_IMAGES_GROUP: Final = 100
_IMAGES_BYTES: Final = 1 << 25


class ParquetWriter:
    """Writes rows in row groups of a fixed size, so that the bytes depend on the rows alone.

    Args:
        path: the file.
        schema: see :func:`~concept_linker.triplets.parquet_schema.record_schema`.
        images: the folder of images; ``None`` if rows carry the bytes themselves (under
            :data:`IMAGE_BYTES`) or the file has no images.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, images: Path | None = None) -> None:
        self._schema = schema
        self._images = images
        self._with_images = schema.field("image").type == IMAGE_TYPE
        self._names = frozenset(schema.names)
        checked = {*RECORD_KEYS, PROVENANCE}
        self._others = [field for field in schema if field.name not in checked]
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")

    def write(self, row: dict[str, Any]) -> None:
        """Writes one row completely, or raises and writes nothing of it.

        Raises:
            InputError: a key has no column, the image is not in the folder, or a value does not
                fit its column.
        """
        if self._with_images:
            row, size = self._with_image(row)
            self._bytes += size
        if not row.keys() <= self._names:
            others = ", ".join(sorted(row.keys() - self._names))
            raise InputError(f"the row has {others}, for which the file has no column")
        for field in self._others:
            try:
                pa.array([row.get(field.name)], field.type)
            except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
                raise InputError(f"{field.name}: expected {field.type}: {error}") from error
        self._rows.append(row)
        most = _IMAGES_GROUP if self._with_images else _ROW_GROUP
        if len(self._rows) >= most or self._bytes >= _IMAGES_BYTES:
            self._flush()

    def _with_image(self, row: dict[str, Any]) -> tuple[dict[str, Any], int]:
        row = dict(row)
        data = row.pop(IMAGE_BYTES, None)
        if self._images is not None:
            try:
                data = read_image(self._images, row["image"])
            except ImageError as error:
                raise InputError(str(error)) from error
        row["image"] = {"bytes": data, "path": row["image"]}
        return row, len(data or b"")

    def _flush(self) -> None:
        if self._rows:
            table = pa.Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table, row_group_size=len(self._rows))
        self._rows, self._bytes = [], 0

    def close(self) -> None:
        """Writes the remaining rows and the end of the file."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Closes the file without the remaining rows."""
        self._writer.close()


def read_schema(path: Path) -> pa.Schema:
    """Returns the schema of a Parquet file; raises as :func:`open_parquet`."""
    with open_parquet(path) as file:
        return file.schema_arrow


def other_columns(path: Path) -> pa.Schema:
    """The columns of a Parquet file besides the record, its provenance and its span details."""
    known = {*RECORD_KEYS, PROVENANCE, SPAN_DETAILS}
    return pa.schema([field for field in read_schema(path) if field.name not in known])


def read_metadata(path: Path) -> dict[str, Any]:
    """Returns how the records of a Parquet file were made; empty if the file does not say."""
    about = (read_schema(path).metadata or {}).get(METADATA, b"{}")
    try:
        made = json.loads(about)
    except ValueError:
        made = None
    return made if isinstance(made, dict) else {}


def read_rows(
    path: Path,
    *,
    images: bool = False,
    details: bool = False,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any] | BadRow]:
    """Yields the rows of a Parquet file, with the record's keys first and in their order.

    Args:
        path: the file.
        images: rows include their image's bytes under :data:`IMAGE_BYTES`.
        details: rows include the details of their spans under ``span_details``.
        progress: called with the number of bytes read since the last call, estimated from the
            share of rows.

    Raises:
        SourceError: it is damaged, or lacks a column of the record.
        OSError: it cannot be opened.
    """
    with open_parquet(path) as file:
        names = file.schema_arrow.names
        form = RECORD_KEYS if "pmid" in names else MINIMISED_KEYS
        missing = [name for name in form if name not in names]
        if missing:
            raise SourceError(path, f"has no column {missing[0]!r}, expected {', '.join(form)}")
        bundled = pa.types.is_struct(file.schema_arrow.field("image").type)
        left_out = {*form} if details else {*form, SPAN_DETAILS}
        order = [*form, *(name for name in names if name not in left_out)]
        size = path.stat().st_size / max(1, file.metadata.num_rows)
        columns = order
        if bundled and not images:
            columns = [name if name != "image" else "image.path" for name in order]
        reported = number = 0
        for batch in read_batches(path, file, columns, 50 if bundled and images else 1000):
            for row in batch_rows(batch.select(order)):
                number += 1
                if bundled and isinstance(row, dict):
                    image = row["image"] or {}
                    row["image"] = image.get("path")
                    if images:
                        row[IMAGE_BYTES] = image.get("bytes")
                yield row
            if progress is not None:
                progress(int(number * size) - reported)
                reported = int(number * size)


def read_batches(
    path: Path, file: pq.ParquetFile, columns: list[str], batch_size: int
) -> Iterator[pa.RecordBatch]:
    """Yields the rows of an open file in batches of at most ``batch_size``.

    Raises:
        SourceError: it is damaged.
        OSError: it cannot be read.
    """
    batches = file.iter_batches(batch_size, columns=columns, use_threads=False)
    number = 0
    while True:
        try:
            batch = next(batches, None)
        except (OSError, pa.ArrowException) as error:
            _raise_system_error(error)
            raise SourceError(path, f"damaged: {error}", line=number + 1) from error
        if batch is None:
            return
        yield batch
        number += len(batch)


def batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | BadRow]:
    """Yields the rows of a batch as plain values; a row that is not UTF-8 is a bad row."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:  # in one of the rows: find it
        for number in range(len(batch)):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError as error:
                yield BadRow((Breach("record", f"not UTF-8 ({error.reason})"),))


def open_parquet(path: Path) -> pq.ParquetFile:
    """Opens a file for reading in constant memory.

    Raises:
        SourceError: it is not a complete Parquet file, or two of its columns have the same name.
        OSError: it cannot be opened.
    """
    try:
        file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, pa.ArrowException) as error:
        _raise_system_error(error)
        raise SourceError(path, f"not a complete Parquet file: {error}") from error
    if duplicate := _duplicate_name(file.schema_arrow, ""):
        file.close()
        raise SourceError(path, f"has two columns named {duplicate!r}, expected unique names")
    return file


def _duplicate_name(fields: Iterable[pa.Field], place: str) -> str | None:
    """A name that two columns, or two fields of one struct, have in common."""
    known: set[str] = set()
    for field in fields:
        if field.name in known:
            return f"{place}{field.name}"
        known.add(field.name)
        kind = field.type
        while pa.types.is_list(kind) or pa.types.is_large_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind) and (inside := _duplicate_name(kind, f"{place}{field.name}.")):
            return inside
    return None


def _raise_system_error(error: Exception) -> None:
    """Re-raises errors of the system.  Arrow's OSError for damage has no number."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error
