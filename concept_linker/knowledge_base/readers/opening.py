"""Bytes and lines out of plain, gzip-compressed and archived files.

Everything comes as an iterator of byte chunks, so that no reader holds a whole release and
none needs to know how it was packed.
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
from concept_linker.knowledge_base.readers.archives import Entry, check_tar, check_zip
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

#: A line of so many bytes or more is no line of a vocabulary, and is not held in memory.
LONGEST_LINE = 1 << 22
_CHUNK = 1 << 24
# Vocabularies shrink to a tenth when they are packed; what unpacks to more than this many times
# its size is no vocabulary.
_UNPACKED_AT_MOST = 100
_SMALL = 1 << 26
_MEMBERS_AT_MOST = 10_000
_BOM = b"\xef\xbb\xbf"
_UTF_16 = 'UTF-16 (Excel\'s "Unicode text"; save it as CSV UTF-8)'
_WORKBOOK = "an Excel workbook or a zip archive (save it as CSV UTF-8, or unpack it)"
#: The first bytes of what people take for a text file.
_NO_TEXT = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": _UTF_16,
    b"\xfe\xff": _UTF_16,
    b"PK\x03\x04": _WORKBOOK,
    b"\xd0\xcf\x11\xe0": _WORKBOOK,
    b"\x1f\x8b": "a gzip file packed twice",
    b"BZh": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"PAR1": "Parquet",
    b"%PDF": "PDF",
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
    """What to say of text that is not UTF-8."""
    return (
        f"not UTF-8: {error.reason}, perhaps Latin-1 or Windows-1252; save it as UTF-8 "
        "(in Excel: CSV UTF-8)"
    )


def is_too_long(line: bytes) -> str:
    """What to say of a line that is too long, else nothing."""
    if len(line) < LONGEST_LINE:
        return ""
    return f"a line of {LONGEST_LINE >> 20} MiB or more, wanted a shorter one"


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a plain or gzip file (told by its first bytes), without a byte order mark.

    Raises:
        SourceError: the file cannot be opened, or its compressed stream is cut or damaged; the
            line is the one that the stream breaks in.
    """
    return _joined([_Part(str(path), path, lambda: _opened(path))])


def _opened(path: Path) -> IO[bytes]:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(
            path, "is a pipe or a device, wanted a file: it is read more than once"
        )  # opening a pipe would wait for someone to write
    return path.open("rb")


def lines(path: Path, quarantine: Quarantine) -> Iterator[tuple[int, str]]:
    """Each line that is UTF-8, with its number from 1 and without its line end.

    Args:
        path: a plain or gzip file.
        quarantine: takes the lines that are not UTF-8.
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
    """The whole of a plain or gzip file as text.

    Raises:
        SourceError: it cannot be read, is not UTF-8, or unpacks to hundreds of times its size.
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
    """Refuses what unpacks to much more than a vocabulary would.

    Raises:
        SourceError: it does.
    """
    if unpacked > max(_SMALL, _UNPACKED_AT_MOST * packed):
        raise SourceError(
            place,
            f"unpacks to more than {_UNPACKED_AT_MOST} times its {packed:,} bytes, "
            "wanted a vocabulary",
        )


def _raw_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The lines; of one that is too long only so much that it is known to be."""
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
    """One packed or plain file: where it is for a message, its file on disk, how to open it."""

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
                # read1 gives what there is, so all that comes before a cut is counted.
                stream = _unpacked(packed)
                if stream is packed and part.place.lower().endswith(".gz"):
                    raise SourceError(part.place, "is named .gz, but is no gzip file or damaged")
                while piece := stream.read1(_CHUNK):
                    if start:
                        if found := _no_text(piece):
                            raise SourceError(part.place, f"is {found}, wanted text in UTF-8")
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


def _no_text(head: bytes) -> str:
    """What a file that is no text is by its first bytes; nothing where they may be text."""
    for begin, name in _NO_TEXT.items():
        if head.startswith(begin):
            return name
    # Letters of UTF-16 without a mark: every second byte is 0.
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
    """The files of one release by name, wherever and however they are packed.

    A release is a folder that holds them (or whose ``META`` or ``*/META`` does), any one of
    them, a zip (also one that holds ``.nlm`` or ``.zip`` files), or a tar of any compression.
    ``NAME``, ``NAME.gz`` and split parts (``NAME.aa.gz``, ``NAME.ab.gz``, …; a line may run over
    from one to the next) are all the file ``NAME``.

    Args:
        path: the release.
        names: the files to look for.

    Raises:
        SourceError: an archive cannot be read, or holds one file twice.
    """

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self.path = path
        choice = "|".join(map(re.escape, names))
        self._wanted = re.compile(rf"(?:.*[/\\])?({choice})(\.(?!gz$)[a-z]{{2}})?(?:\.gz)?")
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
        """The files on disk that the release's files are in, in order of name."""
        return sorted({part.file for parts in self._parts.values() for part in parts.values()})

    def place(self, name: str) -> str:
        """What to call a file in a message."""
        return next(iter(sorted(self._parts[name].items())))[1].place

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of one file, its parts in order of name.

        Raises:
            SourceError: a compressed stream is cut or damaged.
        """
        return _joined([part for _, part in sorted(self._parts[name].items())])

    def _find(self) -> None:
        path = self.path
        if path.is_dir():
            self._find_in_folder(path)
        elif self._wanted.fullmatch(path.name):
            self._find_in_folder(path.parent)
        elif zipfile.is_zipfile(path):
            self._find_in_zip(path, path, str(path))
        else:
            self._find_in_tar(path)

    def _find_in_folder(self, folder: Path) -> None:
        for place in (folder, folder / "META", *sorted(folder.glob("*/META"))):
            files = sorted(place.iterdir()) if place.is_dir() else []
            for file in files:
                self._offer(file.name, _Part(str(file), file, lambda file=file: _opened(file)))  # type: ignore[misc]
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
                # Reading a zip inside a compressed zip member would unpack it once a seek.
                copy = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                with archive.open(entry) as packed:
                    shutil.copyfileobj(packed, copy)
                self._find_in_zip(copy, file, inside)
            else:
                opener: Callable[..., Any] = lambda entry=entry: archive.open(entry)  # noqa: E731
                self._offer(entry.filename, _Part(inside, file, opener))

    def _find_in_tar(self, path: Path) -> None:
        archive = self._stack.enter_context(tarfile.open(path, tarinfo=Entry))  # noqa: SIM115
        for number, entry in enumerate(archive):
            if number == _MEMBERS_AT_MOST:
                raise SourceError(path, f"more than {number:,} files in it, wanted a release")
            if entry.isfile():
                opener: Callable[..., Any] = lambda entry=entry: archive.extractfile(entry)  # noqa: E731
                self._offer(entry.name, _Part(f"{path}/{entry.name}", path, opener))
        check_tar(archive, path)

    def _offer(self, name: str, part: _Part) -> None:
        if found := self._wanted.fullmatch(name):
            parts = self._parts.setdefault(found[1], {})
            if (found[2] is None and parts) or (found[2] or "") in parts or "" in parts:
                raise SourceError(part.place, f"{found[1]} is there twice, wanted once")
            parts[found[2] or ""] = part
