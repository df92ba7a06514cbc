"""Where an encoder is strong and weak: parts of the set, and concepts taken for others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.measures import MEASURES
from concept_linker.retrieval.scoring import Retrieval

__all__ = ["SHOWN", "Confusion", "Part", "confusions", "histogram", "measure_parts"]

#: What the table of parts shows.
SHOWN = ("R@1", "R@10", "MRR")


class Part(NamedTuple):
    """The queries of one part of the set, against all items.

    Args:
        kind: what it is a part by: ``semantic group``, ``modality``.
        name: which one.
        pairs: how many.
        image_to_text, text_to_image: the measures of :data:`SHOWN`.
    """

    kind: str
    name: str
    pairs: int
    image_to_text: dict[str, float]
    text_to_image: dict[str, float]


class Confusion(NamedTuple):
    """A concept that the right item has and the first item has not, and the other way round.

    Args:
        direction: ``image_to_text`` or ``text_to_image``.
        group: the semantic group of both.
        wanted, shown: the concepts.
        misses: in how many wrong first answers.
        share: the sum of one over the number of such pairs in each of these answers, so that
            captions with many concepts do not drown the others.
    """

    direction: str
    group: str
    wanted: str
    shown: str
    misses: int
    share: float


def measure_parts(
    retrieval: Retrieval, rows: Mapping[tuple[str, str], Sequence[int]]
) -> list[Part]:
    """Measures parts of the set; all positives counted, ties by expectation.

    Args:
        retrieval: the scores.
        rows: the rows of each (kind, name), counted from 0.
    """
    columns = [MEASURES.index(name) for name in SHOWN]
    parts = []
    for (kind, name), own in rows.items():
        both: list[dict[str, float]] = []
        for table in retrieval.tables.values():
            means = table[np.asarray(own, np.int64)][:, columns].mean(axis=0)
            both.append(dict(zip(SHOWN, map(float, means), strict=True)))
        parts.append(Part(kind, name, len(own), *both))
    return parts


def confusions(
    retrieval: Retrieval,
    concepts: Sequence[Collection[str]],
    group_of: Callable[[str], str],
    *,
    no_group: str = "",
    most: int = 20,
) -> list[Confusion]:
    """Which concepts stand in wrong first answers for which.

    Args:
        retrieval: the scores.
        concepts: those of each row's caption.
        group_of: a concept's semantic group; only concepts of one group are taken for another.
        no_group: what ``group_of`` gives for a concept without one; such are left out.
        most: how many a direction.
    """
    found = []
    for name, direction in retrieval.directions().items():
        misses: Counter[tuple[str, str]] = Counter()
        shares: defaultdict[tuple[str, str], float] = defaultdict(float)
        for row in map(int, np.flatnonzero(direction.best.above)):
            right, first = set(concepts[row]), set(concepts[int(direction.first[row])])
            pairs = [
                (wanted, shown)
                for wanted in right - first
                for shown in first - right
                if group_of(wanted) == group_of(shown) != no_group
            ]
            misses.update(pairs)
            for pair in pairs:
                shares[pair] += 1 / len(pairs)
        order = sorted(shares, key=lambda pair: (-shares[pair], pair))
        found += [
            Confusion(name, group_of(pair[0]), *pair, misses[pair], round(shares[pair], 3))
            for pair in order[:most]
        ]
    return found


def histogram(ranks: NDArray[np.float64], rows: int) -> list[tuple[str, int]]:
    """How many queries have their right item in each range of ranks.

    Args:
        ranks: expected ranks.
        rows: how many items there are.

    >>> histogram(np.array([1.0, 1.0, 1.5, 7.0]), 12)
    [('1', 2), ('2-5', 1), ('6-10', 1), ('11-12', 0)]
    """
    edges = [1, 5, 10, 50, 200, 1000, 10_000, 100_000, 1_000_000, 10**9]
    ends = [edge for edge in edges if edge < rows] + [rows]
    begins = [0, *ends[:-1]]
    counts = []
    for begin, end in zip(begins, ends, strict=True):
        name = f"{end:,}" if end == begin + 1 else f"{begin + 1:,}-{end:,}"
        counts.append((name, int(((ranks > begin) & (ranks <= end)).sum())))
    return counts
