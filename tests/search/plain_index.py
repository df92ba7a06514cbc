"""The plain twin of :mod:`concept_linker.search.index`: exact search by scoring every key.

It covers all the compiled modules behind the index: grams, build, probe, scan and best.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

__all__ = ["PlainIndex", "grams_of"]


def grams_of(key: str) -> set[str]:
    """Returns the 3-grams of a key padded with one blank on either side.

    >>> sorted(grams_of("mri"))
    [' mr', 'mri', 'ri ']
    """
    padded = f" {key} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)} if key else set()


class PlainIndex:
    """Cosine of IDF-weighted sets of character 3-grams, by scoring every key.

    >>> PlainIndex(["hippocampus", "hippocampal sulcus"]).search("hipocampus", k=1)
    [('hippocampus', 0.777139202475113)]
    """

    def __init__(self, keys: Sequence[str]) -> None:
        distinct = sorted(set(keys))
        counts = Counter(gram for key in distinct for gram in grams_of(key))
        total = len(distinct)
        self._weights = {
            gram: round(64 * (math.log((1 + total) / (1 + df)) + 1)) for gram, df in counts.items()
        }
        self._unknown = round(64 * (math.log(1 + total) + 1))
        self.keys = sorted(distinct, key=lambda key: (self._norm(key), key.encode()))

    def _norm(self, key: str) -> int:
        return sum(self._weights.get(gram, self._unknown) ** 2 for gram in grams_of(key))

    def similarity(self, query: str, key: str) -> float:
        """Returns the cosine of two texts, 0.0 if either has no gram."""
        dot = sum(self._weights.get(gram, 0) ** 2 for gram in grams_of(query) & grams_of(key))
        norms = float(self._norm(query)) * float(self._norm(key))
        return dot / math.sqrt(norms) if norms else 0.0

    def search(self, query: str, *, k: int, min_similarity: float = 0.0) -> list[tuple[str, float]]:
        """Returns the k best keys with a similarity above 0 and of at least ``min_similarity``.

        The best comes first; among equals the key with the lower norm, then by bytes.
        """
        scored = [(key, self.similarity(query, key)) for key in self.keys]
        hits = [(key, cosine) for key, cosine in scored if cosine > 0 and cosine >= min_similarity]
        hits.sort(key=lambda hit: -hit[1])
        return hits[:k]
