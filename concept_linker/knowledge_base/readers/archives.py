"""Checks for damage to archives that ``zipfile`` and ``tarfile`` do not report."""

from __future__ import annotations

import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self, cast

from concept_linker.errors import SourceError

__all__ = ["TarEntry", "check_tar", "check_zip"]

_END_OF_ZIP = b"PK\5\6"
_ENTRIES = slice(10, 12)  # bytes of that record: the number of entries, or FF FF
_STEP = 1 << 20
#: Their content is a longer header, which tarfile holds in memory.
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class TarEntry(tarfile.TarInfo):
    """A member of a tar, for ``tarfile.open``; rejects headers of more than a megabyte."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parses a block of 512 bytes.

        Raises:
            tarfile.ReadError: the block announces a header of more than a megabyte.
        """
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _HEADERS and entry.size > _STEP:
            raise tarfile.ReadError(f"a header of {entry.size:,} bytes, expected at most {_STEP:,}")
        return entry


def check_tar(archive: tarfile.TarFile, path: Path) -> None:
    """Checks the end of a tar: only empty blocks may follow the last member.

    tarfile takes a damaged header for the end of the archive. Reading to the end also makes the
    decompressor check its checksum.

    Args:
        archive: an archive whose members have all been read.
        path: its path, for error messages.

    Raises:
        SourceError: other data follows.
        OSError, EOFError, zlib.error, lzma.LZMAError: the packed stream is damaged.
    """
    stream = cast("IO[bytes]", archive.fileobj)
    stream.seek(archive.offset)
    is_empty = True
    while piece := stream.read(_STEP):
        is_empty = is_empty and not any(piece)
    if not is_empty:
        raise SourceError(path, "is damaged: data follows the last file; get the archive again")


def check_zip(archive: zipfile.ZipFile, place: str) -> None:
    """Compares the directory of a zip with the members' headers and with its own length.

    zipfile itself checks the checksum of each member when it is read.

    Raises:
        SourceError: the directory lists another number of members than it announces.
        zipfile.BadZipFile: a member's header contradicts the directory.
    """
    for entry in archive.infolist():
        # A member that Python cannot unpack matters only if it is read.
        with suppress(NotImplementedError, RuntimeError), archive.open(entry):
            pass
    stream = cast("IO[bytes]", archive.fp)
    stream.seek(0, 2)
    stream.seek(max(0, stream.tell() - (1 << 16) - 22))
    tail = stream.read()
    counted = int.from_bytes(tail[tail.rfind(_END_OF_ZIP) :][_ENTRIES], "little")
    if counted not in (len(archive.infolist()), 0xFFFF):
        raise SourceError(
            place, f"is damaged: it announces {counted} files but lists {len(archive.infolist())}"
        )
