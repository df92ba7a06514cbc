"""The arrays of an index, as one argument of the compiled search."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["SLACK", "Vectors"]

#: Bounds are computed in floating point; this factor makes them safe against rounding.
SLACK = 1.0 - 1e-9


class Vectors(NamedTuple):
    """The arrays of a :class:`~concept_linker.search.index.KeyIndex`, with shorter names.

    For few keys, the postings are ``range_postings``, and ``postings`` is empty. So the search is
    compiled once, not once for each of their types.

    ``marks`` divides the square root of the norm into :data:`~concept_linker.search.probe.MARKS`
    equal steps and has the first key at or above each. ``marks_per_root`` is 1 / step.
    """

    bytes: NDArray[Any]
    offsets: NDArray[Any]
    norms: NDArray[Any]
    table: NDArray[Any]
    key_begins: NDArray[Any]
    key_grams: NDArray[Any]
    signatures: NDArray[Any]
    common: NDArray[Any]
    codes: NDArray[Any]
    code_ids: NDArray[Any]
    weights: NDArray[Any]
    begins: NDArray[Any]
    postings: NDArray[Any]
    range_postings: NDArray[Any]
    unknown_weight: int
    marks: NDArray[Any]
    marks_per_root: float
