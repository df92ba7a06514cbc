"""A word's own features, as rows of one embedding table.

A word has several *slots* (its key, its first and last letters, its shape, its letter n-grams); the
vector of a slot is the mean of some rows of the table, and which rows these are is hashed from the
word.  The same function at training and at inference.
"""

from __future__ import annotations

from zlib import crc32

from concept_linker.search.normalise import key

__all__ = ["ROWS", "SLOTS", "word_rows"]

# Rows of the table for each slot: key; first three, last three and last five letters; shape;
# n-grams.
_SIZES = (8192, 2048, 2048, 4096, 1024, 8192)
_BEGINS = tuple(sum(_SIZES[:i]) for i in range(len(_SIZES)))
SLOTS = len(_SIZES)
ROWS = sum(_SIZES)
_NGRAMS = (3, 4)
_LONGEST = 40


def word_rows(word: str) -> list[tuple[int, ...]]:
    """The rows of each slot of a word."""
    small = word.lower()[:_LONGEST]
    norm = key(word) or small
    padded = f"<{small}>"
    grams = {padded[i : i + n] for n in _NGRAMS for i in range(len(padded) - n + 1)}
    values = (
        (norm, norm + "\0"),
        (small[:3],),
        (small[-3:],),
        (small[-5:],),
        (shape(word),),
        tuple(sorted(grams)) or (padded,),
    )
    return [
        tuple(begin + crc32(one.encode("utf-8", "surrogatepass")) % size for one in ones)
        for ones, begin, size in zip(values, _BEGINS, _SIZES, strict=True)
    ]


def shape(word: str) -> str:
    """The shape of a word: ``Xxxx`` for capitalised ones, ``d`` for digits, marks as they are.

    >>> [shape(w) for w in ("Lesions", "MRI", "Bmp4", "2.5", "(")]
    ['Xxxxx', 'XXX', 'Xxxd', 'd.d', '(']
    """
    shape = ""
    for char in word[:_LONGEST]:
        kind = "d" if char.isdigit() else "X" if char.isupper() else "x" if char.isalpha() else char
        if not shape.endswith(kind * 4):
            shape += kind
    return shape
