"""The arrays of a base: mapped, and checked before anyone sees them."""

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

#: Arrays of at most so many bytes are checked when a base is opened.
SMALL = 1 << 20


class Strict(BaseModel):
    """A value of a manifest, which has what is listed and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ArrayInfo(Strict):
    """What a file must be: its size in bytes, its type, its shape, its checksums.

    ``pages`` is the quick one (:func:`~concept_linker.knowledge_base.checksum.page_sums`).
    """

    size: int
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    pages: str


class Arrays(Mapping[str, NDArray[Any]]):
    """The arrays of a base, mapped and read-only.

    Each is compared with its checksum before anyone sees it: a small one when the base is opened,
    a large one when it is first asked for, at some gigabytes a second.  So what compiled code
    takes for an index is what the build wrote.

    Raises:
        KnowledgeBaseError: a file is missing, or is not what the manifest says.
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
                raise self._damaged(name, "its checksum is another, it is damaged")
            if hasattr(data, "madvise") and len(data) > SMALL:
                data.madvise(mmap.MADV_DONTNEED)  # else all of it counts as this process's memory
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
            except Exception as error:  # numpy lets through whatever its parser of headers raises
                raise self._damaged(name, f"no array ({error})") from error
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
    """The array of a mapped file."""
    major, _ = np.lib.format.read_magic(data)
    read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    shape, in_columns, dtype = read[major](data)
    if dtype.hasobject or (in_columns and len(shape) > 1):
        raise ValueError("an array of objects or by columns")
    count = math.prod(shape)
    if data.tell() + count * dtype.itemsize != len(data):
        raise ValueError("a header for another number of bytes")
    return np.frombuffer(data, dtype, count, data.tell()).reshape(shape)


def remedy(folder: Path) -> str:
    """What to do about a base that is damaged."""
    if folder.parent == cache_folder().resolve() and folder.name.startswith("open-"):
        return f"delete the folder {folder}: it is made again when it is next opened"
    return "build the base again"
