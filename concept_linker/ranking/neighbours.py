"""The words in and next to a mention, as evidence of its semantic type.

``the control group`` and ``under control`` are distinguished by their neighbours.  A sign is a word
together with its position.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["neighbours", "signs"]

# The maximum distance of a neighbour, in characters.
_REACH = 40
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")


def neighbours(text: str, start: int, end: int) -> tuple[str, str]:
    """Returns the word, in lower case, or mark to the left and to the right of a span.

    >>> neighbours("in the control group, however", 7, 14)
    ('the', 'group')
    >>> neighbours("of (FISH) in", 4, 8)
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
    """Yields the signs of a mention: its distinct words, its last word, and its neighbours."""
    yield from (f"in {word}" for word in dict.fromkeys(words))
    if words:
        yield f"last {words[-1]}"
    yield f"left {left}"
    yield f"right {right}"
