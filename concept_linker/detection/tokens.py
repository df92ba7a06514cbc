"""Tokenizes many texts at once, into words for the network and tokens for the dictionary.

*   *Words* are the units of the network: letters and digits in a row, with a point or a comma
    between two digits, or one other character.
*   *Tokens* are the parts of keys: exactly the matches of
    :data:`~concept_linker.search.normalise.TOKEN` that fold to something.

Compiled loops over code points find both; the classes of the code points come from Python, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit
from concept_linker.search.normalise import TOKEN, fold

__all__ = ["Tokens", "tokenize"]

Ints = NDArray[np.int64]

# Classes of code points, one bit each.
_WORD, _LETTER, _DIGIT, _GREEK, _MARK, _DECIMAL, _SPACE, _BREAK = (1 << i for i in range(8))
_BLOCK = 256
# Marks of writing direction are not words.
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# The most marks between two tokens of a name if there is no space: "Na(+)/K".
_TIGHT = 5
_BREAKS = frozenset('()[]{};:!?|"“”<>=≥≤±~*†‡§¶•…\n')


class Tokens(NamedTuple):
    """Tokenized texts, joined by line breaks.  Offsets are into the joined text.

    Args:
        text: the joined text.
        points: its code points.
        text_starts: where each text begins; one more entry than texts.
        word_starts, word_ends: the bounds of the words.
        word_texts: the index of each word's text.
        marks: the code point of each word that is a mark, 0 for others.
        starts, ends: the bounds of the tokens.
        opens, closes: whether a run of tokens may start or end at a token.
        joins: whether a run may continue from a token to the next.
        folded: the tokens' keys, joined by one space each.
        folded_starts, folded_ends: where each token is in ``folded``.
    """

    text: str
    points: NDArray[np.uint32]
    text_starts: Ints
    word_starts: Ints
    word_ends: Ints
    word_texts: Ints
    marks: NDArray[np.uint32]
    starts: Ints
    ends: Ints
    opens: NDArray[np.uint8]
    closes: NDArray[np.uint8]
    joins: NDArray[np.uint8]
    folded: NDArray[np.uint8]
    folded_starts: Ints
    folded_ends: Ints


def tokenize(texts: Sequence[str]) -> Tokens:
    """Tokenizes texts."""
    text = "\n".join(texts)
    text_starts = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(one) + 1 for one in texts], out=text_starts[1:])
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    classes = _classes().of(points)
    words, tokens = np.empty((points.size, 2), np.int64), np.empty((points.size, 2), np.int64)
    words = words[: _find_words(points, classes, words)]
    tokens = tokens[: _find_tokens(points, classes, tokens)]
    folded = [fold(text[start:end]).encode() for start, end in tokens.tolist()]
    if not all(folded):
        tokens = tokens[[bool(one) for one in folded]]
        folded = [one for one in folded if one]
    opens, closes, joins = (np.ones(len(tokens), np.uint8) for _ in range(3))
    _set_bounds(points, classes, tokens, opens, closes, joins)
    folded_ends = np.cumsum([len(one) + 1 for one in folded], dtype=np.int64) - 1
    folded_starts = np.zeros(len(folded), np.int64)
    folded_starts[1:] = folded_ends[:-1] + 1
    return Tokens(
        text,
        points,
        text_starts,
        words[:, 0],
        words[:, 1],
        np.searchsorted(text_starts, words[:, 0], side="right") - 1,
        np.where(classes[words[:, 0]] & _WORD, 0, points[words[:, 0]]),
        tokens[:, 0],
        tokens[:, 1],
        opens,
        closes,
        joins,
        np.frombuffer(b" ".join(folded), np.uint8),
        folded_starts,
        folded_ends,
    )


class _Classes:
    """The classes of all code points, filled in blocks as texts need them.

    Threads that need the same block fill it with the same values, and none reads it before it is
    filled.
    """

    def __init__(self) -> None:
        self._table = np.zeros(0x110000, np.uint8)
        self._known = np.zeros(0x110000 // _BLOCK, np.bool_)

    def of(self, points: NDArray[np.uint32]) -> NDArray[np.uint8]:
        blocks = np.unique(points >> 8)
        for block in blocks[~self._known[blocks]].tolist():
            for point in range(block * _BLOCK, (block + 1) * _BLOCK):
                self._table[point] = _class_of(chr(point))
            self._known[block] = True
        return self._table[points]


@lru_cache(maxsize=1)
def _classes() -> _Classes:
    return _Classes()


def _class_of(char: str) -> int:
    found = _WORD if char.isalnum() else 0
    # A combining mark continues a token and never starts one.
    token = TOKEN.fullmatch(char)
    if token is None:
        found |= _MARK if TOKEN.fullmatch("a" + char) and not char.isalnum() else 0
    elif TOKEN.fullmatch(char + "a"):
        found |= _LETTER
    else:
        found |= _DIGIT if TOKEN.fullmatch(char + "1") else _GREEK
    found |= _DECIMAL if char.isdecimal() else 0
    found |= _SPACE if char.isspace() or char in _DIRECTIONS else 0
    return found | (_BREAK if char in _BREAKS else 0)


@njit(cache=True, nogil=True)
def _find_words(points, classes, out):  # type: ignore[no-untyped-def]
    count, at, size = 0, 0, points.size
    while at < size:
        start = at
        at += 1
        if classes[start] & _SPACE:
            continue
        if classes[start] & _WORD:
            while at < size:
                if classes[at] & _WORD or (
                    (points[at] == 46 or points[at] == 44)
                    and classes[at - 1] & _DECIMAL
                    and at + 1 < size
                    and classes[at + 1] & _DECIMAL
                ):
                    at += 1
                else:
                    break
        out[count, 0], out[count, 1] = start, at
        count += 1
    return count


@njit(cache=True, nogil=True)
def _find_tokens(points, classes, out):  # type: ignore[no-untyped-def]
    count, at, size = 0, 0, points.size
    while at < size:
        start = at
        at += 1
        point = points[start]
        if (
            (point == 0x27 or point == 0x2019 or point == 0x02BC)
            and start > 0
            and (classes[start - 1] & _WORD or points[start - 1] == 95)
            and at < size
            and points[at] == 115
            and (at + 1 == size or not (classes[at + 1] & _WORD or points[at + 1] == 95))
        ):
            at += 1  # a possessive, which folds to nothing unless its mark counts as a letter
            if point != 0x02BC:
                continue
            out[count, 0], out[count, 1] = start, at
            count += 1
            continue
        kind = classes[start]
        if kind & _LETTER:
            while at < size and classes[at] & (_LETTER | _MARK):
                at += 1
        elif kind & _DIGIT:
            while at < size and classes[at] & _DIGIT:
                at += 1
        elif not kind & _GREEK:
            continue
        out[count, 0], out[count, 1] = start, at
        count += 1
    return count


@njit(cache=True, nogil=True)
def _set_bounds(points, classes, tokens, opens, closes, joins):  # type: ignore[no-untyped-def]
    """Fills in where runs of tokens may start, end and continue."""
    for i in range(tokens.shape[0] - 1):
        end, start = tokens[i, 1], tokens[i + 1, 0]
        if end == start or points[end] == 95:
            closes[i] = opens[i + 1] = 0
        spaces = False
        for at in range(end, start):
            spaces = spaces or classes[at] & _SPACE != 0
        if start - end > (3 if spaces else _TIGHT):
            joins[i] = 0
        for at in range(end, start):
            point, last = points[at], at + 1 == start
            space_follows = not last and classes[at + 1] & _SPACE
            space_before = at > end and classes[at - 1] & _SPACE
            comma_follows = not last and point == 44 and points[at + 1] == 44
            mark = point == 46 or point == 44
            dash = point == 45 or point == 47 or point == 0x2013 or point == 0x2014
            bracket = point == 40 or point == 41
            if (
                (classes[at] & _BREAK and (spaces or not bracket))
                or (mark and (space_follows or comma_follows))
                or (dash and (space_follows or space_before))
            ):
                joins[i] = 0
