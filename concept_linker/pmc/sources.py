"""Reads JATS files from folders, archives and single files, one at a time.

The compression is detected by a file's first bytes, so that a gzip file named ``.xml`` is read too.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from concept_linker.errors import InputError
from concept_linker.pmc.compression import DAMAGED, decompress, describe_content
from concept_linker.pmc.safe_xml import MAX_BYTES, shortened
from concept_linker.pmc.tar_stream import BLOCK, ArchiveError, is_tar, read_archive

__all__ = ["SourceFile", "check_sources", "read_file", "read_sources"]

_COMPRESSIONS = ("", ".gz", ".bz2", ".xz", ".zst")
_XML = tuple(f"{kind}{ending}" for kind in (".xml", ".nxml") for ending in _COMPRESSIONS)
_TAR = (*(f".tar{ending}" for ending in _COMPRESSIONS), ".tgz", ".tbz2", ".txz", ".tzst")
_EXPECTED = "expected JATS (.xml, .nxml, .tar; also .gz, .bz2, .xz, .zst)"


class SourceFile(NamedTuple):
    """A file: its name (``archive!member`` inside an archive) and its bytes."""

    name: str
    data: bytes


#: Called with the name of a file and the reason why it cannot be read.
Reject = Callable[[str, str], None]


def check_sources(paths: Iterable[Path]) -> None:
    """Checks that sources exist and have files to read.

    Raises:
        InputError: a source does not exist, or is a folder without JATS files.
    """
    for path in paths:
        if not os.path.isdir(path) and not os.path.isfile(
            path
        ):  # Path.is_file fails on texts that are too long
            raise InputError(f"{shortened(str(path))}: no such file or folder, {_EXPECTED}")
        if path.is_dir() and next(_walk(path), None) is None:
            raise InputError(f"{path}: no JATS in this folder, {_EXPECTED}")


def read_sources(paths: Iterable[Path], reject: Reject) -> Iterator[SourceFile]:
    """Yields the JATS files of the sources; those of a folder are sorted by name.

    Args:
        paths: folders (searched recursively), tar archives, single files.
        reject: called for files that cannot be read, and for archives without JATS files.
    """
    for path in paths:
        if path.is_dir():
            for file in _walk(path):
                yield from read_file(file, str(file.relative_to(path)), reject)
        else:
            yield from read_file(path, path.name, reject)


def _walk(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, with one folder's names in memory; links are ignored."""
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_folder in found:
        if name.startswith("."):
            continue
        if is_folder:
            yield from _walk(folder / name)
        elif name.lower().endswith((*_XML, *_TAR)):
            yield folder / name


def read_file(path: Path, name: str, reject: Reject) -> Iterator[SourceFile]:
    """Yields a file, or the files of an archive.

    Args:
        path: the file.
        name: its name in messages.
        reject: called for files that cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would block
            reject(name, "is a folder, a pipe or a device, expected a file")
            return
        with path.open("rb") as file:
            yield from _read_open(file, path, name, reject)
    except DAMAGED as error:
        reject(name, f"cannot be read, or is damaged: {_reason(error)}")


def _read_open(file: IO[bytes], path: Path, name: str, reject: Reject) -> Iterator[SourceFile]:
    stream = decompress(file)
    head = stream.read(BLOCK)
    if is_tar(head) or path.name.lower().endswith(_TAR):
        yield from _read_members(file, stream, head, name, reject)
    else:
        yield from _checked(name, head + stream.read(MAX_BYTES), reject)


def _read_members(
    file: IO[bytes], stream: IO[bytes], head: bytes, name: str, reject: Reject
) -> Iterator[SourceFile]:
    empty = True
    members = read_archive(
        stream, head, file.tell, lambda name: name.lower().endswith(_XML), MAX_BYTES
    )
    try:
        for member in members:
            empty = False
            inner = f"{name}!{member.name}"
            if member.data is None:
                reject(inner, _too_large())
                continue
            try:
                data = decompress(io.BytesIO(member.data)).read(MAX_BYTES + 1)
            except DAMAGED as error:
                reject(inner, f"is damaged: {_reason(error)}")
                continue
            yield from _checked(inner, data, reject)
    except (*DAMAGED, ArchiveError) as error:
        problem = f"the rest of the archive cannot be read: {_reason(error)}"
        reject(name, problem if empty else f"{problem}; the part before may be damaged too")
    else:
        if empty:
            reject(name, f"no JATS in this archive, {_EXPECTED}")


def _checked(name: str, data: bytes, reject: Reject) -> Iterator[SourceFile]:
    if len(data) > MAX_BYTES:
        reject(name, _too_large())
    elif kind := describe_content(data):
        reject(name, f"{kind}, {_EXPECTED}")
    else:
        yield SourceFile(name, data)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _too_large() -> str:
    return f"has more than {MAX_BYTES:,} bytes, the maximum"
