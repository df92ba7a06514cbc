"""The dictionary detector: the longest runs of words that are a name in the knowledge base.

Filters keep out what a dictionary gets wrong in captions:

*   A run starts and ends at a word boundary (not ``BMP`` in ``BMP4``), and does not cross a
    bracket, a semicolon, a colon, the end of a sentence, or a comma followed by a space.
*   A symbol matches in its own case only (``cat`` is not ``CAT``).
*   Single letters, two lower-case letters, numbers, Roman numerals, and a letter with one or two
    digits (panels ``A1``, ``1b``; vertebrae and leads ``L5``, ``V2``, which are genes too) do not
    match; ``p53`` and the like do.
*   Everyday words that are also names (``was``, ``set``, ``arrow``) do not match; they were counted
    in MedMentions TRAIN (``models/dictionary``).

Of overlapping runs the longest is taken, of equally long ones the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np

from concept_linker.detection.detector import Detected, Span
from concept_linker.detection.name_filters import everyday_words, is_all_capitals, may_be_name
from concept_linker.detection.phrase_matching import find_runs, select_longest, with_closed_brackets
from concept_linker.detection.tokens import tokenize
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.normalise import key

__all__ = ["DictionaryDetector"]


class DictionaryDetector:
    """Finds the names of a knowledge base in texts.

    Args:
        kb: the knowledge base.
        everyday: keys of names that are mentions only in capitals; by default those of
            :func:`~concept_linker.detection.name_filters.everyday_words`.
    """

    def __init__(self, kb: KnowledgeBase, *, everyday: frozenset[str] | None = None) -> None:
        self._kb = kb
        self._everyday = everyday_words() if everyday is None else everyday
        self._accepts = lru_cache(maxsize=1 << 17)(self._accept)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(DictionaryDetector, everyday=self._everyday), (self._kb,)

    def detect(self, texts: Sequence[str]) -> Detected:
        """See :class:`~concept_linker.detection.detector.MentionDetector`."""
        return Detected(lambda: self._find_spans(texts))

    def _find_spans(self, texts: Sequence[str]) -> list[list[Span]]:
        tokens = tokenize(texts)
        found, ends = with_closed_brackets(tokens, find_runs(tokens, self._kb.rows.index.table))
        starts = tokens.starts[found[:, 0]]
        numbers = np.searchsorted(tokens.text_starts, starts, side="right") - 1
        all_capitals = np.fromiter((is_all_capitals(text) for text in texts), np.bool_, len(texts))
        text, accepts = tokens.text, self._accepts
        accepted = [
            accepts(text[start:end], capitals)
            for start, end, capitals in zip(
                starts.tolist(), ends.tolist(), all_capitals[numbers].tolist(), strict=True
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

    def _accept(self, mention: str, all_capitals: bool = False) -> bool:
        """Whether a run with the key of a name is a mention of it.

        In a text all in capitals the case of a word does not show whether it is a symbol.
        """
        if not all_capitals:
            return self._accept_as_written(mention)
        return key(mention) not in self._everyday and (
            self._accept_as_written(mention) or self._accept_as_written(mention.lower())
        )

    def _accept_as_written(self, mention: str) -> bool:
        if not may_be_name(mention):
            return False
        rows = self._kb.rows
        if not any(rows.case_agrees(mention, match.name) for match in rows.find(mention)):
            return False
        capitals = sum(map(str.isupper, mention))
        return (capitals > 1 and mention.isupper()) or key(mention) not in self._everyday
