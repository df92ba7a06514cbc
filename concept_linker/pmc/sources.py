"""Where JATS files lie: folders, archives, single files; read one after the other.

An archive is read as a stream and never unpacked, so its names cannot lead anywhere, links in it
are no files, and its size does not matter.
"""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from concept_linker.errors import InputError
from concept_linker.pmc.safe_xml import MAX_BYTES

__all__ = ["SourceFile", "check_sources", "read_sources"]

_XML = (".xml", ".nxml")
_TAR = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tar.zst", ".tzst")
_ZSTD = b"\x28\xb5\x2f\xfd"
#: What the standard library raises at an archive that is torn or is none.
_TORN = (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError)


class SourceFile(NamedTuple):
    """One file: its name (inside an archive ``archive!member``) and its bytes."""

    name: str
    data: bytes


#: Called with a file's name and the reason why it cannot be read.
Reject = Callable[[str, str], None]


def check_sources(paths: Iterable[Path]) -> None:
    """Says at once which source does not exist.

    Raises:
        InputError: one that is neither a folder nor a file.
    """
    for path in paths:
        if not path.is_dir() and not path.is_file():
            raise InputError(f"{path}: no such file or folder; wanted JATS (.xml, .nxml or .tar…)")


def read_sources(paths: Iterable[Path], reject: Reject) -> Iterator[SourceFile]:
    """Every JATS file of the sources; of a folder's files in the order of their names.

    Args:
        paths: folders (searched to any depth), tar archives, single files.
        reject: told of what cannot be read; the rest goes on.
    """
    for path in paths:
        if path.is_dir():
            for file in _walk(path):
                yield from _read(file, str(file.relative_to(path)), reject)
        else:
            yield from _read(path, path.name, reject)


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


def _read(path: Path, name: str, reject: Reject) -> Iterator[SourceFile]:
    if path.name.lower().endswith(_TAR):
        yield from _read_archive(path, name, reject)
        return
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            reject(name, _too_large(size))
            return
        data = path.read_bytes()
    except OSError as error:
        reject(name, error.strerror or str(error))
        return
    yield SourceFile(name, data)


def _too_large(size: int) -> str:
    return f"{size:,} bytes, wanted at most {MAX_BYTES:,}"


def _read_archive(path: Path, name: str, reject: Reject) -> Iterator[SourceFile]:
    try:
        with _opened(path) as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every header
                if not member.isreg() or not member.name.lower().endswith(_XML):
                    continue
                inner = f"{name}!{member.name}"
                if member.size > MAX_BYTES:
                    reject(inner, _too_large(member.size))
                    continue
                if content := archive.extractfile(member):
                    yield SourceFile(inner, content.read())
            # Cut inside a header, or packed with gzip, a torn archive only seems to end.
            if len(archive.fileobj.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:
                reject(name, "the archive cannot be read on from here: it has no end mark")
    except _TORN as error:
        reject(name, f"the archive cannot be read on from here: {error or type(error).__name__}")


def _opened(path: Path) -> IO[bytes]:
    """The file, through Zstandard where it is packed so (tarfile knows that from 3.14 on)."""
    stream = path.open("rb")
    packed = stream.read(len(_ZSTD)) == _ZSTD
    stream.seek(0)
    if not packed:
        return stream
    import pyarrow as pa

    return io.BufferedReader(pa.CompressedInputStream(stream, "zstd"))
