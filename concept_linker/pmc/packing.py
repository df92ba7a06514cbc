"""How a file is packed, told by its first bytes and not by its name.

Whoever reads an unpacked stream to its end has its checksum checked: gzip, bzip2, xz, and
Zstandard where it was written with one.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO

__all__ = ["DAMAGED", "looks_like", "unpacked"]

#: What reading a packed stream raises where it is cut or damaged.
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


def _zstd(stream: IO[bytes]) -> IO[bytes]:
    import pyarrow as pa  # the standard library knows it from 3.14 on

    return io.BufferedReader(pa.CompressedInputStream(stream, "zstd"))


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),  # type: ignore[dict-item, return-value]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
#: What is often taken for JATS, and what helps.
_OTHERS = {
    b"PK": "a zip archive; unpack it first, or make it a .tar",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"{": "JSON",
    b"[": "JSON",
    b"version https://git-lfs": "a pointer of Git LFS; `git lfs pull` fetches the file",
    **dict.fromkeys(_OPENERS, "packed more than once; unpack it first"),
}


def unpacked(stream: IO[bytes]) -> IO[bytes]:
    """A stream without its packing; itself where it has none.

    >>> unpacked(io.BytesIO(gzip.compress(b"<article/>"))).read()
    b'<article/>'
    """
    head = stream.read(8)
    stream.seek(0)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return opener(stream)
    return stream


def looks_like(data: bytes) -> str:
    """What bytes are that are no XML, and what to do; empty where that cannot be told.

    >>> looks_like(b"%PDF-1.7")
    'looks like a PDF'
    """
    head = data[:64].lstrip()
    return next(
        (f"looks like {kind}" for magic, kind in _OTHERS.items() if head.startswith(magic)), ""
    )
