"""What the first stage says of strings, kept: captions repeat their mentions."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.candidates import WORDS
from concept_linker.ranking.contextual_features import SHARE, Shelf
from concept_linker.ranking.short_forms import is_short_form

__all__ = ["Ranked", "Remembered", "settled"]

#: Where the first stage gives the best candidate more than this share, its place is not looked at.
SETTLED = 0.9

# A candidate on the shelf takes some 200 bytes, its name and id as much.
_ROOM = 1 << 18
# For so many strings there is room in any case.
_NUMBERS = 1 << 10


class Ranked(NamedTuple):
    """The best candidates of some strings, one string after the other.

    Args:
        shelf: the candidates.
        sizes: how many each string has.
        words: of each string, see :func:`~concept_linker.ranking.candidates.word_hashes`.
    """

    shelf: Shelf
    sizes: NDArray[np.int64]
    words: NDArray[np.uint64]


class Remembered:
    """Strings and their candidates, each string known by a number; threads may share it.

    It only grows.  All that is known of a string is written before its number is told, and never
    again after that: so what was told stays right, and who reads needs no lock.

    Args:
        strings: how many shall have room in any case.
        most: how many candidates a string has at most.
    """

    def __init__(self, strings: int, most: int) -> None:
        room = max(_ROOM, strings * most)
        self.shelf = Shelf.empty(room)
        count = max(room // most, _NUMBERS)
        self.begins, self.sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self.words = np.zeros((count, 2, WORDS + 1), np.uint64)
        self.settled, self.is_short = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        #: Of each candidate id, preferred name, name and similarity; and its semantic types.
        self.heads: list[tuple[str, str, str, float]] = []
        self.types: list[tuple[str, ...]] = []
        #: By number the answers of strings that are settled.
        self.answers: dict[int, tuple[Candidate, ...]] = {}
        self._used = 0
        self._numbers: dict[str, int] = {}

    def __contains__(self, string: str) -> bool:
        return string in self._numbers

    def numbers(self, strings: Sequence[str]) -> NDArray[np.int64] | None:
        """The number of each string, or ``None`` where one is not known."""
        numbers = list(map(self._numbers.get, strings))
        return None if None in numbers else np.array(numbers, np.int64)

    def has_room(self, ranked: Ranked) -> bool:
        """Whether more strings can be added."""
        rows = len(self.shelf.concepts) - self._used
        numbers = len(self.begins) - len(self._numbers)
        return len(ranked.shelf.concepts) <= rows and len(ranked.sizes) <= numbers

    def add(self, strings: Sequence[str], ranked: Ranked, kb: KnowledgeBase) -> None:
        """Adds strings that are not known; for one thread at a time."""
        begin, known = self._used, len(self._numbers)
        end, new = begin + len(ranked.shelf.concepts), slice(known, known + len(strings))
        pairs: Iterable[tuple[Any, Any]] = zip(self.shelf, ranked.shelf, strict=True)
        for column, values in pairs:
            column[begin:end] = values
        ids, names, types, aliases = kb.rows.candidate_columns(
            ranked.shelf.concepts.tolist(), ranked.shelf.names.tolist()
        )
        similarities = ranked.shelf.similarities.tolist()
        # What an interrupted call has left behind is written over.
        self.heads[begin:] = zip(ids, names, aliases, similarities, strict=True)
        self.types[begin:] = types
        self.begins[new] = begin + np.cumsum(ranked.sizes) - ranked.sizes
        self.sizes[new], self.words[new] = ranked.sizes, ranked.words
        # What a short form means its place decides.
        self.is_short[new] = [is_short_form(string) for string in strings]
        by_string = settled(self.shelf, self.begins[new], ranked.sizes)
        self.settled[new] = by_string & ~self.is_short[new]
        self._used = end
        self._numbers.update(zip(strings, itertools.count(known), strict=False))


def settled(shelf: Shelf, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of which strings the answer is kept: the string alone says it, or nothing is to be chosen.

    Args:
        shelf: the candidates of strings, the best first.
        begins, sizes: where those of each string are.
    """
    best = np.minimum(begins, len(shelf.concepts) - 1)
    sure: NDArray[np.bool_] = shelf.features[best, SHARE] > SETTLED
    return sure | (sizes < 2)
