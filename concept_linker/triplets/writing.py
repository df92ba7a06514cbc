"""Writes files of records, whole or not at all: JSON Lines (plain, gzip, zstd) and Parquet."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from concept_linker.errors import InputError, SettingsError
from concept_linker.files import write_whole
from concept_linker.triplets.record import PROVENANCE, Form, dump
from concept_linker.triplets.record_files import check_ending, side_car

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RecordWriter", "open_writer"]

_FLUSH = 1 << 19


class RecordWriter(Protocol):
    """Takes rows; made by :func:`open_writer`."""

    def write(self, row: dict[str, Any]) -> None:
        """Writes one row completely, or raises and writes nothing of it.

        Raises:
            InputError: the row does not fit this file.
            OSError: the file cannot be written.
        """


@contextmanager
def open_writer(
    path: Path | str,
    *,
    form: Form = "full",
    provenance: bool = False,
    images: Path | bool = False,
    columns: pa.Schema | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Iterator[RecordWriter]:
    """Opens a file for rows; it appears under its name when the block ends without an error.

    The same rows give the same bytes.

    Args:
        path: ends in ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``.
        form: full or minimised.
        provenance: rows have the key ``provenance``; for JSON Lines it goes into the side-car.
            Without it, an old side-car of that name is removed.
        images: Parquet only. The folder of images, whose bytes go into the file; or ``True``: the
            rows have them under ``image_bytes``.
        columns: Parquet only. The columns that follow those of the record.
        metadata: Parquet only. How the records were made.

    Raises:
        SettingsError: another ending, or images in JSON Lines.
        OSError: it cannot be written; an existing file stays as it was.
    """
    path = Path(path)
    ending = check_ending(path)
    if ending == ".parquet":
        from concept_linker.triplets.parquet_files import ParquetWriter
        from concept_linker.triplets.parquet_schema import record_schema

        schema = record_schema(
            form,
            images=bool(images),
            provenance=provenance,
            columns=columns,
            metadata=metadata,
        )
        folder = images if isinstance(images, Path) else None
        with write_whole(path) as part:
            table = ParquetWriter(part, schema, images=folder)
            try:
                yield table
                table.close()
            except BaseException:
                table.abandon()
                raise
        return
    if images:
        raise SettingsError(f"{path}: JSON Lines cannot hold images, expected .parquet")
    with ExitStack() as stack:
        records = stack.enter_context(_open_compressed(path, ending))
        about = None
        if provenance:
            about = stack.enter_context(_open_compressed(side_car(path), ending))
        writer = _LinesWriter(records, about)
        yield writer
        writer.flush()
    if not provenance:  # an old side-car would join to the new records
        side_car(path).unlink(missing_ok=True)


class _LinesWriter:
    def __init__(self, records: IO[bytes], about: IO[bytes] | None) -> None:
        self._streams = [(records, _Buffer())]
        if about is not None:
            self._streams.append((about, _Buffer()))

    def write(self, row: dict[str, Any]) -> None:
        parts: list[Any] = [row]
        if PROVENANCE in row:
            parts = [{key: row[key] for key in row if key != PROVENANCE}, row[PROVENANCE]]
        if len(parts) != len(self._streams):
            has = "has" if len(parts) == 2 else "does not have"
            raise InputError(f"the row {has} provenance, contrary to how the file was opened")
        try:
            texts = [dump(part) for part in parts]
        except (ValueError, TypeError) as error:
            raise InputError(f"the row cannot be written as JSON: {error}") from error
        for (stream, buffer), text in zip(self._streams, texts, strict=True):
            if buffer.add(text) >= _FLUSH:
                stream.write(buffer.take())

    def flush(self) -> None:
        for stream, buffer in self._streams:
            stream.write(buffer.take())


class _Buffer:
    """Collects lines: compressors are slow when they get little at a time."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0

    def add(self, line: str) -> int:
        self._lines.append(line)
        self._size += len(line)
        return self._size

    def take(self) -> bytes:
        text = "".join(f"{line}\n" for line in self._lines)
        self._lines, self._size = [], 0
        return text.encode("ascii")


@contextmanager
def _open_compressed(path: Path, ending: str) -> Iterator[Any]:
    with write_whole(path) as part, part.open("wb") as file:
        if ending.endswith(".gz"):  # without name and time: the same rows give the same bytes
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as stream:
                yield stream
        elif ending.endswith(".zst"):
            import pyarrow as pa

            with pa.output_stream(file, compression="zstd") as stream:
                yield stream
        else:
            yield file
