"""Where JATS files lie: folders, archives, single files; read one after the other.

How a file is packed is told by its first bytes, so ``gzip`` named ``.xml`` is read too.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from concept_linker.errors import InputError
from concept_linker.pmc.archives import BLOCK, ArchiveError, is_tar, read_archive
from concept_linker.pmc.packing import DAMAGED, looks_like, unpacked
from concept_linker.pmc.safe_xml import MAX_BYTES, shortened

__all__ = ["SourceFile", "check_sources", "read_file", "read_sources"]

_PACKINGS = ("", ".gz", ".bz2", ".xz", ".zst")
_XML = tuple(f"{kind}{packing}" for kind in (".xml", ".nxml") for packing in _PACKINGS)
_TAR = (*(f".tar{packing}" for packing in _PACKINGS), ".tgz", ".tbz2", ".txz", ".tzst")
_WANTED = "wanted JATS (.xml, .nxml, .tar; also .gz, .bz2, .xz, .zst)"


class SourceFile(NamedTuple):
    """One file: its name (inside an archive ``archive!member``) and its bytes."""

    name: str
    data: bytes


#: Called with a file's name and the reason why it cannot be read.
Reject = Callable[[str, str], None]


def check_sources(paths: Iterable[Path]) -> None:
    """Says at once which source does not exist, or is a folder with nothing to read.

    Raises:
        InputError: there is one.
    """
    for path in paths:
        if not os.path.isdir(path) and not os.path.isfile(path):  # any text may be given for one
            raise InputError(f"{shortened(str(path))}: no such file or folder; {_WANTED}")
        if path.is_dir() and next(_walk(path), None) is None:
            raise InputError(f"{path}: nothing to read in this folder; {_WANTED}")


def read_sources(paths: Iterable[Path], reject: Reject) -> Iterator[SourceFile]:
    """Every JATS file of the sources; of a folder's files in the order of their names.

    Args:
        paths: folders (searched to any depth), tar archives, single files.
        reject: told of what cannot be read, and of an archive without articles; the rest goes on.
    """
    for path in paths:
        if path.is_dir():
            for file in _walk(path):
                yield from read_file(file, str(file.relative_to(path)), reject)
        else:
            yield from read_file(path, path.name, reject)


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder; one folder's names at a time are held, no link is followed."""
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
    """One file, or those of an archive.

    Args:
        path: the file.
        name: what it is called where it is told of.
        reject: told of what cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            reject(name, "is a folder, a pipe or a device, wanted a file")
            return
        with path.open("rb") as file:
            yield from _read_open(file, path, name, reject)
    except DAMAGED as error:
        reject(name, f"cannot be read, or is damaged: {_told(error)}")


def _read_open(file: IO[bytes], path: Path, name: str, reject: Reject) -> Iterator[SourceFile]:
    stream = unpacked(file)
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
                data = unpacked(io.BytesIO(member.data)).read(MAX_BYTES + 1)
            except DAMAGED as error:
                reject(inner, f"is damaged: {_told(error)}")
                continue
            yield from _checked(inner, data, reject)
    except (*DAMAGED, ArchiveError) as error:
        told = f"the archive cannot be read on from here: {_told(error)}"
        reject(name, told if empty else f"{told}; what was read of it before may be damaged too")
    else:
        if empty:
            reject(name, f"nothing to read in this archive; {_WANTED}")


def _checked(name: str, data: bytes, reject: Reject) -> Iterator[SourceFile]:
    if len(data) > MAX_BYTES:
        reject(name, _too_large())
    elif kind := looks_like(data):
        reject(name, f"{kind}; {_WANTED}")
    else:
        yield SourceFile(name, data)


def _told(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def _too_large() -> str:
    return f"has more than {MAX_BYTES:,} bytes, the most that are read"
