"""The features of a word alone, as rows of one hashed embedding table.

A word has several *slots*: its key, its first and last letters, its shape, its letter n-grams.  The
vector of a slot is the mean of rows of the table, and the row numbers are hashes of the word's
strings.  Training and inference use the same function.
"""

from __future__ import annotations

from zlib import crc32

from concept_linker.search.normalise import key

__all__ = ["ROWS", "SLOTS", "word_rows"]

# Rows of the table per slot: key; first three, last three and last five letters; shape; n-grams.
_SIZES = (8192, 2048, 2048, 4096, 1024, 8192)
_BEGINS = tuple(sum(_SIZES[:i]) for i in range(len(_SIZES)))
SLOTS = len(_SIZES)
ROWS = sum(_SIZES)
_NGRAMS = (3, 4)
_LONGEST = 40


def word_rows(word: str) -> list[tuple[int, ...]]:
    """Returns the row numbers of each slot of a word."""
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
    """Returns the shape of a word: ``X`` and ``x`` for letters, ``d`` for digits; marks stay.

    >>> [shape(w) for w in ("Lesions", "MRI", "Bmp4", "2.5", "(")]
    ['Xxxxx', 'XXX', 'Xxxd', 'd.d', '(']
    """
    shape = ""
    for char in word[:_LONGEST]:
        kind = "d" if char.isdigit() else "X" if char.isupper() else "x" if char.isalpha() else char
        if not shape.endswith(kind * 4):
            shape += kind
    return shape
