"""A baseline that looks at no image: the concepts of captions against those of other captions.

A caption's vector is the sum of its concepts' vectors, each weighted by how rare the concept is; a
concept's vector is random but always the same, so two captions are about as similar as their sets
of concepts.  The image's side is played by concepts too:

- whole: by all concepts of its caption.  Every pair is then equal, and what is left to chance are
  captions with the same concepts: the most that knowing the concepts alone can reach.
- halves: by the first half of the mentions, with the text played by the others.  How far one
  part of a caption tells the rest of it.

A caption without concepts is a row of zeros: it is as near to every other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256, shake_128

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.pairs import Pair

__all__ = ["ConceptEncoder"]

#: Long enough that unlike sets of concepts stay a few hundredths from cosine 0.
_DIMENSIONS = 1024

Rows = NDArray[np.float32]


@lru_cache(maxsize=1 << 16)
def _vector(concept_id: str) -> Rows:
    """±1 in every dimension, by a hash of the id."""
    bits = np.unpackbits(np.frombuffer(shake_128(concept_id.encode()).digest(128), np.uint8))
    return bits.astype(np.float32) * 2 - 1


class ConceptEncoder:
    """Encodes the concepts of captions.

    Args:
        halves: both sides see one half of the mentions each.
    """

    def __init__(self, *, halves: bool = False) -> None:
        self._halves = halves
        self._seen: Counter[str] = Counter()
        self._captions = 0

    @property
    def name(self) -> str:
        """What tells it from another."""
        return f"concepts{'-halves' if self._halves else ''} {_DIMENSIONS}"

    @property
    def model(self) -> str:
        """A checksum of what :meth:`fit` has counted."""
        return sha256(repr((self._captions, sorted(self._seen.items()))).encode()).hexdigest()

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """Nothing: it looks at no image."""
        return []

    def fit(self, pairs: Iterable[Pair]) -> None:
        """Counts in how many captions each concept comes; the rarer, the more it weighs."""
        self._seen.clear()
        self._captions = 0
        for pair in pairs:
            self._seen.update(set(pair.concepts))
            self._captions += 1

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """The image's side of each pair."""
        if not self._halves:
            return self.texts(pairs)
        return self._rows(pair.concepts[: -(-len(pair.concepts) // 2)] for pair in pairs)

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """The text's side of each pair."""
        if not self._halves:
            return self._rows(pair.concepts for pair in pairs)
        return self._rows(pair.concepts[-(-len(pair.concepts) // 2) :] for pair in pairs)

    def _rows(self, sets: Iterable[Sequence[str]]) -> Rows:
        return np.stack([self._row(concepts) for concepts in sets])

    def _row(self, concepts: Sequence[str]) -> Rows:
        row = np.zeros(_DIMENSIONS, np.float32)
        for concept in sorted(set(concepts)):  # in one order, so that equal sets are equal
            weight = np.log((1 + self._captions) / (1 + self._seen[concept])) + 1
            row += np.float32(weight) * _vector(concept)
        return row
