"""Filters that keep out of the mentions what hardly ever is a name in running text."""

from __future__ import annotations

import re
from functools import lru_cache

from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import TOKEN

__all__ = ["everyday_words", "is_all_capitals", "may_be_name"]

_PANEL = re.compile(r"\d{1,3}[A-Za-z]{1,2}|[A-Za-oq-z]\d{1,2}|p\d|[ivxIVX]+")


def may_be_name(mention: str) -> bool:
    """Whether a run of words may be a name in running text.

    Single letters, two lower-case letters, numbers, Roman numerals, and a letter with one or two
    digits (panels ``A1``, ``1b``; vertebrae and leads ``L5``, ``V2``, which are genes too) may not;
    ``p53`` and the like may.

    >>> [may_be_name(m) for m in ("CT", "p53", "ct", "A1", "IV", "12")]
    [True, True, False, False, False, False]
    """
    if len(mention) < 2 or not any(map(str.isalpha, mention)) or _PANEL.fullmatch(mention):
        return False
    return len(mention) > 2 or not mention.islower()


@lru_cache(maxsize=1)
def everyday_words() -> frozenset[str]:
    """Returns the keys of names that are everyday words, as counted by ``models/dictionary``."""
    path = model_path("dictionary") / "everyday.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def is_all_capitals(text: str) -> bool:
    """Whether a whole text is in capitals, so that the case of a word has no meaning."""
    return text.isupper() and len(TOKEN.findall(text)) > 3
