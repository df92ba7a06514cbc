"""Search among few keys, compiled: it computes every dot product.

If one number for every key fits into a core's cache, adding up all dot products costs less than any
bound could save.  Postings are grouped by ranges of keys, and ranges are processed one after the
other, so that their sums stay in the cache.  Then the highest sum of each block of keys bounds its
similarities, and the blocks that can reach the floor are examined, the most promising first.

The :data:`COMMON` commonest grams have no postings, which would be half of all, while their weight
is a tenth.  Instead each key has a bit for each of them. A key whose sum could reach the floor with
all common grams of the query gets the weight of those it has, from a table.
"""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit
from concept_linker.search.best import offer
from concept_linker.search.vectors import SLACK

__all__ = ["BLOCK", "COMMON", "RANGE", "scan"]

#: Number of keys in a range: 32 kB of sums.
RANGE = 1 << 13

#: Number of keys in a block; keys are numbered by norm, so norms in a block are similar.
BLOCK = 256

#: Number of grams that are bits of keys, not postings: at most 64; equally fast from 24 to 40.
COMMON = 32

# Blocks are sorted by their bound, rounded to this many levels.
_LEVELS = 64


@njit(cache=True, nogil=True)
def _add_up(begins, postings, ranges, squares, gram_ids, dots, highest):  # type: ignore[no-untyped-def]
    """Computes the dot product of every key, and the highest of each block."""
    flat = dots.reshape(dots.size)
    for number in range(ranges):
        part = flat[number * RANGE : (number + 1) * RANGE]
        part[:] = 0
        for gram in gram_ids:
            first = gram * ranges + number
            square = squares[gram]
            for key in postings[begins[first] : begins[first + 1]]:
                part[key] += square
    for block in range(highest.size):
        part = dots[block]
        most = np.int32(0)
        for i in range(BLOCK):  # four times as fast as numpy's max
            most = max(most, part[i])
        highest[block] = most


@njit(cache=True, nogil=True)
def _common_sums(gram_ids, first, squares, sums):  # type: ignore[no-untyped-def]
    """Tabulates the weight of common grams by the bits of a key.

    Writes to ``sums[b, v]`` the weight of byte b of a key's bits if its value is v.

    Returns:
        The bits of the query, and the weight of all its common grams.
    """
    weights = np.zeros(sums.shape[0] * 8, np.int32)
    bits = np.uint64(0)
    whole = np.int64(0)
    for gram in gram_ids:
        weights[gram - first] = squares[gram]
        bits |= np.uint64(1) << np.uint64(gram - first)
        whole += squares[gram]
    for byte in range(sums.shape[0]):
        row = sums[byte]
        row[0] = 0
        for bit in range(8):
            half = 1 << bit
            for value in range(half):
                row[half + value] = row[value] + weights[byte * 8 + bit]
    return bits, whole


@njit(cache=True, nogil=True)
def _by_level(bounds, order):  # type: ignore[no-untyped-def]
    """Writes the blocks to ``order``, those with the highest bounds first (rounded to 1/64)."""
    ends = np.zeros(_LEVELS + 1, np.int64)
    for block in range(bounds.size):
        ends[np.int64(bounds[block] * (_LEVELS - 1))] += 1
    for level in range(_LEVELS - 1, -1, -1):
        ends[level] += ends[level + 1]
    for block in range(bounds.size):
        at = np.int64(bounds[block] * (_LEVELS - 1))
        ends[at] -= 1
        order[ends[at]] = block


@njit(cache=True, nogil=True)
def scan(index, scratch, names, gram_ids, norm, floor, best, size):  # type: ignore[no-untyped-def]
    """Finds keys that reach the floor, inserts them, and returns the number of entries.

    Args:
        index: :class:`~concept_linker.search.vectors.Vectors`.
        scratch: :class:`~concept_linker.search.probe.Scratch`, with the query's squares.
        names: :class:`~concept_linker.search.best.Names`.
        gram_ids: the grams of the query, ascending.
        norm: the norm of the query.
        floor: the lowest similarity to accept.
        best, size: the best so far, and their number.
    """
    norms, key_bits = index.norms, index.common
    first_common = max(index.weights.size - COMMON, 0)
    ranges = (index.begins.size - 1) // max(first_common, 1)
    dots, squares = scratch.dots, scratch.squares
    rare = np.searchsorted(gram_ids, first_common)
    sums = np.empty((COMMON // 8, 256), np.int32)
    bits, whole = _common_sums(gram_ids[rare:], first_common, squares, sums)
    highest = np.empty(dots.shape[0], np.int32)
    _add_up(index.begins, index.range_postings, ranges, squares, gram_ids[:rare], dots, highest)
    bounds = np.empty(highest.size, np.float64)
    for block in range(highest.size):
        most = np.float64(highest[block] + whole)
        bounds[block] = min(most / np.sqrt(norm * norms[block * BLOCK]), 1.0)
    order = np.empty(highest.size, np.int64)
    _by_level(bounds, order)
    passed = np.empty(BLOCK, np.int64)
    for i in range(order.size):
        block = order[i]
        if bounds[block] < floor * SLACK:
            continue
        begin = block * BLOCK
        need = np.int64(floor * np.sqrt(norm * norms[begin]) * SLACK)
        least = np.int32(min(need - whole, 2**31 - 1))
        block_dots = dots[block]
        count = 0
        for j in range(min(BLOCK, norms.size - begin)):
            passed[count] = j
            count += block_dots[j] >= least
        for j in range(count):
            key = begin + passed[j]
            both = np.uint64(key_bits[key]) & bits
            dot = np.int64(block_dots[passed[j]])
            for byte in range(COMMON // 8):
                dot += sums[byte, np.int64((both >> np.uint64(8 * byte)) & np.uint64(255))]
            if dot == 0 or dot < need:
                continue
            similarity = np.float64(dot) / np.sqrt(norm * np.float64(norms[key]))
            if similarity >= floor:
                size = offer(best, size, names, key, similarity)
                if size == best.places.size:
                    floor = max(floor, best.similarities[size - 1])
    return size
