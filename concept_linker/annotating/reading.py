"""Rows out of files as they stand there, cut into shards by their place in the input.

Whoever reads does not look into rows: that costs as much as writing them, so the workers do it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from concept_linker.annotating.inputs import InputFile
from concept_linker.annotating.raw import RawRow, raw_rows
from concept_linker.triplets.parquet_files import open_parquet, read_batches

__all__ = ["MOST_BYTES", "RAW", "Shard", "ShardSource", "cut", "is_image", "usual_rows"]

#: A shard ends early where its rows have so many bytes together, so memory has a bound.
MOST_BYTES = 1 << 26
#: Rows of a file of lines as they travel to a worker.  Where ``problem`` is given, ``line`` is what
#: to show of a row that is none.
RAW = pa.schema(
    [
        ("number", pa.int64()),
        ("line", pa.binary()),
        ("problem", pa.string()),
        ("provenance", pa.binary()),
    ]
)
_BATCH = 250
#: Shards grow, eight of a size, from the least to the most rows.
_LEAST, _MOST, _OF_A_SIZE = 250, 5000, 8


def usual_rows(number: int) -> int:
    """How many rows a shard has where nothing else is asked for.

    Small at first, so that a small input has enough of them for all workers and little is lost with
    one; by place alone, so that the same input has the same shards.

    >>> [usual_rows(number) for number in (0, 7, 8, 31, 32, 1000)]
    [250, 250, 500, 2000, 4000, 5000]
    """
    return min(_MOST, _LEAST << min(number // _OF_A_SIZE, 5))


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive rows of the input.

    Args:
        number: its place among the shards, from 0.
        pieces: the rows of each file in it, as Arrow streams of one batch; their metadata says
            which ``file``, and of a Parquet file the number of the ``first`` row.
        rows: how many.
        read: how many bytes of the files were read for it.
    """

    number: int
    pieces: tuple[bytes, ...]
    rows: int
    read: int

    def sha256(self) -> str:
        """The checksum of the rows as they travel, with their files and places."""
        checksum = hashlib.sha256()
        for piece in self.pieces:
            checksum.update(piece)
        return checksum.hexdigest()


class _Growing:
    """The shard that is being filled, and how much of the files has been read for it."""

    def __init__(self, rows: int | None) -> None:
        self._limit = rows
        self._read = 0
        self._number = -1
        self._begin()

    def _begin(self) -> None:
        self._pieces: list[bytes] = []
        self._bytes = 0
        self.rows = 0
        self._number += 1

    def read(self, count: int) -> None:
        self._read += count

    @property
    def room(self) -> tuple[int, int]:
        """How many rows it may still take, and after how many bytes it is full."""
        limit = usual_rows(self._number) if self._limit is None else self._limit
        return limit - self.rows, MOST_BYTES - self._bytes

    def add(self, batch: pa.RecordBatch, about: dict[str, str]) -> None:
        sink = pa.BufferOutputStream()
        batch = batch.replace_schema_metadata(about)
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        self._pieces.append(sink.getvalue().to_pybytes())
        self.rows += len(batch)
        self._bytes += batch.nbytes

    def full(self) -> bool:
        rows, size = self.room
        return rows <= 0 or size <= 0

    def take(self) -> Shard:
        shard = Shard(self._number, tuple(self._pieces), self.rows, self._read)
        self._begin()
        self._read = 0
        return shard


def cut(files: Sequence[InputFile], rows: int | None) -> Iterator[Shard]:
    """Cuts the input into shards: the same input, the same shards.

    Args:
        files: in order; a shard may end in another file than it begins in.
        rows: how many a shard has, or fewer if they are very long; else :func:`usual_rows`.

    Raises:
        BatchError: a file is gone or has been changed since it was identified.
        SourceError: a Parquet file is damaged, or a side-car has not as many rows as its file.
        OSError: a file cannot be read.
    """
    growing = _Growing(rows)
    for file in files:
        file.check()
        pieces = _table_pieces if file.kind == "parquet" else _line_pieces
        for batch, about in pieces(file, growing):
            growing.add(batch, {"file": file.name, **about})
            if growing.full():
                yield growing.take()
        file.check()
    if growing.rows:
        yield growing.take()


@dataclass(frozen=True, slots=True)
class ShardSource:
    """The shards of an input that are still to be done; read anew by every loop over it.

    Args:
        files: the input.
        rows: how many a shard has, as in :func:`cut`.
        finished: the numbers of those that are done.
    """

    files: tuple[InputFile, ...]
    rows: int | None
    finished: frozenset[int]

    def all(self) -> Iterator[Shard]:
        """Those that are done, too; errors as in :func:`cut`."""
        return cut(self.files, self.rows)

    def __iter__(self) -> Iterator[Shard]:
        return (shard for shard in self.all() if shard.number not in self.finished)

    def changed(self, checksums: Mapping[int, str]) -> set[int]:
        """The numbers of shards whose rows are not what the input holds now.

        Args:
            checksums: number → :meth:`Shard.sha256` when it was annotated.

        Raises:
            BatchError, SourceError, OSError: as :func:`cut`.
        """
        left = dict(checksums)
        shards = self.all() if left else iter(())
        for shard in shards:
            if left.get(shard.number) == shard.sha256():
                del left[shard.number]
            if shard.number >= max(checksums):
                break
        return set(left)

    def without(self, finished: Iterable[int]) -> ShardSource:
        """What is left when more are done."""
        return replace(self, finished=self.finished | frozenset(finished))


def _line_pieces(
    file: InputFile, growing: _Growing
) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
    waiting: list[RawRow] = []
    size = 0
    most_rows, most_bytes = growing.room
    for row in raw_rows(file, growing.read):
        waiting.append(row)
        size += len(row.line)
        if len(waiting) >= most_rows or size >= most_bytes:
            yield _batch_of(waiting), {}
            waiting, size = [], 0
            most_rows, most_bytes = growing.room
    if waiting:
        yield _batch_of(waiting), {}


def _batch_of(rows: list[RawRow]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, RAW, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=RAW)


def _table_pieces(
    file: InputFile, growing: _Growing
) -> Iterator[tuple[pa.RecordBatch, dict[str, str]]]:
    with open_parquet(file.path) as opened:
        # Of images that are in the file, where they come from is enough.
        columns = [
            f"{field.name}.path" if is_image(field) else field.name for field in opened.schema_arrow
        ]
        size = file.bytes / max(1, opened.metadata.num_rows)
        first = 1
        for batch in read_batches(file.path, opened, columns, _BATCH):
            growing.read(int((first - 1 + len(batch)) * size) - int((first - 1) * size))
            while len(batch):
                part = batch.slice(0, growing.room[0])
                yield part, {"first": str(first)}
                first += len(part)
                batch = batch.slice(len(part))


def is_image(field: pa.Field) -> bool:
    """Whether a column holds images as ``datasets`` writes them: bytes and a path."""
    return pa.types.is_struct(field.type) and {"bytes", "path"} == {f.name for f in field.type}
