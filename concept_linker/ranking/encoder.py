"""How near two names are in meaning, though they may share few letters; compiled.

A name is the sum of the vectors of its words, of the runs of letters in them (as in fastText:
Bojanowski et al., 2017) and of its pairs of words.  They were learned from the synonyms of the open
base, so that names of one concept come close (as in SapBERT: Liu et al., 2021).
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
    "FEATURES_OF_A_NAME",
    "ROWS",
    "SIZE",
    "Encoder",
    "NameVectors",
    "features_of",
    "best_cosines",
]

#: How many vectors there are, and of how many numbers each.
ROWS, SIZE = 1 << 16, 64
#: Of a longer name the rest is not looked at.
FEATURES_OF_A_NAME = 512
# At most two to the power of this many vectors of names are kept.
_PLACES = 18

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
    """The learned vectors.

    Args:
        rows: int8 of shape (:data:`ROWS`, :data:`SIZE`).
        scales: what each row is to be multiplied by (float32).
    """

    rows: NDArray[np.int8]
    scales: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> Encoder:
        """Rounds vectors to 255 steps each."""
        scales = np.abs(vectors).max(1) / 127.0
        scales[scales == 0.0] = 1.0
        return cls(np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32))

    @classmethod
    def open(cls, folder: Path) -> Encoder:
        """Maps what :meth:`save` wrote.

        Raises:
            InputError: it is not there, or is of another version.
        """
        try:
            rows, scales = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls._fields)
        except (OSError, ValueError) as error:
            raise InputError(f"{folder}: no encoder there that can be read ({error})") from None
        if rows.shape != (ROWS, SIZE) or scales.shape != (ROWS,):
            wanted = f"wanted {(ROWS, SIZE)}: train it anew"
            raise InputError(f"{folder}: vectors of shape {rows.shape}, {wanted}")
        return cls(rows, scales)

    def save(self, folder: Path) -> None:
        """Writes the arrays into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "rows.npy", self.rows, allow_pickle=False)
        np.save(folder / "scales.npy", self.scales, allow_pickle=False)


class NameVectors(NamedTuple):
    """The vectors of names of a base, computed when they are asked for, and kept for a while.

    Each name has one place, which it shares with others: 17 MB hold what a base of millions is
    asked for again.

    Args:
        keys: which key of the base each place has, counted from 1; 0 where it has none (uint32).
        vectors: int8 of shape (places, :data:`SIZE`).
    """

    keys: NDArray[np.uint32]
    vectors: NDArray[np.int8]

    @classmethod
    def empty(cls, keys: int) -> NameVectors:
        """No vector is known yet.

        Args:
            keys: how many keys the base has.
        """
        places = 1 << min(max(keys - 1, 0).bit_length(), _PLACES)
        return cls(np.zeros(places, np.uint32), np.zeros((places, SIZE), np.int8))


@njit(cache=True, nogil=True)
def _row(state):  # type: ignore[no-untyped-def]
    return np.int64((state ^ (state >> _32)) & _MASK)


@njit(cache=True, nogil=True)
def features_of(data, begin, end, out):  # type: ignore[no-untyped-def]
    """The rows of the vectors that a key is the sum of.

    Args:
        data, begin, end: the key.
        out: int64, filled in.

    Returns:
        How many there are.
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
        # Runs of letters, with a blank before and behind the word.
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
    """The vector of a key: of length 127, in whole numbers.

    Args:
        data, begin, end: the key.
        encoder: the learned vectors.
        features, total: room to work in; the sum is of 32 bits, which halves the time.
        out: int8 of size :data:`SIZE`.
    """
    total[:] = 0.0
    for i in range(features_of(data, begin, end, features)):
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
    """How near a string is to the nearest name of each of its candidates: the cosine.

    Args:
        data, begin, end: the string's key.
        base: with ``keys``, ``key_begins``, ``name_keys`` and ``concept_names``.
        concepts: rows of the base.
        encoder: the learned vectors.
        vectors: those of the base's names; what is missing is filled in.
        out: one number a candidate.
    """
    features, total = np.empty(FEATURES_OF_A_NAME, np.int64), np.empty(SIZE, np.float32)
    short, own = np.empty(SIZE, np.int8), np.empty(SIZE, np.int32)
    mask = np.int64(vectors.keys.size - 1)
    _encode(data, begin, end, encoder, features, total, short)
    own[:] = short
    for i in range(concepts.size):
        best = np.int32(-127 * 127)
        for name in range(base.concept_names[concepts[i]], base.concept_names[concepts[i] + 1]):
            key = np.int64(base.name_keys[name])
            place = key & mask
            if vectors.keys[place] != key + 1:
                first, stop = base.key_begins[key], base.key_begins[key + 1]
                vector = vectors.vectors[place]
                _encode(base.keys, first, stop, encoder, features, total, vector)
                vectors.keys[place] = key + 1
            alike = np.int32(0)
            for j in range(SIZE):  # no view of the row: to make one costs three times as much
                alike += np.int32(own[j] * vectors.vectors[place, j])
            best = max(best, alike)
        out[i] = best / (127.0 * 127.0)
