"""The words of strings' keys, as compiled code reads them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.priors import STEM
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes

__all__ = ["COMPARED_WORDS", "MAX_WORDS", "Texts", "hash_words", "read_words", "stem_end"]

#: The words of a longer string beyond these are ignored.
MAX_WORDS = 64
#: How many words of a string are compared with those of the other strings of its text.
COMPARED_WORDS = 8

_BLANK = np.uint8(32)
_START = np.uint64(0)


class Texts(NamedTuple):
    """Texts as compiled code takes them.

    Args:
        data: their UTF-8 bytes, one text after the other.
        begins: where each text begins; one more, where the last ends.

    >>> texts = Texts.encode(["ab", "c"])
    >>> texts.data.tobytes(), texts.begins.tolist()
    (b'abc', [0, 2, 3])
    """

    data: NDArray[np.uint8]
    begins: NDArray[np.int64]

    @classmethod
    def encode(cls, texts: Iterable[str]) -> Texts:
        """Encodes strings; lone surrogates pass."""
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        return cls(np.frombuffer(b"".join(parts), np.uint8), np.cumsum([0, *map(len, parts)]))

    def hash_words(self) -> NDArray[np.uint64]:
        """Returns the hashes of the words of each text, a key (see :func:`hash_words`)."""
        hashes = np.zeros((len(self.begins) - 1, 2, COMPARED_WORDS + 1), np.uint64)
        hash_words(self.data, self.begins, hashes)
        return hashes


@njit(cache=True, nogil=True)
def read_words(data, begin, end, starts, ends):  # type: ignore[no-untyped-def]
    """Finds the words of a key.

    Args:
        data, begin, end: the key.
        starts, ends: filled in: where each word begins and ends.  Their size limits the words.

    Returns:
        The number of words.
    """
    count, at = 0, begin
    while at < end and count < starts.size:
        starts[count] = at
        while at < end and data[at] != _BLANK:
            at += 1
        ends[count] = at
        count += 1
        at += 1
    return count


@njit(cache=True, nogil=True)
def stem_end(data, start, end):  # type: ignore[no-untyped-def]
    """Returns where the stem of a word, its first :data:`STEM` letters, ends in the bytes."""
    letters = 0
    for at in range(start, end):
        if data[at] & 0xC0 != 0x80:
            if letters == STEM:
                return at
            letters += 1
    return end


@njit(cache=True, nogil=True)
def hash_words(data, begins, out):  # type: ignore[no-untyped-def]
    """Hashes the words of keys, and their stems.

    Args:
        data, begins: the keys, as in :class:`Texts`.
        out: uint64 of shape (strings, 2, COMPARED_WORDS + 1), all 0: the words, then the stems.
            The last word (of at most :data:`MAX_WORDS`) comes first, then the first
            :data:`COMPARED_WORDS` words.
    """
    starts, ends = np.empty(MAX_WORDS, np.int64), np.empty(MAX_WORDS, np.int64)
    for string in range(begins.size - 1):
        words = read_words(data, begins[string], begins[string + 1], starts, ends)
        for place in range(min(words, COMPARED_WORDS) + 1 if words else 0):
            word = place - 1 if place else words - 1
            out[string, 0, place] = hash_bytes(data, starts[word], ends[word], _START)
            stop = stem_end(data, starts[word], ends[word])
            out[string, 1, place] = hash_bytes(data, starts[word], stop, _START)
