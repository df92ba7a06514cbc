"""Cuts the input into shards of raw rows, by their place in the input alone.

The reader does not parse rows; the workers do, because parsing costs as much as writing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from concept_linker.annotating.inputs.columns import is_image_column
from concept_linker.annotating.inputs.files import InputFile
from concept_linker.annotating.inputs.raw_rows import RawRow, read_raw_rows
from concept_linker.triplets.parquet_files import open_parquet, read_batches

__all__ = ["MAX_SHARD_BYTES", "Shard", "ShardSource", "cut_shards", "default_shard_rows"]

#: A shard ends early if its rows have this many bytes, so that memory is bounded.
MAX_SHARD_BYTES = 1 << 26
#: The rows of a text file as they are sent to a worker.  If ``problem`` is set, the row is bad, and
#: ``line`` is what to show of it.
_RAW_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("line", pa.binary()),
        ("problem", pa.string()),
        ("provenance", pa.binary()),
    ]
)
#: Rows that are read from Parquet at a time.
_BATCH_SIZE = 250
#: The default size of shards grows from the first to the second number of rows, by doubling after
#: every eight shards.
_MIN_ROWS, _MAX_ROWS, _SHARDS_PER_SIZE = 250, 5000, 8


def default_shard_rows(number: int) -> int:
    """Returns the default number of rows of a shard.

    The first shards are small, so that a small input has enough of them for all workers and
    little is lost with one.  The size depends on the number alone, so that the same input gives
    the same shards.

    >>> [default_shard_rows(number) for number in (0, 7, 8, 31, 32, 1000)]
    [250, 250, 500, 2000, 4000, 5000]
    """
    return min(_MAX_ROWS, _MIN_ROWS << min(number // _SHARDS_PER_SIZE, 5))


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive rows of the input.

    Args:
        number: the shard's number, from 0.
        pieces: the rows of each file in it, as Arrow streams of one batch.  Their metadata has the
            ``file`` and, for Parquet, the number of the ``first`` row.
        rows: the number of rows.
        read: the number of bytes read from the files for it.
    """

    number: int
    pieces: tuple[bytes, ...]
    rows: int
    read: int

    def sha256(self) -> str:
        """Returns the checksum of the rows with their files and places."""
        checksum = hashlib.sha256()
        for piece in self.pieces:
            checksum.update(piece)
        return checksum.hexdigest()


class _ShardBuilder:
    """Fills one shard after the other, and counts the bytes read for each."""

    def __init__(self, rows: int | None) -> None:
        self._limit = rows
        self._read = 0
        self._number = -1
        self._start()

    def _start(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self.rows = 0
        self._number += 1

    def count_read(self, size: int) -> None:
        self._read += size

    @property
    def capacity(self) -> tuple[int, int]:
        """The number of rows and bytes that the shard can still take."""
        limit = default_shard_rows(self._number) if self._limit is None else self._limit
        return limit - self.rows, MAX_SHARD_BYTES - self._bytes

    def add(self, batch: pa.RecordBatch, metadata: dict[str, str]) -> None:
        sink = pa.BufferOutputStream()
        batch = batch.replace_schema_metadata(metadata)
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        self._pieces.append(sink.getvalue().to_pybytes())
        self.rows += len(batch)
        self._bytes += batch.nbytes

    def is_full(self) -> bool:
        return min(self.capacity) <= 0

    def finish(self) -> Shard:
        shard = Shard(self._number, tuple(self._pieces), self.rows, self._read)
        self._start()
        self._read = 0
        return shard


def cut_shards(files: Sequence[InputFile], rows: int | None) -> Iterator[Shard]:
    """Cuts the input into shards; the same input gives the same shards.

    Args:
        files: the input, in order; a shard may begin in one file and end in another.
        rows: the number of rows per shard, fewer if they are very long; ``None`` means
            :func:`default_shard_rows`.

    Raises:
        BatchError: a file was removed or changed since it was identified.
        SourceError: a Parquet file is damaged, or a side-car has more or fewer rows than its file.
        OSError: a file cannot be read.
    """
    builder = _ShardBuilder(rows)
    for file in files:
        file.check()
        batches = _parquet_batches if file.kind == "parquet" else _text_batches
        for batch, metadata in batches(file, builder):
            builder.add(batch, {"file": file.name, **metadata})
            if builder.is_full():
                yield builder.finish()
        file.check()
    if builder.rows:
        yield builder.finish()


@dataclass(frozen=True, slots=True)
class ShardSource:
    """The shards of an input that are not finished; every iteration reads the input again.

    Args:
        files: the input.
        rows: the number of rows per shard, as in :func:`cut_shards`.
        finished: the numbers of the finished shards.
    """

    files: tuple[InputFile, ...]
    rows: int | None
    finished: frozenset[int]

    def all_shards(self) -> Iterator[Shard]:
        """Yields all shards, finished or not; raises what :func:`cut_shards` raises."""
        return cut_shards(self.files, self.rows)

    def __iter__(self) -> Iterator[Shard]:
        return (shard for shard in self.all_shards() if shard.number not in self.finished)

    def changed(self, checksums: Mapping[int, str]) -> set[int]:
        """Returns the numbers of shards whose rows differ from what the input holds now.

        Args:
            checksums: number → :meth:`Shard.sha256` when the shard was annotated.

        Raises:
            BatchError, SourceError, OSError: see :func:`cut_shards`.
        """
        left = dict(checksums)
        shards = self.all_shards() if left else iter(())
        for shard in shards:
            if left.get(shard.number) == shard.sha256():
                del left[shard.number]
            if shard.number >= max(checksums):
                break
        return set(left)

    def without(self, finished: Iterable[int]) -> ShardSource:
        """Returns the source without these shards."""
        return replace(self, finished=self.finished | frozenset(finished))


def _text_batches(
    file: InputFile, builder: _ShardBuilder
) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
    pending: list[RawRow] = []
    size = 0
    max_rows, max_bytes = builder.capacity
    for row in read_raw_rows(file, builder.count_read):
        pending.append(row)
        size += len(row.line)
        if len(pending) >= max_rows or size >= max_bytes:
            yield _batch_of(pending), {}
            pending, size = [], 0
            max_rows, max_bytes = builder.capacity
    if pending:
        yield _batch_of(pending), {}


def _batch_of(rows: list[RawRow]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [
        pa.array(column, kind.type) for column, kind in zip(columns, _RAW_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_RAW_SCHEMA)


def _parquet_batches(
    file: InputFile, builder: _ShardBuilder
) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
    with open_parquet(file.path) as opened:
        # Of images inside the file only their path is read.
        columns = [
            f"{field.name}.path" if is_image_column(field) else field.name
            for field in opened.schema_arrow
        ]
        row_bytes = file.bytes / max(1, opened.metadata.num_rows)
        first = 1
        for batch in read_batches(file.path, opened, columns, _BATCH_SIZE):
            end = first - 1 + len(batch)
            builder.count_read(int(end * row_bytes) - int((first - 1) * row_bytes))
            while len(batch):
                part = batch.slice(0, builder.capacity[0])
                yield part, {"first": str(first)}
                first += len(part)
                batch = batch.slice(len(part))
