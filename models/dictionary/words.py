"""Counts which words authors write without a hyphen.

A word that stands in two documents, with letters only, and not more often in two parts with a
hyphen between them.  A word broken at a line's end is joined where it is one of these
(:mod:`concept_linker.detection.cleaning`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["written_as_one"]

_WORD = re.compile(r"(?<![\w-])[^\W\d_]{2,40}(?:-[^\W\d_]{2,40})?(?![\w-])")
_LEAST_DOCUMENTS = 2
_LEAST_LETTERS = 3


def written_as_one(texts: Iterable[str]) -> list[str]:
    """The words, in small letters and alphabetical order.

    Args:
        texts: one a document.

    >>> written_as_one(["A pneumothorax, well-known.", "Pneumothorax is well-known; wellknown."])
    ['pneumothorax']
    """
    documents: Counter[str] = Counter()
    for text in texts:
        documents.update({word.lower() for word in _WORD.findall(text)})
    parted: Counter[str] = Counter()
    for word, count in documents.items():
        if "-" in word:
            parted[word.replace("-", "")] += count
    return sorted(
        word
        for word, count in documents.items()
        if "-" not in word
        and len(word) >= _LEAST_LETTERS
        and count >= max(_LEAST_DOCUMENTS, parted[word])
    )
