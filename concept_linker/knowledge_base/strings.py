"""A column of strings in two flat arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Strings"]


class Strings:
    """UTF-8 strings, concatenated.

    Args:
        data: their bytes (uint8).
        offsets: int64, where each string begins, and the end of the last.

    >>> column = Strings(np.frombuffer(b"abcd", np.uint8), np.array([0, 1, 4]))
    >>> list(column), column.bisect("b"), column.find("bcd"), column.find("b")
    (['a', 'bcd'], 1, 1, None)
    """

    __slots__ = ("_data", "_offsets")

    def __init__(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        # Slicing and indexing a memoryview takes a third of the time of an array.
        self._data = memoryview(data)  # type: ignore[arg-type]
        self._offsets = memoryview(offsets)  # type: ignore[arg-type]

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]], name: str) -> Strings:
        """Returns the column ``name`` of the arrays of a folder."""
        return cls(arrays[f"{name}_bytes"], arrays[f"{name}_offsets"])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self):
            raise IndexError(row)
        return str(self._data[self._offsets[row] : self._offsets[row + 1]], "utf-8")

    def many(self, rows: Sequence[int]) -> list[str]:
        """Returns the strings of rows in any order, in half the time of one by one.

        >>> Strings(np.frombuffer(b"abcd", np.uint8), np.array([0, 1, 4])).many([1, 0])
        ['bcd', 'a']
        """
        index = np.asarray(rows, np.int64)
        offsets = np.asarray(self._offsets)
        begins, ends = offsets[index].tolist(), offsets[index + 1].tolist()
        data = self._data
        return [str(data[begin:end], "utf-8") for begin, end in zip(begins, ends, strict=True)]

    def bisect(self, text: str) -> int:
        """Returns the first row that is not less than ``text``; rows must ascend."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self[middle] < text:
                low = middle + 1
            else:
                high = middle
        return low

    def find(self, text: str) -> int | None:
        """Returns the first row that equals ``text``, or ``None``; rows must ascend."""
        row = self.bisect(text)
        return row if row < len(self) and self[row] == text else None
