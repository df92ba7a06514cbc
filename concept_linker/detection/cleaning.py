"""Cleaned text with a way back to the original offsets.

Line breaks, double spaces and invisible characters come from files, not from authors: a caption
wrapped at 60 columns must read like the one that was not.  :func:`clean_text` does, step by step:

1.  A word broken at a line's end is joined (``pneumo-⏎thorax``); a compound keeps its hyphen
    (``T2-⏎weighted``).  A list of words decides between the two (``models/dictionary``).
2.  Invisible characters are removed: zero-width spaces, soft hyphens, marks of direction, byte
    order marks.  Ligatures and mathematical letters become plain ones (``ﬁbrosis``, ``TNF-𝛼``).
3.  White space of any kind and length becomes one space; an empty line between paragraphs stays.
4.  Letters used as Greek ones become Greek (``interferon-ɣ``, ``IL-1ß``).
5.  A missing space next to a mark is added: ``kidney;liver``, ``edema+pneumothorax``,
    ``MRI(brain)``, ``lung_cancer``.

Most texts need none of this and stay as they are.  :class:`FoldedWhiteSpace` only folds white
space, for rules that take any text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate, repeat
from typing import NamedTuple

from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import with_greek

__all__ = ["PARAGRAPH", "CleanText", "FoldedWhiteSpace", "clean_text"]

#: An empty line, or a line or paragraph separator followed by another.
PARAGRAPH = re.compile(r"(?:\r\n|\r(?!\n)|[\n\u2029])[^\S\n\r\u2029]*[\n\r\u2029]")

_LETTER = r"[^\W\d_]"
_HYPHEN = "-\u2010\u2011"
# Soft hyphen, zero-width spaces, marks of direction, byte order mark.
_INVISIBLES = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SOFT_HYPHEN = "\N{SOFT HYPHEN}"

_BROKEN = re.compile(
    rf"(?<=[^\W_])[{_HYPHEN}{_SOFT_HYPHEN}][{_INVISIBLES}]*[^\S\n\r]*(?:\r\n?|\n)\s*(?=[^\W_])"
)
# Words after the hyphen of a word part: "pre- and postoperative".
_BETWEEN_PARTS = frozenset({"and", "or", "to", "versus"})
# The longest part of a word that is looked up.
_PART = 40
_BEFORE = re.compile(rf"{_LETTER}+$")
_AFTER = re.compile(rf"{_LETTER}+")
_INVISIBLE = re.compile(f"[{_INVISIBLES}]")
_COMPATIBLE = re.compile(rf"[{_INVISIBLES}]+|[\ufb00-\ufb06\U0001d400-\U0001d7ff]")
_RUN = re.compile(r"\s+")
_LONG_RUN = re.compile(r"\s{2,}")
_WHITE = re.compile(r"\s{2,}|[^\S ]")
_UNSPACED = re.compile(
    rf"""
    (?P<after>(?<={_LETTER}{{2}})[;,:](?={_LETTER}{{3}})
        | (?<=[a-z]{{3}})\.(?=[A-Z][a-z]|[a-z]{{3}}))
    | (?P<around>(?<=[a-z]{{3}})(?<!with)(?<!and)[+&/=](?=[a-z]{{3}})
        | (?<={_LETTER}{{3}})[|•→](?={_LETTER}{{3}}))
    | (?P<before>(?<={_LETTER}{{2}})(?<!poly)(?<!bis)(?<!tris)[(\[](?={_LETTER}{{3}}))
    | (?P<closing>(?<={_LETTER}{{3}})[)\]](?={_LETTER}{{3}}))
    | (?P<between>(?<={_LETTER}{{2}})_(?={_LETTER}{{2}}))
    """,
    re.X,
)
_SPACED = {"after": "{} ", "around": " {} ", "before": " {}", "closing": "{} ", "between": " "}
# Addresses keep their marks; they are recognised in this many characters on either side.
_REACH = 120
_ADDRESS = re.compile(r"\w:/|doi:|www\.|@|\.(?:com|org|net|edu|gov|html?|jpe?g|png|tiff?)\b", re.I)


class CleanText(NamedTuple):
    """A cleaned text and where its characters come from.

    Args:
        text: the cleaned text.
        starts, ends: for each of its characters, where the characters that it stands for begin and
            end in the original; ``None`` where both texts are the same.
    """

    text: str
    starts: list[int] | None = None
    ends: list[int] | None = None

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span in the original text; an empty span is where the next begins."""
        if self.starts is None or self.ends is None:
            return start, end
        if start == end:
            place = self.starts[start] if start < len(self.starts) else self.ends[-1]
            return place, place
        return self.starts[start], self.ends[end - 1]

    def from_original(self, start: int, end: int) -> tuple[int, int]:
        """Returns the span in this text of a span in the original.

        It is empty if all of its characters were removed.
        """
        if self.starts is None or self.ends is None:
            return start, end
        first = bisect_right(self.ends, start)
        return first, max(first, bisect_left(self.starts, end))

    def with_tabs(self, original: str) -> str:
        """Returns the text with tabs again where a space replaced one: they separate columns.

        Args:
            original: the original text.
        """
        if self.starts is None or self.ends is None or "\t" not in original:
            return self.text
        runs = (original[start:end] for start, end in zip(self.starts, self.ends, strict=True))
        return "".join(
            "\t" if char == " " and "\t" in run and not {"\n", "\r"} & set(run) else char
            for char, run in zip(self.text, runs, strict=True)
        )


def clean_text(text: str) -> CleanText:
    r"""Returns the cleaned text; the steps are those of the module.

    >>> clean = clean_text("No pneumo-\n   thorax;the  liver")
    >>> clean.text
    'No pneumothorax; the liver'
    >>> clean.to_original(3, 15), clean.from_original(3, 20)
    ((3, 20), (3, 15))
    """
    clean = CleanText(text)
    if "\n" in text or "\r" in text:
        clean = _replaced(clean, _BROKEN, _joined)
    if not text.isascii():
        clean = _replaced(clean, _COMPATIBLE, _compatible)
        clean = clean._replace(text=with_greek(clean.text))
    clean = _replaced(clean, _WHITE, _one_space)
    return _replaced(clean, _UNSPACED, _spaced)


def _replaced(
    clean: CleanText, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str]
) -> CleanText:
    """The text with all matches of a pattern replaced."""
    text = clean.text
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    old_starts = range(len(text)) if clean.starts is None else clean.starts
    old_ends = range(1, len(text) + 1) if clean.ends is None else clean.ends
    at = 0
    for found in pattern.finditer(text):
        put, old = new(found), found[0]
        if put == old:
            continue
        begin, stop = old_starts[found.start()], old_ends[found.end() - 1]
        # Spaces added before and after a mark are not in the original.
        before = max(put.find(old), 0)
        after = len(put) - before - len(old) if old in put else 0
        parts += (text[at : found.start()], put)
        starts += old_starts[at : found.start()]
        ends += old_ends[at : found.start()]
        starts += [*repeat(begin, len(put) - after), *repeat(stop, after)]
        ends += [*repeat(begin, before), *repeat(stop, len(put) - before)]
        at = found.end()
    if not parts:
        return clean
    return CleanText(
        "".join([*parts, text[at:]]), [*starts, *old_starts[at:]], [*ends, *old_ends[at:]]
    )


def _joined(found: re.Match[str]) -> str:
    """The replacement of a hyphen and line break: the hyphen, or nothing."""
    text, hyphen = found.string, found[0][0]
    before = _BEFORE.search(text, max(0, found.start() - _PART), found.start())
    after = _AFTER.match(text, found.end(), found.end() + _PART)
    if hyphen == _SOFT_HYPHEN or before is None or after is None:
        return "" if hyphen == _SOFT_HYPHEN else hyphen
    first, second = before[0].lower(), after[0].lower()
    if second in _BETWEEN_PARTS:
        return hyphen + " "
    words = _words()
    broken = after[0].islower() and (first + second in words or second not in words)
    return "" if broken else hyphen


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Words written without a hyphen, as counted by ``models/dictionary``."""
    path = model_path("dictionary") / "words.txt"
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def _compatible(found: re.Match[str]) -> str:
    return "" if _INVISIBLE.match(found[0]) else unicodedata.normalize("NFKC", found[0])


def _one_space(found: re.Match[str]) -> str:
    return "\n\n" if PARAGRAPH.search(found[0]) else " "


def _spaced(found: re.Match[str]) -> str:
    text, start, end = found.string, found.start(), found.end()
    left = text[max(0, start - _REACH) : start].rpartition(" ")[2]
    right = text[end : end + _REACH].partition(" ")[0]
    if _ADDRESS.search(left + found[0] + right):
        return found[0]
    return _SPACED[str(found.lastgroup)].format(found[0])


class FoldedWhiteSpace:
    r"""A text with each run of white space, including line breaks, folded into one space.

    A run with a tab but no line break becomes one tab, which separates columns; one with an empty
    line becomes one line break, which separates paragraphs.

    >>> folded = FoldedWhiteSpace("no  evidence of\n  pneumonia")
    >>> folded.text
    'no evidence of pneumonia'
    >>> folded.place(18), folded.original(15)
    (15, 18)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._ends: list[int] = []  # of the runs that became shorter
        self._folded_ends: list[int] = []
        self._lost = [0]  # characters lost before the first, up to the first, …
        # The only printable white space is the space.
        if "  " in text or not text.isprintable():
            runs = [run.span() for run in _LONG_RUN.finditer(text)]
            self._ends = [end for _, end in runs]
            self._lost += accumulate(end - start - 1 for start, end in runs)
            self._folded_ends = [
                end - lost for end, lost in zip(self._ends, self._lost[1:], strict=True)
            ]
            self.text = _RUN.sub(_fold, text)

    def place(self, original: int) -> int:
        """Returns the place in the folded text of a character of the original."""
        return original - self._lost[bisect_right(self._ends, original)]

    def original(self, place: int) -> int:
        """Returns the place in the original of a character; for a space, the last of its run."""
        return place + self._lost[bisect_right(self._folded_ends, place)]

    def original_end(self, end: int) -> int:
        """Returns the end in the original of a span that ends here."""
        return end + self._lost[bisect_left(self._folded_ends, end)]


def _fold(run: re.Match[str]) -> str:
    if PARAGRAPH.search(run[0]):
        return "\n"
    return "\t" if "\t" in run[0] and not {"\n", "\r"} & set(run[0]) else " "
