"""The arrays of a string index as the compiled search takes them."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["SLACK", "Vectors"]

#: Bounds are computed in floating point; this keeps them on the safe side of rounding.
SLACK = 1.0 - 1e-9


class Vectors(NamedTuple):
    """:class:`~concept_linker.search.index.KeyIndex`'s arrays, by shorter names.

    ``range_postings`` are the postings where there are few keys, and ``postings`` is empty then:
    the search is compiled once, not once for each of their types.

    ``marks`` are for :data:`~concept_linker.search.probe.MARKS` equal steps of the square
    root of the norm: the first key at or above each; ``marks_per_root`` is one by the step.
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
