"""The plain twin of :mod:`concept_linker.ranking.words`."""

from __future__ import annotations

from concept_linker.ranking.priors import STEM
from concept_linker.ranking.words import COMPARED_WORDS, MAX_WORDS
from concept_linker.search.grams import key_hash


def plain_hashes(key: str) -> list[list[int]]:
    """Returns the hashes of words and stems: the last word first, then all from the start."""
    words = key.split(" ")[:MAX_WORDS] if key else []
    compared = [words[-1], *words[:COMPARED_WORDS]] if words else []
    rows = [[key_hash(word) for word in compared], [key_hash(word[:STEM]) for word in compared]]
    return [row + [0] * (COMPARED_WORDS + 1 - len(row)) for row in rows]
