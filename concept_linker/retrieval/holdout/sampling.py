"""In which order articles are drawn, so that every beginning of the order is a fair sample.

A pair's stratum is its modality and the main semantic group of its concepts; an article's is the
one that most of its pairs are of.  Within a stratum articles stand in a random order, and each has
a place between 0 and 1: how much of the stratum's pairs stands before it, turned round by a random
start.  Ordered by place, the first tenth of all pairs holds about a tenth of each stratum, and
each article is as likely to be in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.modality import MODALITIES, modality_of
from concept_linker.retrieval.pairs import Pair

__all__ = ["Survey", "Tally"]

Ints = NDArray[np.int64]


class Tally:
    """Counts pairs as they come by; a few numbers each are kept.

    Args:
        main_group: the main semantic group of a pair's concepts.
    """

    def __init__(self, main_group: Callable[[Iterable[str]], str]) -> None:
        self._main_group = main_group
        self._articles: dict[str, int] = {}
        self._strata: dict[tuple[str, str], int] = {}
        self._article = array("i")
        self._stratum = array("i")

    def add(self, pair: Pair) -> None:
        """Counts one pair."""
        stratum = modality_of(pair.caption), self._main_group(pair.concepts)
        self._stratum.append(self._strata.setdefault(stratum, len(self._strata)))
        self._article.append(self._articles.setdefault(pair.article, len(self._articles)))

    def survey(self, seed: int) -> Survey:
        """What was counted, with the order that a seed gives."""
        articles = list(self._articles)
        article, stratum = (np.array(one, np.int64) for one in (self._article, self._stratum))
        # Strata by their names, so that the order of the rows changes nothing.
        names = sorted(self._strata, key=lambda one: (MODALITIES.index(one[0]), one[1]))
        ranks = np.empty(len(names), np.int64)
        for number, name in enumerate(names):
            ranks[self._strata[name]] = number
        sizes = np.bincount(article, minlength=len(articles))
        order = _order(articles, sizes, _usual(article, ranks[stratum], len(articles)), seed)
        counts = np.bincount(ranks[stratum], minlength=len(names))
        return Survey(
            [articles[number] for number in order],
            sizes[order],
            dict(zip(names, map(int, counts), strict=True)),
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """What a collection is made of.

    Args:
        articles: all of them, in the order in which they are drawn.
        sizes: how many pairs each has.
        strata: how many pairs are of each (modality, semantic group).
    """

    articles: list[str]
    sizes: Ints
    strata: dict[tuple[str, str], int]

    @property
    def pairs(self) -> int:
        """How many there are."""
        return int(self.sizes.sum())


def _usual(article: Ints, stratum: Ints, articles: int) -> Ints:
    """The stratum that most pairs of each article are of; of equal ones the first."""
    both, counts = np.unique(np.stack([article, stratum], axis=1), axis=0, return_counts=True)
    order = np.lexsort((both[:, 1], -counts, both[:, 0]))
    _, first = np.unique(both[order, 0], return_index=True)
    usual = np.empty(articles, np.int64)
    usual[:] = both[order[first], 1] if articles else 0
    return usual


def _order(articles: list[str], sizes: Ints, strata: Ints, seed: int) -> Ints:
    keys = np.array([_random(seed, article) for article in articles], np.uint64)
    places = np.empty(len(articles))
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        own = own[np.argsort(keys[own], kind="stable")]
        ends = np.cumsum(sizes[own])
        start = _random(seed, f"stratum {stratum}") / 2**64
        places[own] = ((ends - sizes[own]) / ends[-1] + start) % 1.0
    return np.lexsort((keys, places))


def _random(seed: int, text: str) -> int:
    """A number below 2⁶⁴ that a seed and a text give, on every machine."""
    return int.from_bytes(blake2b(f"{seed} {text}".encode(), digest_size=8).digest())
