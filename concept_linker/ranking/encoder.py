"""The encoder: embeddings of names, so that synonyms are near though they share few letters.

The embedding of a name is the sum of the vectors of its words, of the character n-grams in them (as
in fastText: Bojanowski et al., 2017) and of its pairs of words.  The vectors are trained on the
synonyms of the open base, so that names of one concept are near (as in SapBERT: Liu et al., 2021).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes

__all__ = [
    "MAX_FEATURES",
    "ROWS",
    "SIZE",
    "Encoder",
    "NameVectors",
    "best_cosines",
    "hash_features",
]

#: The number of vectors, and their dimension.
ROWS, SIZE = 1 << 16, 64
#: The features of a longer name beyond these are ignored.
MAX_FEATURES = 512
# The cache of names' embeddings has at most two to this power rows.
_CACHE_BITS = 18

_SHORTEST, _LONGEST = 3, 5
_BLANK = np.uint8(32)
_PRIME = np.uint64(0x100000001B3)
_RUN, _WORD, _LAST, _PAIR = (
    np.uint64(int.from_bytes(kind, "big"))
    for kind in (b"run of l", b"one word", b"the last", b"in pairs")
)
_32 = np.uint64(32)
_MASK = np.uint64(ROWS - 1)


class Encoder(NamedTuple):
    """The trained vectors.

    Args:
        rows: int8 of shape (:data:`ROWS`, :data:`SIZE`).
        scales: the factor of each row (float32).
    """

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Encoder:
        """Quantizes vectors to 8 bits."""
        scales = np.abs(vectors).max(1) / 127.0
        scales[scales == 0.0] = 1.0
        return cls(np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32))

    @classmethod
    def open(cls, folder: Path) -> Encoder:
        """Maps what :meth:`save` wrote.

        Raises:
            InputError: the encoder cannot be read, or is of another version.
        """
        try:
            rows, scales = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls._fields)
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: cannot read an encoder there ({error})") from None
        if rows.shape != (ROWS, SIZE) or scales.shape != (ROWS,):
            raise InputError(
                f"{folder}: vectors of shape {rows.shape}, expected {(ROWS, SIZE)}; "
                "train the encoder again"
            )
        return cls(rows, scales)

    def save(self, folder: Path) -> None:
        """Writes the arrays into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "rows.npy", self.rows, allow_pickle=False)
        np.save(folder / "scales.npy", self.scales, allow_pickle=False)


class NameVectors(NamedTuple):
    """A cache of the embeddings of a base's names, filled on use.

    It is direct-mapped: each key has one slot, which it shares with other keys.  17 MB are enough
    for a base of millions of names.

    Args:
        keys: the key of the base in each slot, plus 1; 0 for an empty slot (uint32).
        vectors: int8 of shape (slots, :data:`SIZE`).
    """

    keys: NDArray[np.uint32]
    vectors: NDArray[np.int8]

    @classmethod
    def empty(cls, keys: int) -> NameVectors:
        """Returns an empty cache.

        Args:
            keys: the number of keys of the base.
        """
        slots = 1 << min(max(keys - 1, 0).bit_length(), _CACHE_BITS)
        return cls(np.zeros(slots, np.uint32), np.zeros((slots, SIZE), np.int8))


@njit(cache=True, nogil=True)
def _row(state):  # type: ignore[no-untyped-def]
    """Folds a hash to the row of a vector."""
    return np.int64((state ^ (state >> _32)) & _MASK)


@njit(cache=True, nogil=True)
def hash_features(data, begin, end, out):  # type: ignore[no-untyped-def]
    """Fills in the features of a key: the rows of the vectors that its embedding sums up.

    Args:
        data, begin, end: the key.
        out: int64, filled in; its size limits the features.

    Returns:
        The number of features.
    """
    count, word = 0, begin
    before = begin
    while word < end and count < out.size:
        stop = word
        while stop < end and data[stop] != _BLANK:
            stop += 1
        out[count] = _row(hash_bytes(data, word, stop, _WORD))
        count += 1
        if word > begin and count < out.size:
            out[count] = _row(hash_bytes(data, before, stop, _PAIR))
            count += 1
        if stop >= end and count < out.size:
            out[count] = _row(hash_bytes(data, word, stop, _LAST))
            count += 1
        # Character n-grams of the word with a blank before and after it.
        for first in range(word - 1, stop):
            state = _RUN
            for at in range(first, min(first + _LONGEST, stop + 1)):
                letter = data[at] if word <= at < stop else _BLANK
                state = (state ^ np.uint64(letter)) * _PRIME
                if at - first + 1 >= _SHORTEST and count < out.size:
                    out[count] = _row(state)
                    count += 1
        before, word = word, stop + 1
    return count


@njit(cache=True, nogil=True)
def _encode(data, begin, end, encoder, features, total, out):  # type: ignore[no-untyped-def]
    """Computes the embedding of a key, scaled to length 127 and rounded.

    Args:
        data, begin, end: the key.
        encoder: the vectors.
        features, total: scratch; the sum has 32 bits, which halves the time.
        out: int8 of size :data:`SIZE`.
    """
    total[:] = 0.0
    for i in range(hash_features(data, begin, end, features)):
        row = features[i]
        scale = encoder.scales[row]
        for j in range(SIZE):
            total[j] += scale * np.float32(encoder.rows[row, j])
    squares = 0.0
    for j in range(SIZE):
        squares += np.float64(total[j]) * np.float64(total[j])
    if squares == 0.0:
        out[:] = 0
        return
    length = np.sqrt(squares)
    for j in range(SIZE):
        out[j] = np.int8(np.rint(127.0 * total[j] / length))


@njit(cache=True, nogil=True)
def best_cosines(data, begin, end, base, concepts, encoder, vectors, out):  # type: ignore[no-untyped-def]
    """Fills in the cosine of a string and the nearest name of each of its candidates.

    Args:
        data, begin, end: the string's key.
        base: with ``keys``, ``key_begins``, ``name_keys`` and ``concept_names``.
        concepts: rows of the base.
        encoder: the vectors.
        vectors: :class:`NameVectors`; missing ones are added.
        out: one cosine a candidate.
    """
    features, total = np.empty(MAX_FEATURES, np.int64), np.empty(SIZE, np.float32)
    short, query = np.empty(SIZE, np.int8), np.empty(SIZE, np.int32)
    mask = np.int64(vectors.keys.size - 1)
    _encode(data, begin, end, encoder, features, total, short)
    query[:] = short
    for i in range(concepts.size):
        best = np.int32(-127 * 127)
        for name in range(base.concept_names[concepts[i]], base.concept_names[concepts[i] + 1]):
            key = np.int64(base.name_keys[name])
            slot = key & mask
            if vectors.keys[slot] != key + 1:
                first, stop = base.key_begins[key], base.key_begins[key + 1]
                vector = vectors.vectors[slot]
                _encode(base.keys, first, stop, encoder, features, total, vector)
                vectors.keys[slot] = key + 1
            product = np.int32(0)
            for j in range(SIZE):  # a view of the row costs three times as much
                product += np.int32(query[j] * vectors.vectors[slot, j])
            best = max(best, product)
        out[i] = best / (127.0 * 127.0)
