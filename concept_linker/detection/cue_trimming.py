"""Removes negation cues from the mentions that a detector finds.

A network trained on abstracts takes ``no pneumothorax`` for one mention, so that the pneumothorax
would not be negated.  A cue stays only where it is part of a name (``no-reflow phenomenon``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from concept_linker.detection.detector import Span

__all__ = ["without_negation_cues"]

_CUE = re.compile(
    r"""(?<![\w-])(?:
        no(?!\.?\s?\d|[-.]) | not | without | w/o | never | none | nor | neither | cannot
        | (?:absence|lack|resolution|disappearance)\sof | absent | lack(?:s|ing) | missing
        | negative\sfor | free\s(?:of|from) | den(?:y|ies|ied) | rul(?:es?|ed|ing)\sout | excluded
        | \w+n['’]t
    )(?![\w-])""",
    re.I | re.X,
)
# Never a mention alone, although "no" has the key of nitric oxide ("NO").
_BARE = re.compile(r"[Nn]ot?|[Nn](?:or|ever|either)|[Ww]ithout|[Cc]annot")
_WORD = re.compile(r"\w[\w'’.-]*[\w)\]]|\w")
# Words removed from the ends of what remains.
_FUNCTION_WORDS = frozenset(
    "a an the any and or but of with for to by in on is are was were be been has have had does do "
    "did show shows showed".split()
)
_OF_EVIDENCE = frozenset("evidence sign signs".split())


def without_negation_cues(
    text: str, spans: Iterable[Span], is_name: Callable[[str], object]
) -> Iterator[Span]:
    """Trims negation cues off spans.

    Args:
        text: the caption.
        spans: where its mentions are.
        is_name: whether a string is a name of the knowledge base.

    Yields:
        Each span unchanged if it has no cue or is a name; else its pieces that are names, or the
        last piece; nothing for a span that is only a cue.

    >>> text = "nodule with no calcification"
    >>> spans = without_negation_cues(text, [Span(0, 28)], {"nodule", "calcification"}.__contains__)
    >>> [text[span.start : span.end] for span in spans]
    ['nodule', 'calcification']
    """
    for span in spans:
        words = text[span.start : span.end]
        if _BARE.fullmatch(words):
            continue
        if not _CUE.search(words) or is_name(words):
            yield span
            continue
        pieces = list(_pieces(words))
        named = [(start, end) for start, end in pieces if is_name(words[start:end])]
        for start, end in named or pieces[-1:]:
            yield span._replace(start=span.start + start, end=span.start + end)


def _pieces(words: str) -> Iterator[tuple[int, int]]:
    """The non-empty pieces between cues, without function words at their ends."""
    begin = 0
    for cue_start, cue_end in [*(cue.span() for cue in _CUE.finditer(words)), (len(words),) * 2]:
        parts = [(part[0].lower(), part.span()) for part in _WORD.finditer(words, begin, cue_start)]
        while parts and parts[-1][0] in _FUNCTION_WORDS:
            parts.pop()
        first = 0
        while first < len(parts) - 1 and parts[first][0] in _FUNCTION_WORDS | _OF_EVIDENCE:
            first += 1
        if parts:
            yield parts[first][1][0], parts[-1][1][1]
        begin = cue_end
