"""Builds the arrays of a :class:`~concept_linker.search.index.KeyIndex`, compiled.

Three passes over the keys count the grams; number the grams and compute the norms; write postings
and signatures.  No pass has the 64-bit codes of all grams in memory at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import (
    EMPTY,
    gram_set,
    hash_bytes,
    shell_sort,
    table_find,
    table_size,
)

__all__ = [
    "bits_from",
    "count_grams",
    "fill_table",
    "forward",
    "gram_weights",
    "postings",
    "signatures",
]

#: Weights are integer multiples of 1/64. So dot products and norms are integers, and equal in any
#: order of summation on any machine.
STEPS = 64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)


@njit(cache=True, nogil=True, inline="always")
def _gram_slot(codes, gram):  # type: ignore[no-untyped-def]
    mask = np.uint64(codes.size - 1)
    slot = ((gram * _GOLDEN) >> _32) & mask
    while codes[slot] != gram and codes[slot] != EMPTY:
        slot = (slot + np.uint64(1)) & mask
    return np.int64(slot)


@njit(cache=True, nogil=True)
def _grow(codes, counts):  # type: ignore[no-untyped-def]
    larger = np.full(codes.size * 2, EMPTY, np.uint64)
    larger_counts = np.zeros(codes.size * 2, np.int64)
    for i in range(codes.size):
        if codes[i] != EMPTY:
            slot = _gram_slot(larger, codes[i])
            larger[slot] = codes[i]
            larger_counts[slot] = counts[i]
    return larger, larger_counts


def count_grams(
    keys: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Returns the distinct grams of all keys, ascending, and the number of keys with each.

    Args:
        keys: the UTF-8 bytes of the keys, concatenated.
        offsets: of shape (keys + 1,): where each key begins.
    """
    codes, counts = _count(keys, offsets)
    kept = codes != EMPTY
    codes, counts = codes[kept], counts[kept]
    order = np.argsort(codes)
    return codes[order], counts[order]


@njit(cache=True, nogil=True)
def _count(keys, offsets):  # type: ignore[no-untyped-def]
    codes = np.full(1 << 16, EMPTY, np.uint64)
    counts = np.zeros(1 << 16, np.int64)
    used = 0
    longest = 1
    for i in range(offsets.size - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    grams = np.empty(longest, np.uint64)
    for i in range(offsets.size - 1):
        for j in range(gram_set(keys, offsets[i], offsets[i + 1], grams)):
            slot = _gram_slot(codes, grams[j])
            if codes[slot] == EMPTY:
                codes[slot] = grams[j]
                used += 1
            counts[slot] += 1
        if used * 2 > codes.size:
            codes, counts = _grow(codes, counts)
    return codes, counts


def gram_weights(counts: NDArray[np.int64], keys: int) -> NDArray[np.int32]:
    """Returns the inverse document frequency as an integer.

    It is ``round(64 · (ln((1 + n) / (1 + df)) + 1))``, the smoothed form of scikit-learn's
    ``TfidfTransformer``. df = 0 gives the weight of a gram that occurs in no key.

    Args:
        counts: the number of keys with each gram (df).
        keys: the number of keys (n).
    """
    idf = np.log((1.0 + keys) / (1.0 + counts)) + 1.0
    weights: NDArray[np.int32] = np.rint(idf * STEPS).astype(np.int32)
    return weights


@njit(cache=True, nogil=True)
def _gram_table(codes, ids):  # type: ignore[no-untyped-def]
    size = 1 << 10
    while size < codes.size * 2:
        size *= 2
    table = np.full(size, EMPTY, np.uint64)
    values = np.zeros(size, np.int64)
    for i in range(codes.size):
        slot = _gram_slot(table, codes[i])
        table[slot] = codes[i]
        values[slot] = ids[i]
    return table, values


@njit(cache=True, nogil=True)
def forward(keys, offsets, codes, ids, weights, key_begins, key_grams):  # type: ignore[no-untyped-def]
    """Writes the grams of every key, ascending, and returns the norms of the keys (int64).

    Args:
        keys, offsets: the bytes of the keys and where each begins.
        codes, ids: the codes of all grams, and their numbers.
        weights: the weight of each gram, by number.
        key_begins: output, int64 of shape (keys + 1,): where the grams of each key begin.
        key_grams: output: the grams of all keys.
    """
    table, values = _gram_table(codes, ids)
    norms = np.zeros(offsets.size - 1, np.int64)
    longest = 1
    for i in range(offsets.size - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    grams = np.empty(longest, np.uint64)
    numbers = np.empty(longest, np.uint64)
    at = 0
    for i in range(offsets.size - 1):
        count = gram_set(keys, offsets[i], offsets[i + 1], grams)
        for j in range(count):
            numbers[j] = values[_gram_slot(table, grams[j])]
        shell_sort(numbers, count)
        for j in range(count):
            weight = np.int64(weights[np.int64(numbers[j])])
            norms[i] += weight * weight
            key_grams[at] = numbers[j]
            at += 1
        key_begins[i + 1] = at
    return norms


@njit(cache=True, nogil=True)
def postings(key_begins, key_grams, norms, weights, grams, classes, keys_a_range, entries):  # type: ignore[no-untyped-def]
    """Writes the postings of the first ``grams`` grams: their keys by class, ascending.

    If ``keys_a_range`` is not 0, the class of a key is ``key // keys_a_range``, and the entry is
    ``key % keys_a_range``.  Otherwise the class of a key at a gram is
    ``ceil(classes · rest / norm) - 1``, where rest is the sum of the squared weights of the key's
    grams from this one on, and the entry is the key.

    Args:
        key_begins, key_grams, norms: the grams of each key, ascending, and its norm.
        weights: the weight of each gram.
        grams: the number of grams with postings.
        classes: the number of classes of each gram.
        keys_a_range: the number of keys in a range, or 0.
        entries: output: the postings.

    Returns:
        int64 of shape (grams · classes + 1,): where each class of each gram begins.
    """
    begins = np.zeros(grams * classes + 1, np.int64)
    for fill in range(2):
        for i in range(key_begins.size - 1):
            rest = norms[i]
            for j in range(key_begins[i], key_begins[i + 1]):
                gram = np.int64(key_grams[j])
                if gram >= grams:  # they ascend
                    break
                if keys_a_range:
                    place = gram * classes + i // keys_a_range
                else:
                    place = gram * classes + (rest * classes - 1) // norms[i]
                if fill:
                    entries[begins[place]] = i % keys_a_range if keys_a_range else i
                    begins[place] += 1
                else:
                    begins[place + 1] += 1
                weight = np.int64(weights[gram])
                rest -= weight * weight
        if not fill:
            for i in range(begins.size - 1):
                begins[i + 1] += begins[i]
    for i in range(begins.size - 1, 0, -1):  # writing has moved each begin to its end
        begins[i] = begins[i - 1]
    begins[0] = 0
    return begins


@njit(cache=True, nogil=True)
def bits_from(key_begins, key_grams, first):  # type: ignore[no-untyped-def]
    """Returns the grams from ``first`` on of every key, at most 32, as bits of a uint32."""
    bits = np.zeros(key_begins.size - 1, np.uint32)
    for i in range(bits.size):
        for j in range(key_begins[i + 1] - 1, key_begins[i] - 1, -1):
            if key_grams[j] < first:  # they ascend
                break
            bits[i] |= np.uint32(1 << (key_grams[j] - first))
    return bits


@njit(cache=True, nogil=True)
def signatures(key_begins, key_grams, bits):  # type: ignore[no-untyped-def]
    """Returns signatures: uint8 of shape (keys, bits / 8); gram g sets bit g mod ``bits``."""
    signs = np.zeros((key_begins.size - 1, bits // 8), np.uint8)
    for i in range(key_begins.size - 1):
        for j in range(key_begins[i], key_begins[i + 1]):
            bit = key_grams[j] & (bits - 1)
            signs[i, bit >> 3] |= np.uint8(1 << (bit & 7))
    return signs


@njit(cache=True, nogil=True)
def _fill(table, keys, offsets):  # type: ignore[no-untyped-def]
    for i in range(offsets.size - 1):
        state = hash_bytes(keys, offsets[i], offsets[i + 1], np.uint64(0))
        slot, found = table_find(table, offsets, keys, keys, offsets[i], offsets[i + 1], state)
        if found < 0:
            table[slot] = i + 1


def fill_table(keys: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Returns the hash table of the keys for :func:`~concept_linker.search.grams.table_find`."""
    table = np.zeros(table_size(offsets.size - 1), np.uint32)
    _fill(table, keys, offsets)
    return table
