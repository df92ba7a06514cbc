"""Preprocessing: a text becomes cleaned passages of bounded length, with its abbreviations.

Memory grows with the text that is processed together.  A caption is one passage; a longer text is
split where a sentence, or at least a word, ends, and each passage is linked by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from concept_linker.detection.abbreviations import Definition, find_abbreviations
from concept_linker.detection.cleaning import CleanText, clean_text
from concept_linker.detection.detector import BATCH_SIZE
from concept_linker.errors import InputError

__all__ = [
    "Caption",
    "Passage",
    "batches",
    "not_a_string",
    "preprocess",
    "preprocess_with_spans",
]

#: The most characters of a passage, unless a given span is longer.
LONGEST_PASSAGE = 8_000
#: The most characters of a batch: more than 256 captions of the usual length.
BATCH_CHARACTERS = 1 << 16

_SENTENCE = re.compile(r"[.!?;][)\]]?\s|\n")
_Sized = TypeVar("_Sized", str, "Passage")


class Passage(NamedTuple):
    """A part of a caption that is processed at once; offsets are relative to it.

    Args:
        text: its cleaned text.
        begin: where it begins in the cleaned text of the caption.
        clean: the cleaned text of the whole caption.
        source: the whole caption as it was given.
        definitions: the abbreviations defined in the caption, with their places in the passage.
        spans: the spans to link; ``None`` where the detector is to find them.
        numbers: the index of each of them among the caption's spans.
    """

    text: str
    begin: int
    clean: CleanText
    source: str
    definitions: tuple[Definition, ...]
    spans: tuple[tuple[int, int], ...] | None = None
    numbers: tuple[int, ...] = ()

    @property
    def characters(self) -> int:
        """The length of its text."""
        return len(self.text)

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span in the caption of a span in the passage."""
        return self.clean.to_original(start + self.begin, end + self.begin)


class Caption(NamedTuple):
    """A text to link.

    Args:
        text: the text as it was given.
        passages: the passages it is split into.
        given: the spans to link; ``None`` where the detector is to find them.
    """

    text: str
    passages: tuple[Passage, ...]
    given: tuple[tuple[int, int], ...] | None = None


def preprocess(text: str, given: tuple[tuple[int, int], ...] | None = None) -> Caption:
    """Cleans a text, finds its abbreviations and splits it into passages.

    Args:
        text: the text.
        given: the spans to link, if they are known; they may overlap.

    Raises:
        InputError: ``text`` is not a string.
    """
    if not isinstance(text, str):
        raise InputError(not_a_string(text))
    clean = clean_text(text)
    spans = [clean.from_original(*span) for span in given or ()]
    definitions = tuple(
        one._replace(long=clean.text[one.long_start : one.long_end])
        for one in find_abbreviations(clean.with_tabs(text))
    )
    if len(clean.text) <= LONGEST_PASSAGE:
        known = None if given is None else tuple(spans)
        whole = Passage(clean.text, 0, clean, text, definitions, known, tuple(range(len(spans))))
        return Caption(text, (whole,), given)
    cuts = _cuts(clean.text, _merged(spans))
    contents = [_Contents([], [], []) for _ in cuts[1:]]
    for number, definition in enumerate(definitions):
        for place in definition.occurrences:
            contents[bisect_right(cuts, place[0]) - 1].occurrences.append((number, place))
    for number, span in enumerate(spans):
        part = contents[min(bisect_right(cuts, span[0]), len(contents)) - 1]
        part.numbers.append(number)
        part.spans.append(span)
    passages = (
        Passage(
            clean.text[begin:end],
            begin,
            clean,
            text,
            _moved(definitions, part.occurrences, begin),
            None if given is None else tuple((a - begin, b - begin) for a, b in part.spans),
            tuple(part.numbers),
        )
        for (begin, end), part in zip(pairwise(cuts), contents, strict=True)
    )
    return Caption(text, tuple(passages), given)


def preprocess_with_spans(text: str, spans: Iterable[tuple[int, int]]) -> Caption:
    """Like :func:`preprocess`, for a text whose mentions are given.

    Args:
        text: the text.
        spans: start and end of each mention.

    Raises:
        InputError: ``text`` is not a string, or a span is empty or not inside it.
    """
    if not isinstance(text, str):
        raise InputError(not_a_string(text))
    if not isinstance(spans, Iterable):
        raise InputError(f"spans are {type(spans).__name__}, expected an iterable of (start, end)")
    return preprocess(text, tuple(_checked_span(span, text) for span in spans))


def not_a_string(given: object, number: int | None = None) -> str:
    """The message of an error about a value that is not a string.

    Args:
        given: the value.
        number: its index in a stream of texts.
    """
    which = "text" if number is None else f"text number {number}"
    shown = repr(given)
    if len(shown) > 40:
        shown = shown[:40] + "…"
    hint = "; decode bytes first" if isinstance(given, bytes | bytearray) else ""
    return f"{which} is {shown} ({type(given).__name__}), expected str{hint}"


def _checked_span(span: Any, text: str) -> tuple[int, int]:
    try:
        start, end = span
        inside = 0 <= start < end <= len(text)
    except (TypeError, ValueError):
        raise InputError(f"span is {span!r}, expected (start, end)") from None
    if not inside or isinstance(start, float) or isinstance(end, float):
        raise InputError(
            f"span is {span!r}, expected 0 <= start < end <= {len(text)}, the length of the text"
        )
    return int(start), int(end)


class _Contents(NamedTuple):
    """What is in a passage, in places of the whole text; short forms by the definition's index."""

    occurrences: list[tuple[int, tuple[int, int]]]
    numbers: list[int]
    spans: list[tuple[int, int]]


def _moved(
    definitions: Sequence[Definition],
    occurrences: Iterable[tuple[int, tuple[int, int]]],
    begin: int,
) -> tuple[Definition, ...]:
    """The definitions of the short forms in a passage, with places relative to it."""
    places: dict[int, list[tuple[int, int]]] = {}
    for number, (start, end) in occurrences:
        places.setdefault(number, []).append((start - begin, end - begin))
    return tuple(
        Definition(
            definitions[number].short,
            definitions[number].long,
            definitions[number].long_start - begin,
            definitions[number].long_end - begin,
            tuple(at),
        )
        for number, at in places.items()
    )


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The disjoint intervals that spans cover, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _cuts(text: str, covered: list[tuple[int, int]]) -> list[int]:
    """Where passages begin, and the last ends; none of these is inside a covered interval."""
    cuts = [0]
    while len(text) - cuts[-1] > LONGEST_PASSAGE:
        least, most = cuts[-1] + LONGEST_PASSAGE // 2, cuts[-1] + LONGEST_PASSAGE
        sentences = [found.end() for found in _SENTENCE.finditer(text, least, most)]
        cut = sentences[-1] if sentences else text.rfind(" ", least, most) + 1 or most
        at = bisect_right(covered, (cut,)) - 1
        if at >= 0 and covered[at][0] < cut < covered[at][1]:
            start, end = covered[at]
            cut = start if start > cuts[-1] else end
        cuts.append(cut)
    return [*cuts, len(text)] if cuts[-1] < len(text) else cuts


def batches(texts: Iterable[_Sized], size: int = BATCH_SIZE) -> Iterator[list[_Sized]]:
    """Batches of texts as they come, of bounded memory.

    Args:
        texts: texts or passages.
        size: the most of them in a batch.

    >>> [len(batch) for batch in batches(["a", "b", "c"], 2)]
    [2, 1]
    """
    batch: list[_Sized] = []
    characters = 0
    for text in texts:
        batch.append(text)
        characters += text.characters if isinstance(text, Passage) else len(text)
        if len(batch) == size or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
