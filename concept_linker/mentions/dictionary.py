"""Mentions by dictionary: the longest runs of words that are a name in the knowledge base.

What a dictionary gets wrong in captions is kept out by guards, each for a measured reason:

*   A run starts and ends at the edge of a word (``BMP`` in ``BMP4`` is none) and does not cross
    a bracket, a semicolon, a colon, the end of a sentence, or a comma with a blank behind it.
*   A symbol is matched in its own case only (``cat`` is no ``CAT``).
*   Single letters, two small ones, numbers, Roman numerals, and a letter with one or two digits
    (panels ``A1``, ``1b``; vertebrae and leads ``L5``, ``V2``, which are genes too) are none, but
    for ``p53`` and its like.
*   Everyday words that are also names (``was``, ``set``, ``arrow``) are none; which words these
    are was counted in MedMentions TRAIN (``models/dictionary``).

Of overlapping runs the longest is taken, of equally long ones the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from concept_linker.candidates.normalise import TOKEN, case_agrees, fold, key
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.mentions.detector import Span
from concept_linker.resources import model_path

__all__ = ["DictionaryDetector", "everyday_words"]

#: More words than this no name in running text has; it bounds the work on a long caption.
_LONGEST_RUN = 12

# What between two tokens ends a run.
_BREAK = re.compile(r"[()\[\]{};:!?|\"“”<>=≥≤±~*†‡§¶•…]|[.,](?:\s|$)|\n|\s[-–—/]|[-–—/]\s|,,")
_PANEL = re.compile(r"\d{1,3}[A-Za-z]{1,2}|[A-Za-oq-z]\d{1,2}|p\d|[ivxIVX]+")


class DictionaryDetector:
    """Finds the names of a knowledge base in texts.

    Args:
        kb: the knowledge base.
        everyday: keys that are no mentions unless written in capitals; those measured, if not
            given.
    """

    def __init__(self, kb: KnowledgeBase, *, everyday: frozenset[str] | None = None) -> None:
        self._kb = kb
        self._everyday = everyday_words() if everyday is None else everyday
        self._accepts = lru_cache(maxsize=1 << 17)(self._accept)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(DictionaryDetector, everyday=self._everyday), (self._kb,)

    def detect_many(self, texts: Iterable[str]) -> Iterator[list[Span]]:
        """See :class:`~concept_linker.mentions.detector.MentionDetector`."""
        return map(self.detect, texts)

    def detect(self, text: str) -> list[Span]:
        """The spans of one text, in reading order."""
        tokens = []
        for match in TOKEN.finditer(text):
            folded = fold(match.group())
            if folded:
                tokens.append((match.start(), match.end(), folded))
        taken: list[Span] = []
        free = np.ones(len(tokens), np.bool_)
        # In a caption all in capitals these say nothing: neither that a word is a symbol nor that
        # it is none.
        shouted = text.isupper() and len(tokens) > 3
        for first, last in self._runs(text, tokens):
            start, end = tokens[first][0], tokens[last][1]
            words = text[start:end]
            if not free[first : last + 1].all() or (shouted and key(words) in self._everyday):
                continue
            if self._accepts(words) or (shouted and self._accepts(words.lower())):
                free[first : last + 1] = False
                taken.append(Span(start, end))
        return sorted(taken)

    def _runs(self, text: str, tokens: list[tuple[int, int, str]]) -> list[tuple[int, int]]:
        """The runs of tokens that are names, the longest first."""
        from concept_linker.mentions.matching import find_runs

        if not tokens:
            return []
        count = len(tokens)
        opens, closes, joins = (np.ones(count, np.uint8) for _ in range(3))
        for i in range(count - 1):
            end, start = tokens[i][1], tokens[i + 1][0]
            if end == start:
                closes[i] = opens[i + 1] = 0
            elif start - end > 1 or text[end] != " ":
                if _BREAK.search(text, end, start) or start - end > 3:
                    joins[i] = 0
                elif text[end] == "_":
                    closes[i] = opens[i + 1] = 0
        folded = [token[2].encode() for token in tokens]
        ends = np.cumsum([len(token) + 1 for token in folded]) - 1
        begins = np.zeros(count, np.int64)
        begins[1:] = ends[:-1] + 1
        data = np.frombuffer(b" ".join(folded), np.uint8)
        index = self._kb.index
        found = np.empty((4 * count + 16, 3), np.int64)
        while True:
            number = find_runs(
                data, begins, ends, opens, closes, joins, _LONGEST_RUN, *index.table, found
            )
            if number <= found.shape[0]:
                break
            found = np.empty((number, 3), np.int64)
        runs = [(first, last) for first, last, _ in found[:number].tolist()]
        runs.sort(key=lambda run: (tokens[run[0]][0] - tokens[run[1]][1], run))
        return runs

    def _accept(self, mention: str) -> bool:
        """Whether a run that has the key of a name is a mention of it."""
        letters = sum(map(str.isalpha, mention))
        if not letters or len(mention) < 2 or _PANEL.fullmatch(mention):
            return False
        if len(mention) <= 2 and mention.islower():
            return False
        matches = self._kb.find(mention)
        kb = self._kb
        if not any(
            case_agrees(mention, kb.alias(m), symbol=kb.kind(m) is NameKind.ABBREVIATION)
            for m in matches
        ):
            return False
        capitals = sum(map(str.isupper, mention))
        return (capitals > 1 and mention.isupper()) or key(mention) not in self._everyday


@lru_cache(maxsize=1)
def everyday_words() -> frozenset[str]:
    """The keys of the everyday words that are no mentions, as measured in ``models/dictionary``."""
    path = model_path("dictionary") / "everyday.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))
