"""From ranks to figures: recall at k, mean and median rank, mean reciprocal rank.

Items that are as similar as the right one stand in no order, so a query's figure is its expectation
over all orders of them.  Of ``t`` wrong and ``r`` right items that tie behind ``a`` others,

- the first right one stands at ``1 + a + t / (r + 1)`` on average;
- none of the right ones is among the first ``m`` with probability ``C(t, m) / C(t + r, m)``.

The bounds are the best and the worst order.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.ranks import Ranks
from concept_linker.runtime.compiling import njit

__all__ = ["CUTOFFS", "MEASURES", "Order", "lower_median", "mean_measures", "per_query"]

#: The cut-offs of the published protocol.
CUTOFFS: Final = (1, 5, 10, 50, 200)
#: The measures that are a mean over queries, in the order of the columns of :func:`per_query`.
MEASURES: Final = (*(f"R@{k}" for k in CUTOFFS), "mean_rank", "MRR")

Order = Literal["expected", "optimistic", "pessimistic"]
Floats = NDArray[np.float64]


def per_query(ranks: Ranks, order: Order = "expected") -> Floats:
    """One row a query, one column a measure of :data:`MEASURES`.

    Args:
        ranks: where the right items stand.
        order: how ties are taken.
    """
    above, tied, right = ranks.above, ranks.tied, ranks.right
    if order != "expected":
        above = above if order == "optimistic" else above + tied
        tied, right = np.zeros_like(tied), np.ones_like(right)
    columns = [_hits(above, tied, right, k) for k in CUTOFFS]
    columns.append(1 + above + tied / (right + 1))
    reciprocal = np.empty(len(above))
    _reciprocals(above, tied, right, reciprocal)
    return np.stack([*columns, reciprocal], axis=1)


def _hits(
    above: NDArray[np.int64], tied: NDArray[np.int64], right: NDArray[np.int64], k: int
) -> Floats:
    """The probability that a right item is among the first k."""
    places = k - above
    missed = (places <= 0).astype(np.float64)
    some = np.flatnonzero((places > 0) & (places <= tied))
    chance = np.ones(some.size)
    t, r, m = tied[some], right[some], places[some]
    for i in range(int(m.max(initial=0))):
        chance *= np.where(i < m, (t - i) / np.maximum(t + r - i, 1), 1.0)
    missed[some] = chance
    return 1.0 - missed


@njit(cache=True, nogil=True)
def _reciprocals(above, tied, right, out):  # type: ignore[no-untyped-def]
    """The expectation of 1 / rank."""
    for query in range(out.size):
        t, r = tied[query], right[query]
        chance = r / (t + r)  # that the first right item stands just there
        total = 0.0
        for i in range(t + 1):
            total += chance / (1 + above[query] + i)
            if i < t:
                chance *= (t - i) / (t + r - 1 - i)
        out[query] = total


def lower_median(ranks: Floats) -> float:
    """The median; of an even number the lower of the two in the middle, as published."""
    middle = (len(ranks) - 1) // 2
    return float(np.partition(ranks, middle)[middle])


def mean_measures(values: Floats) -> dict[str, float]:
    """What :func:`per_query` gives, averaged, with the median rank."""
    figures = dict(zip(MEASURES, map(float, values.mean(axis=0)), strict=True))
    figures["median_rank"] = lower_median(values[:, MEASURES.index("mean_rank")])
    return figures
