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

import itertools
from collections.abc import Iterable, Iterator
from functools import lru_cache, partial
from typing import Any

import numpy as np

from concept_linker.detection.detector import Span
from concept_linker.detection.guards import everyday_words, is_shouted, is_worded
from concept_linker.detection.matching import closed, find_runs, select_longest
from concept_linker.detection.tokens import cut
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.normalise import key

__all__ = ["DictionaryDetector"]

_BATCH = 256


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
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        stream = iter(texts)
        while batch := list(itertools.islice(stream, _BATCH)):
            yield from self._detect(batch)

    def detect(self, text: str) -> list[Span]:
        """The spans of one text, in reading order."""
        return self._detect([text])[0]

    def _detect(self, texts: list[str]) -> list[list[Span]]:
        tokens = cut(texts)
        found, ends = closed(tokens, find_runs(tokens, self._kb.rows.index.table))
        starts = tokens.starts[found[:, 0]]
        numbers = np.searchsorted(tokens.text_starts, starts, side="right") - 1
        shouted = np.fromiter((is_shouted(text) for text in texts), np.bool_, len(texts))
        text, accepts = tokens.text, self._accepts
        accepted = [
            accepts(text[start:end], loud)
            for start, end, loud in zip(
                starts.tolist(), ends.tolist(), shouted[numbers].tolist(), strict=True
            )
        ]
        kept = np.flatnonzero(accepted)
        starts, ends, found, numbers = starts[kept], ends[kept], found[kept], numbers[kept]
        order = np.lexsort((starts, starts - ends))
        taken = select_longest(order, found[:, 0], found[:, 1], tokens.starts.size)
        spans: list[list[Span]] = [[] for _ in texts]
        begins = tokens.text_starts[numbers]
        for number, start, end in zip(
            numbers[taken].tolist(),
            (starts - begins)[taken].tolist(),
            (ends - begins)[taken].tolist(),
            strict=True,
        ):
            spans[number].append(Span(start, end))
        return spans

    def _accept(self, mention: str, shouted: bool = False) -> bool:
        """Whether a run that has the key of a name is a mention of it.

        In a text all in capitals these say nothing: neither that a word is a symbol nor that it
        is none.
        """
        if not shouted:
            return self._accept_as_written(mention)
        return key(mention) not in self._everyday and (
            self._accept_as_written(mention) or self._accept_as_written(mention.lower())
        )

    def _accept_as_written(self, mention: str) -> bool:
        """Whether a run that has the key of a name is a mention of it."""
        if not is_worded(mention):
            return False
        rows = self._kb.rows
        if not any(rows.case_agrees(mention, match.name) for match in rows.find(mention)):
            return False
        capitals = sum(map(str.isupper, mention))
        return (capitals > 1 and mention.isupper()) or key(mention) not in self._everyday
