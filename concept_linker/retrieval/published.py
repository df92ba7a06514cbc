"""The published protocol, including its faults, so that its numbers are comparable.

After the retrieval script in the ConceptCLIP repository (``downstream_evaluation``): one positive
by row, similarities in single precision, positions in a descending sort, and a bootstrap that draws
rows and columns together.  Two faults follow from the last step: a column that is drawn twice ties
with itself, so recall at 1 shrinks by 1 - 1/e = 0.632, and items not drawn are no rivals.
And the script calls it with a single draw.

Here, too, nothing is sorted: a draw only says how often each column counts, so the positions of all
draws are one matrix product.  Among equal similarities the script's order is left to the sort,
which is not a stable one; here the lower row comes first in the figures, and within a draw every
order is as likely.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import SettingsError
from concept_linker.retrieval.embeddings import Embeddings
from concept_linker.retrieval.measures import CUTOFFS, lower_median

__all__ = ["NOTE", "published_figures"]

NOTE: Final = (
    "as the ConceptCLIP script reports it: one positive by row, ties by sort order, and intervals "
    "from a bootstrap that draws columns with the rows, which pushes recall at 1 down to 0.632 of "
    "itself; not to be read as confidence intervals"
)

_ROWS = 1024

Floats = NDArray[np.float32]


def published_figures(
    images: Embeddings,
    texts: Embeddings,
    *,
    logit_scale: float = 100.0,
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> dict[str, float | list[float]]:
    """The figures under the names that the script gives them.

    Args:
        images, texts: embeddings, row by row.
        logit_scale: the model's; it changes nothing but rounding.
        resamples: draws of its bootstrap; the script itself calls it with 1.
        seed: of the draws.
        progress: called with the share that is done.

    Raises:
        SettingsError: fewer than one draw.
    """
    if resamples < 1:
        raise SettingsError(f"resamples is {resamples}, expected an integer ≥ 1")
    rows = len(images)
    random = np.random.default_rng(seed)
    counts = np.empty((rows, resamples), np.float32)
    for column in range(resamples):
        counts[:, column] = np.bincount(random.integers(0, rows, rows), minlength=rows)
    figures: dict[str, float | list[float]] = {}
    intervals: dict[str, float | list[float]] = {}
    for number, (long, short, queries, items) in enumerate(
        (("image_to_text", "i2t", images, texts), ("text_to_image", "t2i", texts, images))
    ):
        report = None if progress is None else _half(progress, number)
        positions, hits = _direction(queries, items, counts, logit_scale, report)
        figures[f"{long}_mean_rank"] = float(positions.mean()) + 1
        figures[f"{long}_median_rank"] = lower_median(positions) + 1
        for k, drawn in zip(CUTOFFS, hits, strict=True):
            figures[f"{long}_R@{k}"] = float((positions < k).mean())
            low, high = np.percentile(drawn / rows, (2.5, 97.5))
            intervals[f"{short}_R@{k}_CI"] = [float(low), float(high)]
    return {**figures, **intervals}


def _half(progress: Callable[[float], None], number: int) -> Callable[[float], None]:
    return lambda done: progress((number + done) / 2)


def _unit(embeddings: Embeddings, rows: slice) -> Floats:
    values = np.array(embeddings.values[rows], dtype=np.float32, order="C")
    with np.errstate(invalid="ignore"):
        values /= np.sqrt(np.square(values).sum(axis=1, keepdims=True))
    return values


def _direction(
    queries: Embeddings,
    items: Embeddings,
    counts: Floats,
    logit_scale: float,
    progress: Callable[[float], None] | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The position of each own item, from 0; and hits by cut-off and draw."""
    rows = len(queries)
    positions = np.empty(rows)
    hits = np.zeros((len(CUTOFFS), counts.shape[1]))
    against = _unit(items, slice(None)).T
    columns = np.arange(rows)
    for begin in range(0, rows, _ROWS):
        own = np.arange(begin, min(begin + _ROWS, rows))
        logits = np.float32(logit_scale) * _unit(queries, slice(begin, begin + _ROWS)) @ against
        right = logits[own - begin, own][:, None]
        above, equal = logits > right, logits == right
        before = equal & (columns < own[:, None])
        positions[own] = above.sum(axis=1) + before.sum(axis=1)
        base = above.astype(np.float32) @ counts
        copies = counts[own]
        ties = copies.copy()
        several = np.flatnonzero(equal.sum(axis=1) > 1)
        if several.size:
            ties[several] = equal[several].astype(np.float32) @ counts
        share = copies / np.maximum(ties, 1)
        for row, k in enumerate(CUTOFFS):
            hits[row] += (share * np.clip(k - base, 0, ties)).sum(axis=0, dtype=np.float64)
        if progress:
            progress((own[-1] + 1) / rows)
    return positions, hits
