"""The search among few keys, compiled: every dot product is added up.

Where one number for every key fits into a core's own cache, adding to it costs less than any
bound would save.  Postings are kept by ranges of keys, one range is done after the other, and so
what is added to is always at hand.  Of the sums only the highest of each block of keys is looked
at, then the blocks, the most promising first, that can reach the floor.

The :data:`COMMON` commonest grams have no postings: half of all postings would be theirs, and they
weigh a tenth.  A key has a bit for each of them; a key whose sum could reach the floor with all
of the query's common grams gets those that it has, by table.
"""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit
from concept_linker.search.best import offer
from concept_linker.search.vectors import SLACK

__all__ = ["BLOCK", "COMMON", "RANGE", "scan"]

#: Keys in a range: 32 kB of sums.
RANGE = 1 << 13

#: Keys in a block; keys are numbered by norm, so that those of one block are about equally heavy.
BLOCK = 256

#: Grams that are bits of the keys, not postings; at most 64, and as fast from 24 to 40.
COMMON = 32

# Blocks are put in order by their best similarity in so many steps.
_LEVELS = 64


@njit(cache=True, nogil=True)
def _add_up(begins, postings, ranges, squares, gram_ids, dots, highest):  # type: ignore[no-untyped-def]
    """The dot product of every key, and the highest of each block."""
    flat = dots.reshape(dots.size)
    for number in range(ranges):
        own = flat[number * RANGE : (number + 1) * RANGE]
        own[:] = 0
        for gram in gram_ids:
            first = gram * ranges + number
            square = squares[gram]
            for key in postings[begins[first] : begins[first + 1]]:
                own[key] += square
    for block in range(highest.size):
        own = dots[block]
        most = np.int32(0)
        for i in range(BLOCK):  # numpy's max takes four times as long
            most = max(most, own[i])
        highest[block] = most


@njit(cache=True, nogil=True)
def _common_sums(gram_ids, first, squares, sums):  # type: ignore[no-untyped-def]
    """What the common grams of a query add, by the bits of a key.

    Returns:
        The query's bits, and the sum of all its common grams.  ``sums[b, v]`` is filled with what
        byte b of a key's bits adds if it is v.
    """
    weights = np.zeros(sums.shape[0] * 8, np.int32)
    bits = np.uint64(0)
    whole = np.int64(0)
    for gram in gram_ids:
        weights[gram - first] = squares[gram]
        bits |= np.uint64(1) << np.uint64(gram - first)
        whole += squares[gram]
    for byte in range(sums.shape[0]):
        own = sums[byte]
        own[0] = 0
        for bit in range(8):
            half = 1 << bit
            for value in range(half):
                own[half + value] = own[value] + weights[byte * 8 + bit]
    return bits, whole


@njit(cache=True, nogil=True)
def _by_level(bounds, order):  # type: ignore[no-untyped-def]
    """Fills ``order`` with the blocks, those with the highest bounds first (to 1/64)."""
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
    """Finds what reaches the floor; goes on with the best so far, and returns how many there are.

    Args:
        index: :class:`~concept_linker.search.vectors.Vectors`.
        scratch: :class:`~concept_linker.search.probe.Scratch`, with the query's squares.
        names: whose the keys are.
        gram_ids: the query's grams, ascending.
        norm: its norm.
        floor: the least similarity that counts.
        best, size: the best so far.
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
        own = dots[block]
        count = 0
        for j in range(min(BLOCK, norms.size - begin)):
            passed[count] = j
            count += own[j] >= least
        for j in range(count):
            key = begin + passed[j]
            both = np.uint64(key_bits[key]) & bits
            dot = np.int64(own[passed[j]])
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
