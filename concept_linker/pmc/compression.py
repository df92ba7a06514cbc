"""Detects the compression of a file by its first bytes, not by its name.

Reading a decompressed stream to its end verifies its checksum. Gzip, bzip2 and xz always have one,
Zstandard may have one.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO

__all__ = ["DAMAGED", "decompress", "describe_content"]

#: The errors of reading a compressed stream that is cut or damaged.
DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError)


def _zstd(stream: IO[bytes]) -> IO[bytes]:
    import pyarrow as pa  # in the standard library from Python 3.14

    return io.BufferedReader(pa.CompressedInputStream(stream, "zstd"))


_OPENERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),  # type: ignore[dict-item, return-value]
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    b"\x28\xb5\x2f\xfd": _zstd,
}
#: Content that is often given instead of JATS, and what to do.
_NOT_JATS = {
    b"PK": "a zip archive; unpack it first, or convert it to .tar",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"%PDF": "a PDF",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"{": "JSON",
    b"[": "JSON",
    b"version https://git-lfs": "a Git LFS pointer; run `git lfs pull` to fetch the file",
    **dict.fromkeys(_OPENERS, "a file compressed twice; decompress it first"),
}


def decompress(stream: IO[bytes]) -> IO[bytes]:
    """Returns the decompressed stream; the stream itself if it is not compressed.

    >>> decompress(io.BytesIO(gzip.compress(b"<article/>"))).read()
    b'<article/>'
    """
    head = stream.read(8)
    stream.seek(0)
    for magic, opener in _OPENERS.items():
        if head.startswith(magic):
            return opener(stream)
    return stream


def describe_content(data: bytes) -> str:
    """Describes data that is not XML, and what to do; empty if the kind is unknown.

    >>> describe_content(b"%PDF-1.7")
    'looks like a PDF'
    """
    head = data[:64].lstrip()
    return next(
        (f"looks like {kind}" for magic, kind in _NOT_JATS.items() if head.startswith(magic)), ""
    )
