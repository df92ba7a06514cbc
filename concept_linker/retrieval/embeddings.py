"""Embeddings: one row an image or a text, checked once, handed out as unit vectors in float64.

Whatever comes in (half, single, double precision, any memory order, mapped from disk) is
converted block by block, so that the whole is never held a second time.  A row of zeros has no
direction: it stays zero, its cosine with everything is 0, and it is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError

__all__ = ["Embeddings", "paired", "read_array"]

#: Rows that are looked at together while checking.
_ROWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Rows that have passed the checks.

    Made by :meth:`of`.

    Args:
        values: the rows as they came, of shape (rows, dimensions).
        scales: what each row is multiplied by to have length 1; 0 for a row of zeros.
        name: what messages call them.
    """

    values: NDArray[Any]
    scales: NDArray[np.float64]
    name: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dimensions(self) -> int:
        """The length of a row."""
        return int(self.values.shape[1])

    @property
    def zeros(self) -> int:
        """How many rows are zero."""
        return int((self.scales == 0).sum())

    def unit(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float64]:
        """Some rows, of length 1, contiguous."""
        block = np.array(self.values[rows], dtype=np.float64, order="C")
        block *= self.scales[rows, None]
        return block

    @classmethod
    def of(cls, values: object, name: str) -> Embeddings:
        """Checks an array.

        Args:
            values: of shape (rows, dimensions), of real numbers; mapped files stay mapped.
            name: what messages call it.

        Raises:
            InputError: it is not a two-dimensional array of numbers, is empty, or has a row that is
                not finite.
        """
        array = values if isinstance(values, np.ndarray) else np.asarray(values)
        if array.ndim != 2 or 0 in array.shape:
            raise InputError(
                f"{name} has shape {array.shape}, expected (rows, dimensions), not empty"
            )
        if array.dtype.kind not in "fiu":
            raise InputError(f"{name} has type {array.dtype}, expected real numbers")
        scales = np.zeros(len(array))
        for begin in range(0, len(array), _ROWS):
            block = np.asarray(array[begin : begin + _ROWS], dtype=np.float64)
            # The largest entry is taken out first, so that no square over- or underflows.
            largest = np.abs(block).max(axis=1)
            bad = np.flatnonzero(~np.isfinite(largest))
            if bad.size:
                raise InputError(
                    f"{name}, row {begin + bad[0]} (counted from 0) has a NaN or an infinity; "
                    "leave the pair out or encode it again"
                )
            some = largest > 0
            largest = largest[some]
            lengths = np.sqrt(np.square(block[some] / largest[:, None]).sum(axis=1))
            with np.errstate(over="ignore"):
                scales[begin : begin + _ROWS][some] = 1.0 / largest / lengths
        if not np.isfinite(scales).all():
            row = int(np.flatnonzero(~np.isfinite(scales))[0])
            raise InputError(f"{name}, row {row} (counted from 0) is too small to have a direction")
        return cls(array, scales, name)


def read_array(path: Path) -> NDArray[Any]:
    """Maps a ``.npy`` file.

    Raises:
        InputError: it is not a plain array; pickled objects are never loaded.
        OSError: it cannot be opened.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise InputError(f"{path}: no .npy file of numbers, or damaged") from None
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} is an archive of arrays, expected one .npy file")
    return array


def paired(images: object, texts: object) -> tuple[Embeddings, Embeddings]:
    """Checks that row ``i`` of both can belong together.

    Raises:
        InputError: either is not right, or they differ in rows or dimensions.
    """
    one = images if isinstance(images, Embeddings) else Embeddings.of(images, "images")
    other = texts if isinstance(texts, Embeddings) else Embeddings.of(texts, "texts")
    for what, left, right in (
        ("rows", len(one), len(other)),
        ("dimensions", one.dimensions, other.dimensions),
    ):
        if left != right:
            raise InputError(
                f"{one.name} has {left:,} {what} and {other.name} {right:,}, expected equal numbers"
            )
    return one, other
