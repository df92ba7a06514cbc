"""Where the mentions of a document are, whatever their offsets count.

They should count code points of the whole text.  Files in use also count UTF-8 bytes (as BioC's
own description asks), UTF-16 code units (Java, JavaScript), a line end of two characters as one or
one as two (editors and version control change them), or begin anew at every passage.  What a
document does is told by the characters that stand beside its offsets: the way in which most
mentions fit is taken, and code points of the whole where others fit no better.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate, product
from typing import NamedTuple

from concept_linker.corpora.checks import Bad, written
from concept_linker.corpora.gold import GoldDocument, GoldMention
from concept_linker.corpora.spelling import same_letters

__all__ = ["Draft", "Piece", "gold_document"]

_Span = tuple[int, int]


#: More blanks than that between two pieces are one: what stood there is left out of the file.
_GAP = 1000


class Piece(NamedTuple):
    """A stretch of a document's text.

    Args:
        text: its characters.
        offset: the offset that the file says it begins at.
    """

    text: str
    offset: int = 0


class Draft(NamedTuple):
    """A mention as a file has it.

    Args:
        spans: its parts, by the file's offsets.
        ids, types, flags: as :class:`~concept_linker.corpora.gold.GoldMention` has them.
        surface: its characters, where the file has them.
        piece: the number of the piece that it is written in.
        line: the line that it is on, where that is known.
        place: where it is in a line or document, for messages.
        row: how it is written: text, or a value of JSON.
    """

    spans: Sequence[_Span]
    ids: Sequence[str]
    types: Sequence[str] = ()
    flags: Sequence[str] = ()
    surface: str | None = None
    piece: int = 0
    line: int | None = None
    place: str = ""
    row: object = ""


def gold_document(
    id: str, pieces: Sequence[Piece], drafts: Sequence[Draft], bad: Bad
) -> GoldDocument:
    """A document with those of its mentions that lie in the text and fit their characters.

    Mentions stand by start, the longer first; in the file's order where both are equal.

    Args:
        id: the document's.
        pieces: what its text is made of, by offset; blanks stand in between.
        drafts: its mentions as the file has them.
        bad: takes those that do not fit.
    """
    way, placed = _best_way(pieces, drafts)
    mentions: list[GoldMention] = []
    for draft, one in zip(drafts, placed, strict=True):
        if one is None:
            problem = f"{draft.place}: {way.problem(draft)}".removeprefix(": ")
            bad(draft.line, problem, row=written(draft.row))
            continue
        ids = tuple(dict.fromkeys(draft.ids))
        mentions.append(GoldMention(one.spans, ids, tuple(draft.types), frozenset(draft.flags)))
    mentions.sort(key=lambda mention: (mention.start, -mention.end))
    return GoldDocument(id, way.text, tuple(mentions))


def _best_way(
    pieces: Sequence[Piece], drafts: Sequence[Draft]
) -> tuple[_Way, list[_Placed | None]]:
    """The way in which most mentions fit, and what fits by it.

    Of several that in which most have their very characters, then that in which most are in their
    own piece, then the first.
    """
    most, best = (-1, 0, 0), None
    for way in _ways(pieces):
        placed = [way.fitting(draft) for draft in drafts]
        fit = [one for one in placed if one is not None]
        counts = len(fit), sum(one.exact for one in fit), sum(one.at_home for one in fit)
        if counts > most:
            most, best = counts, (way, placed)
        if min(counts) == len(drafts):
            break
    assert best is not None
    return best


class _Placed(NamedTuple):
    """Where a mention is in the text.

    Args:
        spans: its parts, in reading order.
        at_home: whether all of them are in the piece that it is written in.
        exact: whether the text has its very characters there.
    """

    spans: tuple[_Span, ...]
    at_home: bool
    exact: bool = True


class _Ruler(NamedTuple):
    """Where the code points of a piece begin, and where it ends, by what offsets count.

    Args:
        begin: where the piece begins in the text, in code points.
        edges: the offset of each code point, and of the end.
    """

    begin: int
    edges: Sequence[int]

    def start(self, offset: int) -> int | None:
        """The code point of the text that begins at an offset."""
        # The last of several: a line end that counts nothing stands before what begins.
        at = bisect_right(self.edges, offset) - 1
        inside = 0 <= at < len(self.edges) - 1 and self.edges[at] == offset
        return self.begin + at if inside else None

    def end(self, offset: int) -> int | None:
        """Where in the text what ends at an offset ends."""
        at = bisect_left(self.edges, offset)
        inside = 0 < at < len(self.edges) and self.edges[at] == offset
        return self.begin + at if inside else None


class _Way:
    """One way of counting, and the text as it lies by it.

    Args:
        pieces: of the document.
        widths: how much each character of a piece counts; ``None`` for one each.
        anew: whether offsets begin anew at every piece.
    """

    def __init__(
        self, pieces: Sequence[Piece], widths: Callable[[str], list[int]] | None, anew: bool
    ) -> None:
        self._anew = anew
        self._offsets = [piece.offset for piece in pieces]
        self._rulers: list[_Ruler] = []
        parts: list[str] = []
        begin = 0
        for text, offset in pieces:
            if self._rulers:
                gap = offset - self._rulers[-1].edges[-1]
                parts.append(" " * (gap if 0 <= gap <= _GAP else 1))
                begin += len(parts[-1])
            edges = (
                range(offset, offset + len(text) + 1)
                if widths is None
                else list(accumulate(widths(text), initial=offset))
            )
            self._rulers.append(_Ruler(begin, edges))
            parts.append(text)
            begin += len(text)
        self.text = "".join(parts)

    def fitting(self, draft: Draft) -> _Placed | None:
        """Where a mention is; ``None`` where it is nowhere, or has other characters there."""
        placed = self._place(draft)
        if placed is None or draft.surface is None:
            return placed
        found = self._surface(placed)
        if found == draft.surface:
            return placed
        return placed._replace(exact=False) if same_letters(found, draft.surface) else None

    def problem(self, draft: Draft) -> str:
        """Why a mention does not fit."""
        if not draft.spans:
            return "a mention has no span"
        placed = self._place(draft)
        if placed is None:
            first, last = self._rulers[0].edges[0], self._rulers[-1].edges[-1]
            spans = ", ".join(f"({start}, {end})" for start, end in draft.spans)
            return f"span {spans}, wanted {first} <= start < end <= {last}, where the text is"
        return (
            f"the text at {draft.spans[0][0]} is {self._surface(placed)[:60]!r}, "
            f"but the mention is {(draft.surface or '')[:60]!r}"
        )

    def _surface(self, placed: _Placed) -> str:
        return " ".join(self.text[start:end] for start, end in placed.spans)

    def _place(self, draft: Draft) -> _Placed | None:
        own = self._rulers[draft.piece]
        moved = own.edges[0] if self._anew else 0
        spans: list[_Span] = []
        at_home = True
        for begin, stop in draft.spans:
            start, end = own.start(begin + moved), own.end(stop + moved)
            if not self._anew and (start is None or end is None):
                at_home = False
                start = self._around(begin).start(begin) if start is None else start
                end = self._around(stop - 1).end(stop) if end is None else end
            if start is None or end is None or start >= end:
                return None
            spans.append((start, end))
        return _Placed(tuple(sorted(spans)), at_home) if spans else None

    def _around(self, offset: int) -> _Ruler:
        return self._rulers[max(0, bisect_right(self._offsets, offset) - 1)]


def _ways(pieces: Sequence[Piece]) -> Iterator[_Way]:
    """The ways that differ for a text, the likeliest first."""
    text = "\0".join(piece.text for piece in pieces)
    sizes: list[Callable[[str], int] | None] = [None]
    if not text.isascii():
        sizes.append(_bytes)
    if text and max(text) > "\uffff":
        sizes.append(_utf16)
    ends: list[tuple[re.Pattern[str] | None, int]] = [(None, 1)]
    ends += [(pattern, width) for pattern, width in _LINE_ENDS if pattern.search(text)]
    anews = (False, True) if any(piece.offset for piece in pieces) else (False,)
    for anew, size, (pattern, width) in product(anews, sizes, ends):
        plain = size is None and pattern is None
        widths = None if plain else partial(_widths, size, pattern, width)
        yield _Way(pieces, widths, anew)


#: Line ends that some count otherwise: the first character of each, and what it counts then.
_LINE_ENDS = [(re.compile(r"\r(?=\n)"), 0), (re.compile(r"(?<!\r)\n"), 2)]


def _widths(
    size: Callable[[str], int] | None, pattern: re.Pattern[str] | None, width: int, text: str
) -> list[int]:
    widths = [1] * len(text) if size is None else list(map(size, text))
    for found in pattern.finditer(text) if pattern else ():
        widths[found.start()] = width
    return widths


def _bytes(character: str) -> int:
    return len(character.encode("utf-8", "surrogatepass"))


def _utf16(character: str) -> int:
    return 1 + (character > "\uffff")
