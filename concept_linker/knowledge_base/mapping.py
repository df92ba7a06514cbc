"""The memory-mapped arrays of a knowledge base, checked before use."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.checksum import page_sums
from concept_linker.runtime.resources import cache_folder

__all__ = ["ArrayInfo", "Arrays", "Strict", "remedy"]

#: Arrays of up to this many bytes are checked when a base is opened.
SMALL = 1 << 20


class Strict(BaseModel):
    """A part of a manifest; unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArrayInfo(Strict):
    """The size in bytes, type, shape and checksums of a file.

    ``pages`` is the fast checksum (:func:`~concept_linker.knowledge_base.checksum.page_sums`).
    """

    size: int
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    pages: str


class Arrays(Mapping[str, NDArray[Any]]):
    """The memory-mapped, read-only arrays of a base.

    The checksum of each is verified before use: of small ones when the base is opened, of large
    ones on first use, at some gigabytes per second.  So compiled code, which does not check its
    indices, reads only what the build wrote.

    Raises:
        KnowledgeBaseError: a file is missing, or differs from the manifest.
    """

    def __init__(self, folder: Path, infos: Mapping[str, ArrayInfo]) -> None:
        self._folder = folder
        self._infos = infos
        self._mapped = {name: self._map(name) for name in infos}
        self._checked: dict[str, NDArray[Any]] = {}
        for name, info in infos.items():
            if info.size <= SMALL:
                self[name]

    def __len__(self) -> int:
        return len(self._infos)

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._checked:
            data, array = self._mapped[name]
            if page_sums(data) != self._infos[name].pages:
                raise self._damaged(name, "wrong checksum, it is damaged")
            if hasattr(data, "madvise") and len(data) > SMALL:
                data.madvise(mmap.MADV_DONTNEED)  # or all of it counts as memory of this process
            self._checked[name] = array
        return self._checked[name]

    def _map(self, name: str) -> tuple[mmap.mmap, NDArray[Any]]:
        path, info = self._folder / f"{name}.npy", self._infos[name]
        if not path.is_file():
            raise self._damaged(name, "missing")
        with path.open("rb") as stream:
            size = path.stat().st_size
            if size != info.size:
                raise self._damaged(name, f"{size} bytes, expected {info.size}; it is damaged")
            try:
                data = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
                array = _array(data)
            except Exception as error:  # numpy's header parser raises many kinds of errors
                raise self._damaged(name, f"not an array ({error})") from error
        if array.dtype.str != info.dtype or array.shape != info.shape:
            raise self._damaged(
                name,
                f"{array.dtype.str} of shape {array.shape}, "
                f"expected {info.dtype} of shape {info.shape}",
            )
        return data, array

    def _damaged(self, name: str, problem: str) -> KnowledgeBaseError:
        path = self._folder / f"{name}.npy"
        return KnowledgeBaseError(f"{path}: {problem}; {remedy(self._folder)}")


def _array(data: mmap.mmap) -> NDArray[Any]:
    """Returns the array of a mapped file."""
    major, _ = np.lib.format.read_magic(data)
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, in_columns, dtype = read[major](data)
    if dtype.hasobject or (in_columns and len(shape) > 1):
        raise ValueError("objects or column-major order")
    count = math.prod(shape)
    if data.tell() + count * dtype.itemsize != len(data):
        raise ValueError("size differs from the header")
    return np.frombuffer(data, dtype, count, data.tell()).reshape(shape)


def remedy(folder: Path) -> str:
    """Returns what to do about a damaged base."""
    if folder.parent == cache_folder().resolve() and folder.name.startswith("open-"):
        return f"delete the folder {folder}, it is rebuilt on next use"
    return "build the base again"
