"""Reads tar archives as streams, block by block, without unpacking them to disk.

Names in an archive are never used as paths, links are ignored, and memory does not grow with the
archive. ``tarfile`` is not safe with bad archives: it treats a damaged header as the end, reads
attributes of any size, and takes quadratic time, and one level of recursion for each attribute in a
row. This reader makes one pass, and everything it cannot read is an error.

A plain tar has checksums of its headers only. The checksum of the contents is that of the
compression.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

__all__ = ["BLOCK", "ArchiveError", "Member", "is_tar", "read_archive"]

BLOCK = 512
#: The maximum size in bytes of a member's long name or attributes; a path has at most 4,096.
_MAX_ATTRIBUTES = 1 << 20
#: An archive larger than this (bytes) may not be larger than its compressed size times this.
_LARGE, _MAX_RATIO = 1 << 30, 1000
_CHUNK = 1 << 20
_FILES, _SPARSE, _WITHOUT_DATA = b"\x0007", ord("S"), b"123456"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"LKxg"


class ArchiveError(Exception):
    """The rest of an archive cannot be read."""


class Member(NamedTuple):
    """A file in an archive; ``data`` is ``None`` if the file is too large."""

    name: str
    data: bytes | None


def is_tar(head: bytes) -> bool:
    """Whether the first block of a file is that of a tar archive."""
    return head.startswith(b"ustar", 257)


def read_archive(
    stream: IO[bytes],
    head: bytes,
    packed: Callable[[], int],
    accept: Callable[[str], bool],
    max_size: int,
) -> Iterator[Member]:
    """Yields some files of an archive, in order.

    Args:
        stream: the decompressed archive, after its first block.
        head: the first block.
        packed: returns the number of compressed bytes read so far.
        accept: whether to yield a file, by its name.
        max_size: the maximum size of a file in bytes.

    Raises:
        ArchiveError: the archive is cut or damaged, or not an archive; the files before the error
            have been yielded.
        EOFError, OSError: the compressed stream is damaged.
    """
    blocks = _Blocks(stream, head, packed)
    name, size = "", None  # from the blocks before the member's header
    while not _is_end(block := blocks.header()):
        header = _Header.of(block)
        if header.kind in (_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL):
            if not header.size <= _MAX_ATTRIBUTES:
                raise ArchiveError(
                    f"{header.size:,} bytes of attributes, expected at most {_MAX_ATTRIBUTES:,}"
                )
            attributes = blocks.read(header.size)
            if header.kind == _LONG_NAME:
                name = _text(attributes)
            elif header.kind == _PAX:
                records = dict(_pax(attributes))
                name = _text(records.get(b"path", b"")) or name
                size = _whole(records[b"size"]) if b"size" in records else size
            continue
        name, size = name or header.name, header.size if size is None else size
        if header.kind == _SPARSE:
            more = block[482]
            while more:
                more = blocks.read(BLOCK)[504]
        if header.kind in _FILES and accept(name):
            if size <= max_size:
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
        if _number(block[148:156]) not in (summed, signed):  # older programs sum signed bytes
            raise ArchiveError("header with a wrong checksum")
        name, size = _text(block[:100]), _number(block[124:136])
        if size < 0:
            raise ArchiveError(f"header with the size {size:,}")
        if block.startswith(b"ustar\0", 257) and (prefix := _text(block[345:500])):
            name = f"{prefix}/{name}"
        return cls(name, size, block[156])


def _number(field: bytes) -> int:
    """Returns a number: octal digits, or binary if the high bit is set."""
    if field[0] & 0x80:
        size = int.from_bytes(field, "big", signed=True)
        return size if field[0] == 0xFF else size + (1 << (8 * len(field) - 1))
    return _whole(field.partition(b"\0")[0].strip() or b"0", 8)


def _whole(digits: bytes, base: int = 10) -> int:
    if not digits.isdigit() or len(digits) > 20:
        raise ArchiveError(f"header with the number {digits[:20]!r}, expected digits")
    try:
        return int(digits, base)
    except ValueError:
        raise ArchiveError(f"header with the number {digits[:20]!r}, expected digits") from None


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the (key, value) pairs of a POSIX header: ``LENGTH KEY=VALUE`` and a line feed."""
    start = 0
    while start < len(data) and data[start]:
        blank = data.find(b" ", start, start + 21)
        end = start + _whole(data[start:blank] if blank > 0 else data[start : start + 21])
        key, equals, value = data[blank + 1 : end - 1].partition(b"=")
        if not blank < end <= len(data) or not equals or data[end - 1] != 0x0A:
            raise ArchiveError("malformed attributes, expected LENGTH KEY=VALUE")
        yield key, value
        start = end


class _Blocks:
    """Reads a stream in blocks, and checks that it does not end early."""

    def __init__(self, stream: IO[bytes], head: bytes, packed: Callable[[], int]) -> None:
        self._stream, self._head, self._packed = stream, head, packed
        self._size = len(head)

    def header(self) -> bytes:
        """Returns the next block."""
        block, self._head = self._head or self._stream.read(BLOCK), b""
        self._size += BLOCK
        if len(block) < BLOCK:
            raise ArchiveError("the archive has no end mark")
        return block

    def read(self, size: int) -> bytes:
        """Returns ``size`` bytes and skips the rest of their last block."""
        data = self._stream.read(size + -size % BLOCK)
        self._size += len(data)
        if len(data) < size:
            raise ArchiveError("the archive ends within a file")
        return data[:size]

    def skip(self, size: int) -> None:
        """Skips ``size`` bytes and the rest of their last block."""
        left = size + -size % BLOCK
        while left:
            data = self._stream.read(min(left, _CHUNK))
            if not data:
                raise ArchiveError("the archive ends within a file")
            left -= len(data)
            self._size += len(data)
            if self._size > _LARGE and self._size > _MAX_RATIO * self._packed():
                raise ArchiveError(
                    f"the archive unpacks to more than {_MAX_RATIO:,} times its size"
                )

    def check_end(self) -> None:
        """Reads to the end, so that the compression's checksum is verified and nothing follows."""
        rest = self._stream.read(BLOCK)
        if len(rest) < BLOCK:
            raise ArchiveError("the archive has no end mark")
        while rest:
            if rest.count(0) != len(rest):
                raise ArchiveError("the archive has data after its end mark")
            rest = self._stream.read(_CHUNK)
