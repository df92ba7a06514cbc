"""Checksums of files."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["page_sums", "page_sums_of", "sha256_of"]

_PAGE = 512  # words of 64 bits
_PAGES_AT_ONCE = 256  # a megabyte, which stays in the CPU cache between the two passes


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def page_sums(data: Any) -> str:
    """Returns a checksum against damage, not forgery, several times as fast as SHA-256.

    It is the SHA-256 of the sum and the xor of each page of 4 KiB, in 64-bit words. Any single
    flipped bit and any lost or moved page changes it.

    Args:
        data: bytes, or a memory-mapped file.

    >>> page_sums(b"lesion") == page_sums(b"lesion"), page_sums(b"lesion") == page_sums(b"mesion")
    (True, False)
    """
    digest = hashlib.sha256(len(data).to_bytes(8, "little"))
    whole = len(data) // (8 * _PAGE)
    pages = np.frombuffer(data, "<u8", whole * _PAGE).reshape(whole, _PAGE)
    for first in range(0, whole, _PAGES_AT_ONCE):
        part = pages[first : first + _PAGES_AT_ONCE]
        digest.update(np.bitwise_xor.reduce(part, axis=1).tobytes())
        digest.update(part.sum(axis=1, dtype=np.uint64).tobytes())
    digest.update(data[8 * _PAGE * whole :])
    return digest.hexdigest()[:32]


def page_sums_of(path: Path) -> str:
    """Returns the :func:`page_sums` of a file that is not empty."""
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return page_sums(data)
