"""Reads bytes and lines of plain and gzip-compressed files.

Files are read in chunks, so that no reader has a whole file in memory or needs to know how it is
packed.
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.source import Quarantine

__all__ = [
    "BROKEN",
    "LONGEST_LINE",
    "Part",
    "check_ratio",
    "chunks",
    "is_too_long",
    "join_parts",
    "lines",
    "not_utf8",
    "open_file",
    "text",
]

#: A line of this many bytes or more is not a line of a vocabulary, and is not kept in memory.
LONGEST_LINE = 1 << 22
_CHUNK = 1 << 24
# Compression shrinks vocabularies to a tenth. A file that unpacks to more than this many times its
# size is not a vocabulary.
_MAX_RATIO = 100
_SMALL = 1 << 26
_BOM = b"\xef\xbb\xbf"
_UTF_16 = 'UTF-16 (Excel\'s "Unicode text"; save it as CSV UTF-8)'
_WORKBOOK = "an Excel workbook or a zip archive (save it as CSV UTF-8, or unpack it)"
#: The first bytes of files that are mistaken for text.
_NOT_TEXT = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PK\x03\x04": _WORKBOOK,
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    b"\x1f\x8b": "a gzip file inside a gzip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"PAR1": "a Parquet file",
    b"%PDF": "a PDF file",
}
#: The errors of damaged files and archives.
BROKEN = (
    EOFError,
    OSError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,  # zipfile: a compression method that Python lacks
    RuntimeError,  # zipfile: a member with a password
)


def not_utf8(error: UnicodeDecodeError) -> str:
    """Returns the message about text that is not UTF-8."""
    return (
        f"not UTF-8: {error.reason}, perhaps Latin-1 or Windows-1252; save it as UTF-8 "
        "(in Excel: CSV UTF-8)"
    )


def is_too_long(line: bytes) -> str:
    """Returns the message about a line that is too long, else ``""``."""
    if len(line) < LONGEST_LINE:
        return ""
    return f"a line of {LONGEST_LINE >> 20} MiB or more, expected shorter lines"


def chunks(path: Path) -> Iterator[bytes]:
    """Yields the bytes of a plain or gzip file, without a byte order mark.

    The first bytes decide whether it is a gzip file, not its name.

    Raises:
        SourceError: the file cannot be opened, or its compressed stream is cut or damaged; the
            error has the line where the stream breaks off.
    """
    return join_parts([Part(str(path), path, lambda: open_file(path))])


def open_file(path: Path) -> IO[bytes]:
    """Opens a file; a pipe or device is an error."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(
            path, "is a pipe or device, expected a file, which can be read twice"
        )  # opening a pipe would block until something is written
    return path.open("rb")


def lines(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, str]]:
    """Yields each line that is UTF-8, with its number from 1 and without its line end.

    Args:
        path: a plain or gzip file.
        quarantine: collects lines that are not UTF-8 or too long.
    """
    number = 0
    for raw in _raw_lines(chunks(path)):
        number += 1
        if problem := is_too_long(raw):
            quarantine.bad(path, number, problem, row=raw[:1000].decode("utf-8", "replace"))
            continue
        try:
            line = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            shown = raw.decode("utf-8", "backslashreplace")
            quarantine.bad(path, number, not_utf8(error), row=shown)
            continue
        yield number, line


def text(path: Path) -> str:
    """Returns a whole plain or gzip file as text.

    Raises:
        SourceError: the file cannot be read, is not UTF-8, or unpacks to far more than its size.
    """
    pieces: list[bytes] = []
    size = 0
    for piece in chunks(path):
        pieces.append(piece)
        size += len(piece)
        check_ratio(str(path), size, path.stat().st_size)
    raw = b"".join(pieces)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SourceError(path, not_utf8(error), line=line) from error


def check_ratio(place: str, unpacked: int, packed: int) -> None:
    """Checks that a file unpacks to no more than a vocabulary would.

    Raises:
        SourceError: it unpacks to far more, as a decompression bomb does.
    """
    if unpacked > max(_SMALL, _MAX_RATIO * packed):
        raise SourceError(
            place,
            f"unpacks to more than {_MAX_RATIO} times its {packed:,} bytes, expected a vocabulary",
        )


def _raw_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the lines; a line that is too long is cut off."""
    rest = b""
    for piece in pieces:
        first, *others = piece.split(b"\n")
        rest = rest[:LONGEST_LINE] + first
        for line in others:
            yield rest.removesuffix(b"\r")
            rest = line
    if rest:
        yield rest.removesuffix(b"\r")


@dataclass(frozen=True, slots=True)
class Part:
    """One plain or packed file: its name for messages, its file on disk, and how to open it."""

    place: str
    file: Path
    open: Callable[[], IO[bytes]]


def join_parts(parts: list[Part]) -> Iterator[bytes]:
    """Yields the bytes of a file in several parts, in chunks."""
    line = 1
    start = True
    for part in parts:
        held: list[bytes] = []
        size = 0
        try:
            with part.open() as packed:
                # read1 returns what is available, so all lines before a cut are counted.
                stream = _unpacked(packed)
                if stream is packed and part.place.lower().endswith(".gz"):
                    raise SourceError(part.place, "is named .gz but is damaged or not a gzip file")
                while piece := stream.read1(_CHUNK):
                    if start:
                        if found := _other_format(piece):
                            raise SourceError(part.place, f"is {found}, expected text in UTF-8")
                        piece, start = piece.removeprefix(_BOM), False
                    held.append(piece)
                    size += len(piece)
                    line += piece.count(b"\n")
                    if size >= _CHUNK:
                        yield b"".join(held)
                        held, size = [], 0
        except BROKEN as error:
            problem = f"cannot be read, or is cut short or damaged: {error}"
            raise SourceError(part.place, problem, line=line) from error
        if held:
            yield b"".join(held)


def _other_format(head: bytes) -> str:
    """Returns the format of a file that is not text, by its first bytes, else ``""``."""
    for begin, name in _NOT_TEXT.items():
        if head.startswith(begin):
            return name
    # UTF-16 without a byte order mark: every second byte is 0.
    for place in (0, 1):
        odd = head[place:64:2]
        if len(odd) > 1 and not any(odd):
            return _UTF_16
    return ""


def _unpacked(stream: IO[bytes]) -> io.BufferedReader:
    buffered = cast(io.BufferedReader, stream)  # files, zip and tar members all have peek, read1
    if buffered.peek(2)[:2] == b"\x1f\x8b":
        return cast(io.BufferedReader, gzip.GzipFile(fileobj=buffered))
    return buffered
