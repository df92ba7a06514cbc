"""Captions that are nearly the same: many of their runs of three words are shared.

The similarity of two captions is the Jaccard index of their sets of runs.  Candidates come from
MinHash's idea without its chance: runs are put into one random order (by hash), and of two sets
whose index is at least ``t`` the first ``n - ceil(t·n) + 1`` runs of each, ``n`` being how many it
has, must share one (the prefix filter of Chaudhuri, Ganti and Kaushik, ICDE 2006).  So a
caption is looked up by a few hashes, as in a MinHash index, every candidate is compared
exactly, and none is missed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import SettingsError

__all__ = ["RUN", "CaptionIndex", "Likeness", "plain_words"]

#: Words of a run.
RUN = 3

_WORD = re.compile(r"[^\W_]+")

Ints = NDArray[np.int64]
Hashes = NDArray[np.uint64]


class Likeness(NamedTuple):
    """A caption that is like an indexed one."""

    text: int
    indexed: int
    similarity: float


def plain_words(caption: str) -> str:
    """A caption's words in lower case, parted by blanks: what makes captions equal.

    Compatibility characters are resolved, punctuation goes; of a caption without a letter or a
    digit its signs stay.

    >>> plain_words("Chest X‐ray (AP view):  ﬁbrosis.")
    'chest x ray ap view fibrosis'
    """
    text = unicodedata.normalize("NFKC", caption).casefold()
    return " ".join(_WORD.findall(text)) or "".join(text.split())


class CaptionIndex:
    """Captions to compare others with.

    Args:
        captions: as they stand.
        similarity: the least Jaccard index of captions that are alike.

    Raises:
        SettingsError: a similarity not above 0 or beyond 1.

    >>> index = CaptionIndex(["CT of the chest showing a nodule in the left lung."], 0.6)
    >>> [found] = index.alike(["CT of the chest, showing a nodule in the left lung (arrow)."])
    >>> round(found.similarity, 2)
    0.9
    """

    def __init__(self, captions: Sequence[str], similarity: float) -> None:
        if not 0 < similarity <= 1:
            raise SettingsError(
                f"similarity is {similarity}, expected a number above 0 and at most 1"
            )
        self._least = similarity
        self._runs, self._begins = _runs(captions)
        sizes = np.diff(self._begins)
        leading = sizes - np.ceil(similarity * sizes - 1e-9).astype(np.int64) + 1
        leading = np.minimum(leading, sizes)
        places = np.arange(len(self._runs)) - np.repeat(self._begins[:-1], sizes)
        chosen = places < np.repeat(leading, sizes)
        owners = np.repeat(np.arange(len(sizes)), sizes)[chosen]
        order = np.argsort(self._runs[chosen], kind="stable")
        self._keys = self._runs[chosen][order]
        self._owners = owners[order]

    def __len__(self) -> int:
        return len(self._begins) - 1

    def alike(self, captions: Sequence[str]) -> list[Likeness]:
        """All pairs of a caption and an indexed one that are alike, by caption."""
        from concept_linker.retrieval.near_duplicates.shingles import join

        runs, begins = _runs(captions)
        pairs, similarities = join(
            self._keys, self._owners, self._runs, self._begins, runs, begins, self._least
        )
        return [
            Likeness(int(text), int(indexed), float(similarity))
            for (text, indexed), similarity in zip(pairs, similarities, strict=True)
        ]


def _runs(captions: Sequence[str]) -> tuple[Hashes, Ints]:
    from concept_linker.retrieval.near_duplicates.shingles import shingle

    texts = [plain_words(caption).encode("utf-8", "surrogatepass") for caption in captions]
    begins = np.concatenate([[0], np.cumsum([len(text) for text in texts], dtype=np.int64)])
    found: tuple[Hashes, Ints] = shingle(
        np.frombuffer(b"".join(texts), np.uint8), begins.astype(np.int64), RUN
    )
    return found
