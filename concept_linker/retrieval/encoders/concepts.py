"""Baseline encoders that see no image: they compare the concepts of captions.

A caption's vector is the sum of its concepts' vectors, each weighted by how rare the concept is. A
concept's vector is random but always the same, so the similarity of two captions reflects how much
their sets of concepts overlap. The image is represented by concepts of its caption as well:

- whole: by all of them. Both sides of a pair are then equal, and only captions with the same
  concepts are confused: an upper bound for an encoder that knows nothing but the concepts.
- halves: by those of the first half of the mentions, while the text is represented by the rest.
  This measures how well one part of a caption predicts the other.

A caption without concepts is a row of zeros, which is equally similar to all others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import sha256, shake_128

import numpy as np
from numpy.typing import NDArray

from concept_linker.retrieval.pairs import Pair

__all__ = ["ConceptEncoder", "halves_encoder"]

#: With 1,024 dimensions the cosine of unrelated sets of concepts is within a few hundredths of 0.
_DIMENSIONS = 1024

Rows = NDArray[np.float32]


@lru_cache(maxsize=1 << 16)
def _vector(concept_id: str) -> Rows:
    """Returns a vector of ±1 derived from a hash of the id."""
    bits = np.unpackbits(np.frombuffer(shake_128(concept_id.encode()).digest(128), np.uint8))
    return bits.astype(np.float32) * 2 - 1


class ConceptEncoder:
    """Encodes the concepts of captions.

    Args:
        halves: whether each side sees one half of the mentions.
    """

    def __init__(self, *, halves: bool = False) -> None:
        self._halves = halves
        self._counts: Counter[str] = Counter()
        self._captions = 0

    @property
    def name(self) -> str:
        """Identifies the encoder."""
        return f"concepts{'-halves' if self._halves else ''} {_DIMENSIONS}"

    @property
    def model(self) -> str:
        """A checksum of the counts of :meth:`fit`."""
        return sha256(repr((self._captions, sorted(self._counts.items()))).encode()).hexdigest()

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns an empty list, as no images are used."""
        return []

    def fit(self, pairs: Iterable[Pair]) -> None:
        """Counts the captions of each concept; rare concepts weigh more."""
        self._counts.clear()
        self._captions = 0
        for pair in pairs:
            self._counts.update(set(pair.concepts))
            self._captions += 1

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the image side of each pair."""
        if not self._halves:
            return self.texts(pairs)
        return self._rows(pair.concepts[: -(-len(pair.concepts) // 2)] for pair in pairs)

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the text side of each pair."""
        if not self._halves:
            return self._rows(pair.concepts for pair in pairs)
        return self._rows(pair.concepts[-(-len(pair.concepts) // 2) :] for pair in pairs)

    def _rows(self, sets: Iterable[Sequence[str]]) -> Rows:
        return np.stack([self._row(concepts) for concepts in sets])

    def _row(self, concepts: Sequence[str]) -> Rows:
        row = np.zeros(_DIMENSIONS, np.float32)
        for concept in sorted(set(concepts)):  # a fixed order, so that equal sets have equal sums
            weight = np.log((1 + self._captions) / (1 + self._counts[concept])) + 1
            row += np.float32(weight) * _vector(concept)
        return row


def halves_encoder() -> ConceptEncoder:
    """Returns the baseline in which each side sees one half of the mentions."""
    return ConceptEncoder(halves=True)
