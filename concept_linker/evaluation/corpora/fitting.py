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

from concept_linker.evaluation.corpora.checks import Bad, written
from concept_linker.evaluation.corpora.spelling import same_letters
from concept_linker.evaluation.gold import GoldDocument, GoldMention

__all__ = ["Draft", "Piece", "gold_document"]

_Span = tuple[int, int]


class Piece(NamedTuple):
    """A stretch of a document's text.

    Args:
        begin: where it begins in the text, in code points.
        text: its characters.
        offset: the offset that the file says it begins at.
    """

    begin: int
    text: str
    offset: int


class Draft(NamedTuple):
    """A mention as a file has it.

    Args:
        spans: its parts, by the file's offsets.
        ids, types, flags: as :class:`~concept_linker.evaluation.gold.GoldMention` has them.
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
    id: str, text: str, drafts: Sequence[Draft], bad: Bad, pieces: Sequence[Piece] = ()
) -> GoldDocument:
    """A document with those of its mentions that lie in the text and fit their characters.

    Mentions stand by start, the longer first; in the file's order where both are equal.

    Args:
        id: the document's.
        text: its text.
        drafts: its mentions as the file has them.
        bad: takes the others.
        pieces: what the text is made of, by offset; without them it is one piece.
    """
    looked = _Text(text, pieces or [Piece(0, text, 0)])
    way, placed = looked.place(drafts)
    mentions: list[GoldMention] = []
    for draft, one in zip(drafts, placed, strict=True):
        if one is None:
            problem = looked.problem(draft, way)
            bad(
                draft.line,
                f"{draft.place}: {problem}" if draft.place else problem,
                row=written(draft.row),
            )
            continue
        ids = tuple(dict.fromkeys(draft.ids))
        mentions.append(GoldMention(one.spans, ids, tuple(draft.types), frozenset(draft.flags)))
    mentions.sort(key=lambda mention: (mention.start, -mention.end))
    return GoldDocument(id, text, tuple(mentions))


class _Placed(NamedTuple):
    """Where a mention is in the text.

    Args:
        spans: its parts, in reading order.
        at_home: whether all of them are in the piece that it is written in.
    """

    spans: tuple[_Span, ...]
    at_home: bool


class _Ruler(NamedTuple):
    """Where the code points of a piece begin, and where it ends, by what offsets count."""

    piece: Piece
    edges: Sequence[int]

    def start(self, offset: int) -> int | None:
        """The code point of the text that begins at an offset."""
        # The last of several: a line end that counts nothing stands before what begins.
        at = bisect_right(self.edges, offset) - 1
        inside = 0 <= at < len(self.piece.text) and self.edges[at] == offset
        return self.piece.begin + at if inside else None

    def end(self, offset: int) -> int | None:
        """Where in the text what ends at an offset ends."""
        at = bisect_left(self.edges, offset)
        inside = 0 < at < len(self.edges) and self.edges[at] == offset
        return self.piece.begin + at if inside else None


class _Way:
    """One way of counting.

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
        self._rulers = [
            _Ruler(
                piece,
                range(piece.offset, piece.offset + len(piece.text) + 1)
                if widths is None
                else list(accumulate(widths(piece.text), initial=piece.offset)),
            )
            for piece in pieces
        ]

    def place(self, draft: Draft) -> _Placed | None:
        """Where a mention is; ``None`` where some part of it is nowhere."""
        own = self._rulers[draft.piece]
        moved = own.piece.offset if self._anew else 0
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


class _Text:
    """A text that mentions are looked for in."""

    def __init__(self, text: str, pieces: Sequence[Piece]) -> None:
        self._text = text
        self._pieces = pieces

    def place(self, drafts: Sequence[Draft]) -> tuple[_Way, list[_Placed | None]]:
        """The way in which most mentions fit, the first of several; and what fits by it."""
        most, best = -1, None
        for way in self._ways():
            placed = [self._fitting(draft, way.place(draft)) for draft in drafts]
            # Without characters beside the offsets, being in its own piece speaks for a mention.
            fit = sum(
                one is not None and (draft.surface is not None or one.at_home)
                for draft, one in zip(drafts, placed, strict=True)
            )
            if fit > most:
                most, best = fit, (way, placed)
            if fit == len(drafts):
                break
        assert best is not None
        return best

    def problem(self, draft: Draft, way: _Way) -> str:
        """Why a mention does not fit."""
        if not draft.spans:
            return "a mention has no span"
        placed = way.place(draft)
        if placed is None:
            first, last = self._pieces[0], self._pieces[-1]
            return (
                f"span {', '.join(map(str, map(tuple, draft.spans)))}, wanted {first.offset} <= "
                f"start < end <= {last.offset + len(last.text)}, where the text is"
            )
        return (
            f"the text at {draft.spans[0][0]} is {self._surface(placed)[:60]!r}, "
            f"but the mention is {(draft.surface or '')[:60]!r}"
        )

    def _fitting(self, draft: Draft, placed: _Placed | None) -> _Placed | None:
        if placed is None or draft.surface is None:
            return placed
        return placed if same_letters(self._surface(placed), draft.surface) else None

    def _surface(self, placed: _Placed) -> str:
        return " ".join(self._text[start:end] for start, end in placed.spans)

    def _ways(self) -> Iterator[_Way]:
        """The ways that differ for this text, the likeliest first."""
        text = self._text
        sizes: list[Callable[[str], int] | None] = [None]
        if not text.isascii():
            sizes.append(_bytes)
        if text and max(text) > "\uffff":
            sizes.append(_utf16)
        ends: list[tuple[re.Pattern[str] | None, int]] = [(None, 1)]
        ends += [(pattern, width) for pattern, width in _LINE_ENDS if pattern.search(text)]
        anews = (False, True) if any(piece.offset for piece in self._pieces) else (False,)
        for anew, size, (pattern, width) in product(anews, sizes, ends):
            plain = size is None and pattern is None
            widths = None if plain else partial(_widths, size, pattern, width)
            yield _Way(self._pieces, widths, anew)


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
