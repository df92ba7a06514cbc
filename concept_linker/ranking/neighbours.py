"""What stands in and beside a mention, as far as it tells which kind of thing is meant.

``the control group`` and ``under control`` are told apart by their neighbours.  A sign is a word
with the place where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["beside", "signs"]

# How far a neighbour may be.
_REACH = 40
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")


def beside(text: str, start: int, end: int) -> tuple[str, str]:
    """The word, in small letters, or mark to the left and to the right of a span.

    >>> beside("in the control group, however", 7, 14)
    ('the', 'group')
    >>> beside("of (FISH) in", 4, 8)
    ('(', ')')
    """
    before, after = text[max(0, start - _REACH) : start], text[end : end + _REACH]
    left, right = before.rstrip()[-1:], after.lstrip()[:1]
    if left.isalnum():
        found = _WORD.findall(before)
        left = found[-1].lower() if found else left
    if right.isalnum():
        word = _WORD.search(after)
        right = word[0].lower() if word else right
    return left, right


def signs(words: Sequence[str], left: str, right: str) -> Iterator[str]:
    """The signs of a mention: its distinct words, its last word, and its neighbours."""
    yield from (f"in {word}" for word in dict.fromkeys(words))
    if words:
        yield f"last {words[-1]}"
    yield f"left {left}"
    yield f"right {right}"
