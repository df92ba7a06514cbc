"""How often a string means a concept: counts from a corpus with gold annotations.

A folder of flat arrays.  Strings are known by a 64-bit hash of their key, concepts by the number in
their CUI, so that the counts serve every base whose concepts have CUIs, and nothing of a
vocabulary is in the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concept_linker.candidates.normalise import key
from concept_linker.knowledge_base.identity import is_cui

__all__ = ["Priors"]

_ARRAYS = ("concepts", "concept_counts", "strings", "pair_concepts", "pair_counts")


class Priors:
    """Counts of concepts, and of pairs of string and concept.

    Args:
        concepts: the numbers of CUIs, ascending (uint32).
        concept_counts: how often each was meant (uint32).
        strings: the hash of the key of each pair, ascending (uint64).
        pair_concepts: the concept of each pair (uint32).
        pair_counts: how often it was meant by the string (uint32).

    >>> priors = Priors.count([("lesions", "C0221198"), ("lesion", "C0221198")])
    >>> priors.of_string("Lesion"), priors.of_concept("C0221198"), priors.of_string("unseen")
    ({'C0221198': 2}, 2, {})
    """

    def __init__(
        self,
        concepts: NDArray[np.uint32],
        concept_counts: NDArray[np.uint32],
        strings: NDArray[np.uint64],
        pair_concepts: NDArray[np.uint32],
        pair_counts: NDArray[np.uint32],
    ) -> None:
        self._concepts = concepts
        self._concept_counts = concept_counts
        self._strings = strings
        self._pair_concepts = pair_concepts
        self._pair_counts = pair_counts

    @classmethod
    def count(cls, mentions: Iterable[tuple[str, str]]) -> Priors:
        """Counts mentions: (string, concept id); those without a CUI are passed over."""
        pairs = Counter(
            (_hash(key(text)), int(cui[1:])) for text, cui in mentions if is_cui(cui) and key(text)
        )
        concepts: Counter[int] = Counter()
        for (_, concept), count in pairs.items():
            concepts[concept] += count
        ordered = sorted(pairs.items())
        return cls(
            np.array(sorted(concepts), np.uint32),
            np.array([concepts[c] for c in sorted(concepts)], np.uint32),
            np.array([string for (string, _), _ in ordered], np.uint64),
            np.array([concept for (_, concept), _ in ordered], np.uint32),
            np.array([count for _, count in ordered], np.uint32),
        )

    @classmethod
    def open(cls, folder: Path) -> Priors:
        """Maps what :meth:`save` wrote."""
        arrays = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in _ARRAYS)
        return cls(*(array.view(np.ndarray) for array in arrays))  # a memmap is slow to index

    def save(self, folder: Path) -> None:
        """Writes the arrays into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, f"_{name}"), allow_pickle=False)

    def of_string(self, text: str) -> dict[str, int]:
        """How often the string meant each CUI."""
        wanted = np.uint64(_hash(key(text)))
        begin, end = np.searchsorted(self._strings, [wanted, wanted + np.uint64(1)])
        return {
            f"C{concept:07d}": int(count)
            for concept, count in zip(
                self._pair_concepts[begin:end], self._pair_counts[begin:end], strict=True
            )
        }

    def of_concept(self, concept_id: str) -> int:
        """How often the concept was meant at all."""
        if not is_cui(concept_id):
            return 0
        wanted = np.uint32(int(concept_id[1:]))
        at = int(np.searchsorted(self._concepts, wanted))
        if at == self._concepts.size or self._concepts[at] != wanted:
            return 0
        return int(self._concept_counts[at])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
