"""Whether an archive has lost something: what ``zipfile`` and ``tarfile`` pass over."""

from __future__ import annotations

import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Self, cast

from concept_linker.errors import SourceError

__all__ = ["Entry", "check_tar", "check_zip"]

_END_OF_ZIP = b"PK\5\6"
_ENTRIES = slice(10, 12)  # in the record that begins so: how many entries there are, or FF FF
_STEP = 1 << 20
#: What is in these stands for a longer header, and is held in memory.
_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


class Entry(tarfile.TarInfo):
    """A member of a tar, for ``tarfile.open``; a header of more than a megabyte is refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """What a block of 512 bytes says.

        Raises:
            tarfile.ReadError: it announces a header of more than a megabyte.
        """
        entry = super().frombuf(buf, encoding, errors)
        if entry.type in _HEADERS and entry.size > _STEP:
            raise tarfile.ReadError(f"a header of {entry.size:,} bytes, wanted {_STEP:,} at most")
        return entry


def check_tar(archive: tarfile.TarFile, path: Path) -> None:
    """Reads what follows the last member, to the end: there the sum of a packed file stands.

    A header that is damaged ends a tar without a word, so what follows must be empty blocks.

    Args:
        archive: one that has been gone through.
        path: what to call it.

    Raises:
        SourceError: there is something else.
        OSError, EOFError, zlib.error, lzma.LZMAError: the packed stream is damaged.
    """
    stream = cast("IO[bytes]", archive.fileobj)
    stream.seek(archive.offset)
    is_empty = True
    while piece := stream.read(_STEP):
        is_empty = is_empty and not any(piece)
    if not is_empty:
        raise SourceError(path, "is damaged: there is more in it than its headers say")


def check_zip(archive: zipfile.ZipFile, place: str) -> None:
    """Compares the list of members with their own headers and with its length.

    The sum of a member's bytes is checked where it is read.

    Raises:
        SourceError: members are missing from the list.
        zipfile.BadZipFile: a member's own header says something else than the list.
    """
    for entry in archive.infolist():
        # Those that cannot be unpacked here do no harm unless they are wanted.
        with suppress(NotImplementedError, RuntimeError), archive.open(entry):
            pass
    stream = cast("IO[bytes]", archive.fp)
    stream.seek(0, 2)
    stream.seek(max(0, stream.tell() - (1 << 16) - 22))
    tail = stream.read()
    counted = int.from_bytes(tail[tail.rfind(_END_OF_ZIP) :][_ENTRIES], "little")
    if counted not in (len(archive.infolist()), 0xFFFF):
        raise SourceError(
            place, f"is damaged: it says that it has {counted} members, and lists others"
        )
