"""A caption as the linker reads it: plain text, cut into passages so that none is too long.

Memory grows with what is worked on together.  A caption is one passage; a longer text is cut where
a sentence, or at least a word, ends, and each passage is read and linked by itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from concept_linker.detection.abbreviations import Definition, find_abbreviations
from concept_linker.detection.detector import READ_TOGETHER
from concept_linker.detection.plain_text import PlainText, plain_text
from concept_linker.errors import InputError

__all__ = ["Caption", "Passage", "not_a_text", "read_caption", "read_given", "together"]

#: The most characters of a passage, but for given spans that are longer.
LONGEST_PASSAGE = 8_000
#: The most characters that are worked on together: 256 captions of the usual length and more.
CHARACTERS_TOGETHER = 1 << 16

_SENTENCE = re.compile(r"[.!?;][)\]]?\s|\n")
_Sized = TypeVar("_Sized", str, "Passage")


class Passage(NamedTuple):
    """A stretch of a caption that is read at once; all places in it are its own.

    Args:
        text: its plain text.
        begin: where it begins in the plain text of the caption.
        plain, source: the whole caption, as it is read and as it was given.
        definitions: what short forms mean in it.
        spans: those that are to be linked; ``None`` where they are to be found.
        numbers: which of the caption's spans these are.
    """

    text: str
    begin: int
    plain: PlainText
    source: str
    definitions: tuple[Definition, ...]
    spans: tuple[tuple[int, int], ...] | None = None
    numbers: tuple[int, ...] = ()

    @property
    def characters(self) -> int:
        """How long it is."""
        return len(self.text)

    def to_given(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of it is in the text that was given."""
        return self.plain.to_given(start + self.begin, end + self.begin)


class Caption(NamedTuple):
    """A text to link.

    Args:
        text: the text, as it was given.
        passages: what it is cut into.
        given: the spans that are to be linked; ``None`` where they are to be found.
    """

    text: str
    passages: tuple[Passage, ...]
    given: tuple[tuple[int, int], ...] | None = None


def read_caption(text: str, given: tuple[tuple[int, int], ...] | None = None) -> Caption:
    """Reads a text.

    Args:
        text: the text.
        given: the spans that are to be linked, if they are known; they may overlap.

    Raises:
        InputError: ``text`` is no string.
    """
    if not isinstance(text, str):
        raise InputError(not_a_text(text))
    plain = plain_text(text)
    spans = [plain.from_given(*span) for span in given or ()]
    definitions = tuple(
        one._replace(long=plain.text[one.long_start : one.long_end])
        for one in find_abbreviations(plain.with_tabs(text))
    )
    if len(plain.text) <= LONGEST_PASSAGE:
        known = None if given is None else tuple(spans)
        whole = Passage(plain.text, 0, plain, text, definitions, known, tuple(range(len(spans))))
        return Caption(text, (whole,), given)
    cuts = _cuts(plain.text, _merged(spans))
    own = [_Own([], [], []) for _ in cuts[1:]]
    for number, definition in enumerate(definitions):
        for place in definition.occurrences:
            own[bisect_right(cuts, place[0]) - 1].occurrences.append((number, place))
    for number, span in enumerate(spans):
        there = own[min(bisect_right(cuts, span[0]), len(own)) - 1]
        there.numbers.append(number)
        there.spans.append(span)
    passages = (
        Passage(
            plain.text[begin:end],
            begin,
            plain,
            text,
            _moved(definitions, some.occurrences, begin),
            None if given is None else tuple((a - begin, b - begin) for a, b in some.spans),
            tuple(some.numbers),
        )
        for (begin, end), some in zip(pairwise(cuts), own, strict=True)
    )
    return Caption(text, tuple(passages), given)


def read_given(text: str, spans: Iterable[tuple[int, int]]) -> Caption:
    """Reads a text whose mentions are given.

    Args:
        text: the text.
        spans: start and end of each mention.

    Raises:
        InputError: ``text`` is no string, or a span is empty or not inside it.
    """
    if not isinstance(text, str):
        raise InputError(not_a_text(text))
    if not isinstance(spans, Iterable):
        raise InputError(f"spans are {type(spans).__name__}, wanted (start, end) pairs")
    return read_caption(text, tuple(_checked_span(span, text) for span in spans))


def not_a_text(given: object, number: int | None = None) -> str:
    """What is wrong with something that is no text.

    Args:
        given: what was given.
        number: which of many it is.
    """
    which = "text" if number is None else f"text number {number}"
    shown = repr(given)
    if len(shown) > 40:
        shown = shown[:40] + "…"
    hint = "; decode bytes first" if isinstance(given, bytes | bytearray) else ""
    return f"{which} is {shown} ({type(given).__name__}), wanted str{hint}"


def _checked_span(span: Any, text: str) -> tuple[int, int]:
    try:
        start, end = span
        inside = 0 <= start < end <= len(text)
    except (TypeError, ValueError):
        raise InputError(f"span {span!r}, wanted (start, end)") from None
    if not inside or isinstance(start, float) or isinstance(end, float):
        raise InputError(
            f"span {span!r}: wanted 0 <= start < end <= {len(text)}, the text's length"
        )
    return int(start), int(end)


class _Own(NamedTuple):
    """What is in a passage, in places of the whole text; short forms by their number."""

    occurrences: list[tuple[int, tuple[int, int]]]
    numbers: list[int]
    spans: list[tuple[int, int]]


def _moved(
    definitions: Sequence[Definition],
    occurrences: Iterable[tuple[int, tuple[int, int]]],
    begin: int,
) -> tuple[Definition, ...]:
    """The definitions of what occurs in a passage, with its own places."""
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
    """The stretches that spans cover, in order."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def _cuts(text: str, covered: list[tuple[int, int]]) -> list[int]:
    """Where passages begin, and the last ends; none cuts what is covered."""
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


def together(texts: Iterable[_Sized], most: int = READ_TOGETHER) -> Iterator[list[_Sized]]:
    """Texts, as they come, in batches that bound the memory.

    Args:
        texts: texts or passages.
        most: how many a batch has at most.

    >>> [len(batch) for batch in together(["a", "b", "c"], 2)]
    [2, 1]
    """
    batch: list[_Sized] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += text.characters if isinstance(text, Passage) else len(text)
        if len(batch) == most or size >= CHARACTERS_TOGETHER:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
