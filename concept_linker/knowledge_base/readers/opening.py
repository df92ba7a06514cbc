"""Reads bytes and lines of plain, gzip-compressed and archived files.

All functions yield chunks of bytes, so that no reader holds a whole release in memory or needs to
know how it is packed.
"""

from __future__ import annotations

import gzip
import io
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, cast

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.archives import TarEntry, check_tar, check_zip
from concept_linker.knowledge_base.source import Quarantine

__all__ = [
    "LONGEST_LINE",
    "Release",
    "check_ratio",
    "chunks",
    "is_too_long",
    "lines",
    "not_utf8",
    "text",
]

#: A line of this many bytes or more is not a line of a vocabulary, and is not kept in memory.
LONGEST_LINE = 1 << 22
_CHUNK = 1 << 24
# Compression shrinks vocabularies to a tenth. A file that unpacks to more than this many times its
# size is not a vocabulary.
_UNPACKED_AT_MOST = 100
_SMALL = 1 << 26
_MEMBERS_AT_MOST = 10_000
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
_BROKEN = (
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
    return _joined([_Part(str(path), path, lambda: _opened(path))])


def _opened(path: Path) -> IO[bytes]:
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
    if unpacked > max(_SMALL, _UNPACKED_AT_MOST * packed):
        raise SourceError(
            place,
            f"unpacks to more than {_UNPACKED_AT_MOST} times its {packed:,} bytes, "
            "expected a vocabulary",
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
class _Part:
    """One plain or packed file: its name for messages, its file on disk, and how to open it."""

    place: str
    file: Path
    open: Callable[[], IO[bytes]]


def _joined(parts: list[_Part]) -> Iterator[bytes]:
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
        except _BROKEN as error:
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


class Release:
    """The files of a release by name, however they are packed.

    A release is a folder that contains the files (or whose ``META`` or ``*/META`` does), any one of
    the files, a zip (which may contain ``.nlm`` or ``.zip`` files), or a tar with any compression.
    ``NAME``, ``NAME.gz`` and split parts (``NAME.aa.gz``, ``NAME.ab.gz``, …; a line may continue in
    the next part) all provide the file ``NAME``.

    Args:
        path: the release.
        names: the files to look for.

    Raises:
        SourceError: an archive cannot be read, or contains a file twice.
    """

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self.path = path
        choice = "|".join(map(re.escape, names))
        self._pattern = re.compile(rf"(?:.*[/\\])?({choice})(\.(?!gz$)[a-z]{{2}})?(?:\.gz)?")
        self._parts: dict[str, dict[str, _Part]] = {}
        self._stack = ExitStack()
        try:
            self._find()
        except _BROKEN as error:
            self._stack.close()
            first = str(error).partition("\n")[0]
            raise SourceError(path, f"cannot be read: {first}") from error
        except SourceError:
            self._stack.close()
            raise

    def __enter__(self) -> Release:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    @property
    def files(self) -> list[Path]:
        """The files on disk that contain the release, by name."""
        return sorted({part.file for parts in self._parts.values() for part in parts.values()})

    def place(self, name: str) -> str:
        """Returns the name of a file for messages."""
        return next(iter(sorted(self._parts[name].items())))[1].place

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yields the bytes of a file, its parts in order of name.

        Raises:
            SourceError: a compressed stream is cut or damaged.
        """
        return _joined([part for _, part in sorted(self._parts[name].items())])

    def _find(self) -> None:
        path = self.path
        if path.is_dir():
            self._find_in_folder(path)
        elif self._pattern.fullmatch(path.name):
            self._find_in_folder(path.parent)
        elif zipfile.is_zipfile(path):
            self._find_in_zip(path, path, str(path))
        else:
            self._find_in_tar(path)

    def _find_in_folder(self, folder: Path) -> None:
        for place in (folder, folder / "META", *sorted(folder.glob("*/META"))):
            files = sorted(place.iterdir()) if place.is_dir() else []
            for file in files:
                self._add(file.name, _Part(str(file), file, lambda file=file: _opened(file)))  # type: ignore[misc]
            if not self._parts:
                for file in (file for file in files if file.suffix == ".nlm"):
                    self._find_in_zip(file, file, str(file))
            if self._parts:
                return

    def _find_in_zip(self, source: Path | IO[bytes], file: Path, place: str) -> None:
        archive = self._stack.enter_context(zipfile.ZipFile(source))
        check_zip(archive, place)
        for entry in archive.infolist():
            inside = f"{place}/{entry.filename}"
            if entry.filename.lower().endswith((".nlm", ".zip")):
                check_ratio(inside, entry.file_size, entry.compress_size)
                # Reading a zip inside a compressed member would unpack the member at every seek.
                copy = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                with archive.open(entry) as packed:
                    shutil.copyfileobj(packed, copy)
                self._find_in_zip(copy, file, inside)
            else:
                opener: Callable[..., Any] = lambda entry=entry: archive.open(entry)  # noqa: E731
                self._add(entry.filename, _Part(inside, file, opener))

    def _find_in_tar(self, path: Path) -> None:
        archive = self._stack.enter_context(tarfile.open(path, tarinfo=TarEntry))  # noqa: SIM115
        for number, entry in enumerate(archive):
            if number == _MEMBERS_AT_MOST:
                raise SourceError(path, f"more than {number:,} files, expected a UMLS release")
            if entry.isfile():
                opener: Callable[..., Any] = lambda entry=entry: archive.extractfile(entry)  # noqa: E731
                self._add(entry.name, _Part(f"{path}/{entry.name}", path, opener))
        check_tar(archive, path)

    def _add(self, name: str, part: _Part) -> None:
        if found := self._pattern.fullmatch(name):
            parts = self._parts.setdefault(found[1], {})
            if (found[2] is None and parts) or (found[2] or "") in parts or "" in parts:
                raise SourceError(part.place, f"a second {found[1]}, expected one")
            parts[found[2] or ""] = part
