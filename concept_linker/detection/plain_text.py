"""The text of a caption as rules and network read it, and the way back to the text given.

Line breaks, double blanks and invisible characters come from files, not from authors: a caption
wrapped at 60 columns must read like the one that was not.  Step by step:

1.  A word broken at a line's end is joined (``pneumo-⏎thorax``); a compound keeps its hyphen
    (``T2-⏎weighted``).  A list of words tells which of the two it is (``models/dictionary``).
2.  Invisible characters go: zero-width blanks, soft hyphens, marks of direction, byte order marks.
    Ligatures and mathematical letters become plain ones (``ﬁbrosis``, ``TNF-𝛼``).
3.  White space of any kind and length is one blank; an empty line between paragraphs stays.
4.  Letters that are used for Greek ones become them (``interferon-ɣ``, ``IL-1ß``).
5.  A blank that is missing beside a mark is put there: ``kidney;liver``, ``edema+pneumothorax``,
    ``MRI(brain)``, ``lung_cancer``.

A text that needs none of this, as most do, is taken as it is.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple

from concept_linker.detection.blanks import PARAGRAPH
from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import with_greek

__all__ = ["PlainText", "plain_text"]

_LETTER = r"[^\W\d_]"
_HYPHEN = "-\u2010\u2011"
# Soft hyphen, blanks without width, marks of direction, byte order mark.
_INVISIBLES = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"

_BROKEN = re.compile(
    rf"(?<=[^\W_])[{_HYPHEN}{_SOFT_HYPHEN}][{_INVISIBLES}]*[^\S\n\r]*(?:\r\n?|\n)\s*(?=[^\W_])"
)
# What follows the hyphen of a part: "pre- and postoperative".
_BETWEEN_PARTS = frozenset({"and", "or", "to", "versus"})
# The longest part of a word that is looked up.
_PART = 40
_BEFORE = re.compile(rf"{_LETTER}+$")
_BEHIND = re.compile(rf"{_LETTER}+")
_INVISIBLE = re.compile(f"[{_INVISIBLES}]")
_COMPATIBLE = re.compile(rf"[{_INVISIBLES}]+|[\ufb00-\ufb06\U0001d400-\U0001d7ff]")
_WHITE = re.compile(r"\s{2,}|[^\S ]")
_UNSPACED = re.compile(
    rf"""
    (?P<behind>(?<={_LETTER}{{2}})[;,:](?={_LETTER}{{3}})
        | (?<=[a-z]{{3}})\.(?=[A-Z][a-z]|[a-z]{{3}}))
    | (?P<around>(?<=[a-z]{{3}})(?<!with)(?<!and)[+&/=](?=[a-z]{{3}})
        | (?<={_LETTER}{{3}})[|•→](?={_LETTER}{{3}}))
    | (?P<before>(?<={_LETTER}{{2}})(?<!poly)(?<!bis)(?<!tris)[(\[](?={_LETTER}{{3}}))
    | (?P<after>(?<={_LETTER}{{3}})[)\]](?={_LETTER}{{3}}))
    | (?P<between>(?<={_LETTER}{{2}})_(?={_LETTER}{{2}}))
    """,
    re.X,
)
_SPACED = {"behind": "{} ", "around": " {} ", "before": " {}", "after": "{} ", "between": " "}
# Addresses keep their marks; so far to either side of one is looked for their signs.
_REACH = 120
_ADDRESS = re.compile(r"\w:/|doi:|www\.|@|\.(?:com|org|net|edu|gov|html?|jpe?g|png|tiff?)\b", re.I)


class PlainText(NamedTuple):
    """A text as it is read.

    Args:
        text: the text as it is read.
        starts, ends: for each of its characters, where what it stands for begins and ends in the
            text given; ``None`` where both texts are the same.
    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def to_given(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of this text is in the text given; an empty one is where the next begins."""
        if self.starts is None or self.ends is None:
            return start, end
        if start == end:
            place = self.starts[start] if start < len(self.starts) else self.ends[-1]
            return place, place
        return self.starts[start], self.ends[end - 1]

    def from_given(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the text given is in this one.

        One of which nothing is read is empty here.
        """
        if self.starts is None or self.ends is None:
            return start, end
        first = bisect_right(self.ends, start)
        return first, max(first, bisect_left(self.starts, end))

    def with_tabs(self, given: str) -> str:
        """The text with the tabs that stand for a blank in it, which separate columns of legends.

        Args:
            given: the text given.
        """
        if self.starts is None or self.ends is None or "\t" not in given:
            return self.text
        runs = (given[start:end] for start, end in zip(self.starts, self.ends, strict=True))
        return "".join(
            "\t" if char == " " and "\t" in run and not {"\n", "\r"} & set(run) else char
            for char, run in zip(self.text, runs, strict=True)
        )


def plain_text(text: str) -> PlainText:
    r"""Reads a text.

    >>> read = plain_text("No pneumo-\n   thorax;the  liver")
    >>> read.text
    'No pneumothorax; the liver'
    >>> read.to_given(3, 15), read.from_given(3, 20)
    ((3, 20), (3, 15))
    """
    read = PlainText(text)
    if "\n" in text or "\r" in text:
        read = _replaced(read, _BROKEN, _joined)
    if not text.isascii():
        read = _replaced(read, _COMPATIBLE, _compatible)
        read = read._replace(text=with_greek(read.text))
    read = _replaced(read, _WHITE, _blank)
    return _replaced(read, _UNSPACED, _spaced)


def _replaced(
    read: PlainText, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]
) -> PlainText:
    """The text with all that a pattern finds replaced, and the way back."""
    text = read.text
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    old_starts = range(len(text)) if read.starts is None else read.starts
    old_ends = range(1, len(text) + 1) if read.ends is None else read.ends
    at = 0
    for found in pattern.finditer(text):
        put, old = new(found), found[0]
        if put == old:
            continue
        begin, stop = old_starts[found.start()], old_ends[found.end() - 1]
        # Blanks put before and behind what stays are nowhere in the text given.
        before = max(put.find(old), 0)
        behind = len(put) - before - len(old) if old in put else 0
        parts += (text[at : found.start()], put)
        starts += old_starts[at : found.start()]
        ends += old_ends[at : found.start()]
        starts += [*repeat(begin, len(put) - behind), *repeat(stop, behind)]
        ends += [*repeat(begin, before), *repeat(stop, len(put) - before)]
        at = found.end()
    if not parts:
        return read
    return PlainText(
        "".join([*parts, text[at:]]), [*starts, *old_starts[at:]], [*ends, *old_ends[at:]]
    )


def _joined(found: re.Match[str]) -> str:
    """What stands at a line's end in place of hyphen and break: the hyphen, or nothing."""
    text, hyphen = found.string, found[0][0]
    before = _BEFORE.search(text, max(0, found.start() - _PART), found.start())
    behind = _BEHIND.match(text, found.end(), found.end() + _PART)
    if hyphen == _SOFT_HYPHEN or before is None or behind is None:
        return "" if hyphen == _SOFT_HYPHEN else hyphen
    first, second = before[0].lower(), behind[0].lower()
    if second in _BETWEEN_PARTS:
        return hyphen + " "
    words = _words()
    broken = behind[0].islower() and (first + second in words or second not in words)
    return "" if broken else hyphen


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Words that authors write without a hyphen, as counted by ``models/dictionary``."""
    path = model_path("dictionary") / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def _compatible(found: re.Match[str]) -> str:
    return "" if _INVISIBLE.match(found[0]) else unicodedata.normalize("NFKC", found[0])


def _blank(found: re.Match[str]) -> str:
    return "\n\n" if PARAGRAPH.search(found[0]) else " "


def _spaced(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    left = text[max(0, start - _REACH) : start].rpartition(" ")[2]
    right = text[end : end + _REACH].partition(" ")[0]
    if _ADDRESS.search(left + found[0] + right):
        return found[0]
    return _SPACED[str(found.lastgroup)].format(found[0])
