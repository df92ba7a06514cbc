"""Finds the mentions of a document, whatever unit its offsets count.

Offsets should count the code points of the whole text. Files in use also count UTF-8 bytes (as
BioC's own description asks) or UTF-16 code units (Java, JavaScript), count a line end of two
characters as one or one as two (editors and version control change line ends), or start again
from 0 in every passage. The surface forms that a corpus writes next to its offsets tell which: the
layout that fits most mentions is used, and code points of the whole text if none fits better.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, product
from typing import NamedTuple

from concept_linker.corpora.bad_rows import Reject, row_text
from concept_linker.corpora.gold import GoldDocument, GoldMention
from concept_linker.corpora.surface_forms import same_letters

__all__ = ["RawMention", "TextPart", "build_document"]

_Span = tuple[int, int]

#: A longer gap between two parts becomes one blank: the file leaves out what was there.
_MAX_GAP = 1000


class TextPart(NamedTuple):
    """A part of a document's text.

    Args:
        text: its characters.
        offset: where it begins, according to the file.
    """

    text: str
    offset: int = 0


class RawMention(NamedTuple):
    """A mention as it is written in a file.

    Args:
        spans: the (start, end) of its parts, in the file's offsets.
        ids, types, flags: as in :class:`~concept_linker.corpora.gold.GoldMention`.
        surface: its characters, if the file has them.
        part: the index of the text part it belongs to.
        line: its line, if known.
        place: its place within a line or document, for messages.
        row: the text, XML element or JSON value it was read from.
    """

    spans: Sequence[_Span]
    ids: Sequence[str]
    types: Sequence[str] = ()
    flags: Sequence[str] = ()
    surface: str | None = None
    part: int = 0
    line: int | None = None
    place: str = ""
    row: object = ""


def build_document(
    id: str, parts: Sequence[TextPart], mentions: Sequence[RawMention], reject: Reject
) -> GoldDocument:
    """Returns a document with those mentions that lie in the text and match their surface form.

    The mentions are sorted by start; of those with one start, the longest comes first.

    Args:
        id: the document's id.
        parts: the parts of its text, sorted by offset; the gaps between them become blanks.
        mentions: its mentions as the file has them.
        reject: called for each mention that does not fit.
    """
    layout, placed = _best_layout(parts, mentions)
    gold: list[GoldMention] = []
    for mention, found in zip(mentions, placed, strict=True):
        if found is None:
            problem = f"{mention.place}: {layout.problem(mention)}".removeprefix(": ")
            reject(mention.line, problem, row=row_text(mention.row))
            continue
        ids = tuple(dict.fromkeys(mention.ids))
        gold.append(GoldMention(found.spans, ids, tuple(mention.types), frozenset(mention.flags)))
    gold.sort(key=lambda mention: (mention.start, -mention.end))
    return GoldDocument(id, layout.text, tuple(gold))


def _best_layout(
    parts: Sequence[TextPart], mentions: Sequence[RawMention]
) -> tuple[_Layout, list[_Placed | None]]:
    """Returns the layout that fits most mentions, and their places in it.

    Ties are broken by the number of exact surface forms, then by the number of mentions inside
    their own part, then by the order of :func:`_layouts`.
    """
    most, best = (-1, 0, 0), None
    for layout in _layouts(parts):
        placed = [layout.place(mention) for mention in mentions]
        fit = [found for found in placed if found is not None]
        counts = len(fit), sum(one.exact for one in fit), sum(one.in_part for one in fit)
        if counts > most:
            most, best = counts, (layout, placed)
        if min(counts) == len(mentions):
            break
    assert best is not None
    return best


class _Placed(NamedTuple):
    """The place of a mention in the text.

    Args:
        spans: its parts, in reading order.
        in_part: whether all spans lie in the text part the mention belongs to.
        exact: whether the text there equals the surface form.
    """

    spans: tuple[_Span, ...]
    in_part: bool
    exact: bool = True


class _PartEdges(NamedTuple):
    """The offset of every code point of a part.

    Args:
        begin: where the part begins in the text, in code points.
        edges: the offset at which each code point begins, and the part's end.
    """

    begin: int
    edges: Sequence[int]

    def start(self, offset: int) -> int | None:
        """Returns the code point of the text that begins at an offset."""
        # The last one of several: a line end with width 0 comes before what begins there.
        at = bisect_right(self.edges, offset) - 1
        inside = 0 <= at < len(self.edges) - 1 and self.edges[at] == offset
        return self.begin + at if inside else None

    def end(self, offset: int) -> int | None:
        """Returns the end, in code points of the text, of what ends at an offset."""
        at = bisect_left(self.edges, offset)
        inside = 0 < at < len(self.edges) and self.edges[at] == offset
        return self.begin + at if inside else None


class _Layout:
    """The text of a document under one assumption about its offsets.

    Args:
        parts: the parts of the document.
        widths: returns how much each character of a part counts; ``None`` means 1 each.
        restart: whether offsets start again from 0 in every part.
    """

    def __init__(
        self, parts: Sequence[TextPart], widths: Callable[[str], list[int]] | None, restart: bool
    ) -> None:
        self._restart = restart
        self._offsets = [part.offset for part in parts]
        self._parts: list[_PartEdges] = []
        pieces: list[str] = []
        begin = 0
        for text, offset in parts:
            if self._parts:
                gap = offset - self._parts[-1].edges[-1]
                pieces.append(" " * (gap if 0 <= gap <= _MAX_GAP else 1))
                begin += len(pieces[-1])
            edges = (
                range(offset, offset + len(text) + 1)
                if widths is None
                else list(accumulate(widths(text), initial=offset))
            )
            self._parts.append(_PartEdges(begin, edges))
            pieces.append(text)
            begin += len(text)
        self.text = "".join(pieces)

    def place(self, mention: RawMention) -> _Placed | None:
        """Returns the place of a mention, or ``None`` if there is none with its surface form."""
        placed = self._place_spans(mention)
        if placed is None or mention.surface is None:
            return placed
        found = self._surface(placed)
        if found == mention.surface:
            return placed
        return placed._replace(exact=False) if same_letters(found, mention.surface) else None

    def problem(self, mention: RawMention) -> str:
        """Returns why a mention does not fit."""
        if not mention.spans:
            return "the mention has no span, expected at least one"
        placed = self._place_spans(mention)
        if placed is None:
            first, last = self._parts[0].edges[0], self._parts[-1].edges[-1]
            spans = ", ".join(f"({start}, {end})" for start, end in mention.spans)
            return f"span {spans} is not in the text, expected {first} <= start < end <= {last}"
        return (
            f"the text at {mention.spans[0][0]} is {self._surface(placed)[:60]!r}, "
            f"expected the mention's {(mention.surface or '')[:60]!r}"
        )

    def _surface(self, placed: _Placed) -> str:
        return " ".join(self.text[start:end] for start, end in placed.spans)

    def _place_spans(self, mention: RawMention) -> _Placed | None:
        part = self._parts[mention.part]
        shift = part.edges[0] if self._restart else 0
        spans: list[_Span] = []
        in_part = True
        for first, last in mention.spans:
            start, end = part.start(first + shift), part.end(last + shift)
            if not self._restart and (start is None or end is None):
                in_part = False
                start = self._part_at(first).start(first) if start is None else start
                end = self._part_at(last - 1).end(last) if end is None else end
            if start is None or end is None or start >= end:
                return None
            spans.append((start, end))
        return _Placed(tuple(sorted(spans)), in_part) if spans else None

    def _part_at(self, offset: int) -> _PartEdges:
        return self._parts[max(0, bisect_right(self._offsets, offset) - 1)]


def _layouts(parts: Sequence[TextPart]) -> Iterator[_Layout]:
    """Yields the layouts that differ for a text, the likeliest first."""
    text = "\0".join(part.text for part in parts)
    sizes: list[Callable[[str], int] | None] = [None]
    if not text.isascii():
        sizes.append(_utf8_size)
    if text and max(text) > "\uffff":
        sizes.append(_utf16_size)
    ends: list[tuple[re.Pattern[str] | None, int]] = [(None, 1)]
    ends += [(pattern, width) for pattern, width in _LINE_ENDS if pattern.search(text)]
    restarts = (False, True) if any(part.offset for part in parts) else (False,)
    for restart, size, (pattern, width) in product(restarts, sizes, ends):
        plain = size is None and pattern is None
        widths = None if plain else partial(_widths, size, pattern, width)
        yield _Layout(parts, widths, restart)


#: Line ends that are counted in two ways: their first character, and its other width.
_LINE_ENDS = [(re.compile(r"\r(?=\n)"), 0), (re.compile(r"(?<!\r)\n"), 2)]


def _widths(
    size: Callable[[str], int] | None, pattern: re.Pattern[str] | None, width: int, text: str
) -> list[int]:
    widths = [1] * len(text) if size is None else list(map(size, text))
    for found in pattern.finditer(text) if pattern else ():
        widths[found.start()] = width
    return widths


def _utf8_size(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))


def _utf16_size(character: str) -> int:
    return 1 + (character > "\uffff")
