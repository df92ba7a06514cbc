"""Texts with single blanks, and places in them and in the text as it was."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import accumulate

__all__ = ["PARAGRAPH", "SingleBlanks"]

#: An empty line, or the mark of a paragraph's end and a break.
PARAGRAPH = re.compile(r"(?:\r\n|\r(?!\n)|[\n\u2029])[^\S\n\r\u2029]*[\n\r\u2029]")
_RUN = re.compile(r"\s+")
_LONG_RUN = re.compile(r"\s{2,}")


class SingleBlanks:
    r"""A text with each run of white space as one blank: line breaks, thin spaces and all.

    A run with a tab but no line break becomes one tab, which separates columns; one with an empty
    line becomes one line break, which separates paragraphs.

    >>> folded = SingleBlanks("no  evidence of\n  pneumonia")
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
        # Of white space only the blank is printable.
        if "  " in text or not text.isprintable():
            runs = [run.span() for run in _LONG_RUN.finditer(text)]
            self._ends = [end for _, end in runs]
            self._lost += accumulate(end - start - 1 for start, end in runs)
            self._folded_ends = [
                end - lost for end, lost in zip(self._ends, self._lost[1:], strict=True)
            ]
            self.text = _RUN.sub(_blank, text)

    def place(self, original: int) -> int:
        """Where a character of the text as it was is now."""
        return original - self._lost[bisect_right(self._ends, original)]

    def original(self, place: int) -> int:
        """Where a character was; of a blank, the last of its run."""
        return place + self._lost[bisect_right(self._folded_ends, place)]

    def original_end(self, end: int) -> int:
        """Where a stretch that ends here ended: behind its last character."""
        return end + self._lost[bisect_left(self._folded_ends, end)]


def _blank(run: re.Match[str]) -> str:
    if PARAGRAPH.search(run[0]):
        return "\n"
    return "\t" if "\t" in run[0] and not {"\n", "\r"} & set(run[0]) else " "
