"""Tar archives read as streams, block by block: never unpacked to disk, never without end.

Names in an archive cannot lead anywhere, links in it are no files, and its size does not matter.
``tarfile`` would do but for what it does with bad ones: it takes a damaged header for the end,
reads attributes of any size, and takes quadratic time for some and a call for each in a row.  Here
one pass is made, and what cannot be read is an error.

A plain tar has sums of its headers only; that the contents are right is told by what it is packed
with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

__all__ = ["BLOCK", "ArchiveError", "Member", "is_tar", "read_archive"]

BLOCK = 512
#: The most bytes of the names and attributes that stand before a member; paths have 4,096.
_MOST_ABOUT = 1 << 20
#: From so many bytes on an archive may not be more than so many times what it is packed in.
_LARGE, _MOST_TIMES = 1 << 30, 1000
_CHUNK = 1 << 20
_FILES, _SPARSE, _WITHOUT_DATA = b"\x0007", ord("S"), b"123456"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_OF_ALL = b"LKxg"


class ArchiveError(Exception):
    """An archive cannot be read on from here."""


class Member(NamedTuple):
    """A file in an archive; ``data`` is ``None`` where it has more bytes than are wanted."""

    name: str
    data: bytes | None


def is_tar(head: bytes) -> bool:
    """Whether the first block of a file is that of an archive."""
    return head.startswith(b"ustar", 257)


def read_archive(
    stream: IO[bytes],
    head: bytes,
    packed: Callable[[], int],
    wanted: Callable[[str], bool],
    most: int,
) -> Iterator[Member]:
    """The files of an archive that are wanted, one after the other.

    Args:
        stream: the archive, without its packing.
        head: its first block, read already.
        packed: how many bytes of the packed file have been read.
        wanted: asked by a file's name.
        most: the most bytes of a file that are read.

    Raises:
        ArchiveError: cut, damaged, or no archive; all before it is given.
        EOFError, OSError: the packing is damaged.
    """
    blocks = _Blocks(stream, head, packed)
    name, size = "", None  # what stands before a member of its name and size
    while not _is_end(block := blocks.header()):
        header = _Header.of(block)
        if header.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_OF_ALL):
            if not header.size <= _MOST_ABOUT:
                raise ArchiveError(
                    f"{header.size:,} bytes of attributes, wanted at most {_MOST_ABOUT:,}"
                )
            about = blocks.read(header.size)
            if header.kind == _LONG_NAME:
                name = _text(about)
            elif header.kind == _PAX:
                records = dict(_pax(about))
                name = _text(records.get(b"path", b"")) or name
                size = _whole(records[b"size"]) if b"size" in records else size
            continue
        name, size = name or header.name, header.size if size is None else size
        if header.kind == _SPARSE:
            more = block[482]
            while more:
                more = blocks.read(BLOCK)[504]
        if header.kind in _FILES and wanted(name):
            if size <= most:
                yield Member(name, blocks.read(size))
            else:
                blocks.skip(size)
                yield Member(name, None)
        elif header.kind not in _WITHOUT_DATA:
            blocks.skip(size)
        name, size = "", None
    blocks.check_end()


def _is_end(block: bytes) -> bool:
    return block.count(0) == BLOCK


class _Header(NamedTuple):
    name: str
    size: int
    kind: int

    @classmethod
    def of(cls, block: bytes) -> _Header:
        summed = sum(block[:148]) + 8 * 0x20 + sum(block[156:])
        signed = summed - 256 * sum(byte > 127 for byte in block[:148] + block[156:])
        if _number(block[148:156]) not in (summed, signed):  # the old way of summing up
            raise ArchiveError("a header that does not fit its checksum")
        name, size = _text(block[:100]), _number(block[124:136])
        if size < 0:
            raise ArchiveError(f"a header with the size {size:,}")
        if block.startswith(b"ustar\0", 257) and (prefix := _text(block[345:500])):
            name = f"{prefix}/{name}"
        return cls(name, size, block[156])


def _number(field: bytes) -> int:
    """Octal digits, or from a set high bit on a binary number."""
    if field[0] & 0x80:
        size = int.from_bytes(field, "big", signed=True)
        return size if field[0] == 0xFF else size + (1 << (8 * len(field) - 1))
    return _whole(field.partition(b"\0")[0].strip() or b"0", 8)


def _whole(digits: bytes, base: int = 10) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise ArchiveError(f"a header with the number {digits[:20]!r}")
    try:
        return int(digits, base)
    except ValueError:
        raise ArchiveError(f"a header with the number {digits[:20]!r}") from None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The records of a POSIX header: ``LENGTH KEY=VALUE`` and a line feed."""
    start = 0
    while start < len(data) and data[start]:
        blank = data.find(b" ", start, start + 21)
        end = start + _whole(data[start:blank] if blank > 0 else data[start : start + 21])
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not blank < end <= len(data) or not equals or data[end - 1] != 0x0A:
            raise ArchiveError("attributes that cannot be read")
        yield key, value
        start = end


class _Blocks:
    """Reads what a header says, as far as it is there."""

    def __init__(self, stream: IO[bytes], head: bytes, packed: Callable[[], int]) -> None:
        self._stream, self._head, self._packed = stream, head, packed
        self._size = len(head)

    def header(self) -> bytes:
        """The next block."""
        block, self._head = self._head or self._stream.read(BLOCK), b""
        self._size += BLOCK
        if len(block) < BLOCK:
            raise ArchiveError("it has no end mark")
        return block

    def read(self, size: int) -> bytes:
        """So many bytes; passes over the rest of their last block."""
        data = self._stream.read(size + -size % BLOCK)
        self._size += len(data)
        if len(data) < size:
            raise ArchiveError("it ends within a file")
        return data[:size]

    def skip(self, size: int) -> None:
        """Passes over so many bytes, however many are claimed."""
        left = size + -size % BLOCK
        while left:
            data = self._stream.read(min(left, _CHUNK))
            if not data:
                raise ArchiveError("it ends within a file")
            left -= len(data)
            self._size += len(data)
            if self._size > _LARGE and self._size > _MOST_TIMES * self._packed():
                raise ArchiveError(f"it unpacks to more than {_MOST_TIMES:,} times its size")

    def check_end(self) -> None:
        """Reads on to the end, so that the packing's sum is checked and nothing passed over."""
        rest = self._stream.read(BLOCK)
        if len(rest) < BLOCK:
            raise ArchiveError("it has no end mark")
        while rest:
            if rest.count(0) != len(rest):
                raise ArchiveError("it goes on behind its end mark")
            rest = self._stream.read(_CHUNK)
