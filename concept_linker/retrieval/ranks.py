"""Where the right answer stands, by counting what is more similar than it; nothing is sorted.

Every comparison is one of cosines in float64, whatever the embeddings came in: a cosine is then
right to about 1e-15, so neither the size of a block nor the number of threads nor the BLAS can
change a rank.  Two cosines closer than :data:`TIE` are a tie.  Equal vectors tie by this; of
single precision vectors that differ, fewer than one pair in a hundred million does.

To save time, a tile of cosines is first computed in float32, which is wrong by at most
:func:`_off`; only what lies nearer to the right answer than that is computed again.  Where that
would be much, as for an encoder that maps everything to nearly one point, tiles are
computed in float64 at once.

Memory: one tile of :data:`TILE` × :data:`TILE`, the unit rows that make it, and a few numbers a
query.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.embeddings import Embeddings
from concept_linker.retrieval.positives import Positives

__all__ = ["TIE", "Direction", "Ranks", "rank_both"]

#: Cosines that differ by no more are equal.
TIE = 1e-12
TILE = 4096
#: Above this share of cosines to compute again, float64 is faster.
_MOST_NEAR = 2e-3
#: Dot products of pairs of rows that are computed together.
_PAIRS = 1 << 14

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Step = Callable[[float], None]


@dataclass(frozen=True, slots=True, eq=False)
class Ranks:
    """Where the first right item of each query stands.

    Args:
        above: how many wrong items are more similar than every right one.
        tied: how many wrong items are as similar as the best right one.
        right: how many right items are as similar as the best one; 1 or more.
    """

    above: Ints
    tied: Ints
    right: Ints

    def __len__(self) -> int:
        return len(self.above)


@dataclass(frozen=True, slots=True, eq=False)
class Direction:
    """One direction, from images to texts or back.

    Args:
        best: ranks of the best of all positives.
        own: ranks of the positive in the query's own row; every other row counts as wrong.
        first: the item that is most similar to each query; of equal ones the first row.
        similarity: the cosine of each query and its best positive.
    """

    best: Ranks
    own: Ranks
    first: Ints
    similarity: Floats


class _Tile(NamedTuple):
    """Cosines, the unit rows that they are of, and how far they may be off."""

    cosines: NDArray[Any]
    rows: Floats
    columns: Floats
    near: float


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """The queries of one direction while they are counted."""

    targets: Floats  # (own, best) or (own,) × queries: similarity of the positive
    right: Ints  # the same shape: positives tied there
    reached: Ints
    above: Ints
    top: Floats
    where: Ints

    @classmethod
    def of(cls, targets: Floats, right: Ints) -> _Side:
        queries = targets.shape[1]
        return cls(
            targets,
            right,
            np.zeros(targets.shape, np.int64),
            np.zeros(targets.shape, np.int64),
            np.full(queries, -np.inf),
            np.zeros(queries, np.int64),
        )

    def count(self, kernel: Any, tile: _Tile, queries: slice, first: int) -> None:
        kernel(
            tile.cosines,
            tile.rows,
            tile.columns,
            self.targets[:, queries],
            self.reached[:, queries],
            self.above[:, queries],
            self.top[queries],
            self.where[queries],
            first,
            tile.near,
            TIE,
        )

    def direction(self) -> Direction:
        own, *others = (
            Ranks(above, reached - above - right, right)
            for above, reached, right in zip(self.above, self.reached, self.right, strict=True)
        )
        return Direction(others[0] if others else own, own, self.where, self.targets[-1])


def rank_both(
    images: Embeddings,
    texts: Embeddings,
    positives: Positives,
    *,
    progress: Step | None = None,
    threads: int | None = None,
) -> tuple[Direction, Direction]:
    """Ranks in both directions.

    Args:
        images, texts: as many rows of as many dimensions.
        positives: what belongs together.
        progress: called with the share that is done.
        threads: how many count at once; every core if not given.  BLAS has its own.

    Returns:
        Image to text, and text to image.
    """
    from concept_linker.retrieval.counting import count_columns, count_rows

    own = np.concatenate(
        [_cosines(images, texts, rows, rows) for rows in np.array_split(np.arange(len(images)), 16)]
    )
    sides = []
    for pairs, (queries, items) in (
        (positives.image_to_text(), (images, texts)),
        (positives.text_to_image(), (texts, images)),
    ):
        targets, right = own[None], np.ones((1, len(own)), np.int64)
        if positives.several:
            best, tied = _best(queries, items, pairs)
            targets, right = np.stack([own, best]), np.stack([right[0], tied])
        sides.append(_Side.of(np.ascontiguousarray(targets), right))
    by_image, by_text = sides
    near = _off(images.dimensions)
    if _share_near(images, texts, own, near) > _MOST_NEAR:
        near = 0.0
    kind = np.float32 if near else np.float64
    workers = threads or os.cpu_count() or 1
    room = np.empty(TILE * TILE, kind)
    with ThreadPoolExecutor(workers) as pool:
        for rows in _slices(0, len(images), TILE):
            left = images.unit(rows)
            for columns in _slices(0, len(texts), TILE):
                right_rows = texts.unit(columns)
                shape = (len(left), len(right_rows))
                cosines = room[: shape[0] * shape[1]].reshape(shape)
                np.matmul(left.astype(kind), right_rows.astype(kind).T, out=cosines)
                jobs: list[Callable[[], None]] = []
                for part in _slices(0, shape[0], -(-shape[0] // workers)):
                    tile = _Tile(cosines[part], left[part], right_rows, near)
                    at = slice(rows.start + part.start, rows.start + part.stop)
                    jobs.append(partial(by_image.count, count_rows, tile, at, columns.start))
                for part in _slices(0, shape[1], -(-shape[1] // workers)):
                    tile = _Tile(cosines[:, part], left, right_rows[part], near)
                    at = slice(columns.start + part.start, columns.start + part.stop)
                    jobs.append(partial(by_text.count, count_columns, tile, at, rows.start))
                for done in [pool.submit(job) for job in jobs]:
                    done.result()
            if progress:
                progress(rows.stop / len(images))
    return by_image.direction(), by_text.direction()


def _off(dimensions: int) -> float:
    """How far a cosine of unit rows in float32 can be from the true one.

    Higham, Accuracy and Stability of Numerical Algorithms, section 3.1: a sum of n products, in any
    order, is off by at most n·u / (1 - n·u) times the sum of their sizes, which is at most 1 here;
    rounding the rows adds 2·u, and rounding what it is compared with another.
    """
    steps = (dimensions + 4) * 2.0**-24
    return steps / (1 - steps)


def _share_near(images: Embeddings, texts: Embeddings, own: Floats, near: float) -> float:
    """Counts the cosines that float32 cannot distinguish from the right one's."""
    some = np.linspace(0, len(own) - 1, min(len(own), 256)).astype(np.int64)
    cosines = images.unit(some) @ texts.unit(some).T
    off = np.abs(cosines - own[some, None]) <= near
    return float((off.sum() - len(some)) / max(1, off.size - len(some)))


def _slices(begin: int, end: int, step: int) -> Iterator[slice]:
    for start in range(begin, end, step):
        yield slice(start, min(start + step, end))


def _cosines(one: Embeddings, other: Embeddings, rows: Ints, items: Ints) -> Floats:
    """The cosine of each pair of rows."""
    found = np.empty(len(rows))
    for part in _slices(0, len(rows), _PAIRS):
        found[part] = np.einsum("ij,ij->i", one.unit(rows[part]), other.unit(items[part]))
    return found


def _best(
    queries: Embeddings, items: Embeddings, pairs: Iterator[tuple[Ints, Ints]]
) -> tuple[Floats, Ints]:
    """The similarity of each query's best positive, and how many positives are as similar."""
    best = np.empty(len(queries))
    tied = np.empty(len(queries), np.int64)
    for rows, found in pairs:
        similarities = _cosines(queries, items, rows, found)
        begins = np.flatnonzero(np.diff(rows, prepend=-1))
        largest = np.maximum.reduceat(similarities, begins)
        lengths = np.diff(np.append(begins, len(rows)))
        equal = similarities >= np.repeat(largest, lengths) - TIE
        best[rows[begins]] = largest
        tied[rows[begins]] = np.add.reduceat(equal.astype(np.int64), begins)
    return best, tied
