"""The search among few keys, compiled: every dot product is added up.

Where one number for every key fits into a core's own cache, adding to it costs less than any
bound would save.  Postings are kept by ranges of keys, one range is done after the other, and so
what is added to is always at hand.  Of the sums only the highest of each block of keys is looked
at, then the blocks, the most promising first, that can reach the floor.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from concept_linker.candidates.heap import offer
from concept_linker.candidates.vectors import SLACK

__all__ = ["BLOCK", "RANGE", "scan"]

#: Keys in a range: 32 kB of sums.
RANGE = 1 << 13

#: Keys in a block; keys are numbered by norm, so that those of one block are about equally heavy.
BLOCK = 256

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
        highest[block] = dots[block].max()


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
def scan(begins, postings, ranges, norms, dots, squares, names, gram_ids, norm, floor, best, size):  # type: ignore[no-untyped-def]
    """Finds what reaches the floor; goes on with the heap, and returns its size.

    Args:
        begins, postings, norms: the index's.
        ranges: in how many the postings of each gram are.
        dots: int32 of shape (blocks, :data:`BLOCK`): room for the sums.
        squares: the squared weights of the query's grams, by gram.
        names: whose the keys are.
        gram_ids: the query's grams.
        norm: its norm, below 2³¹.
        floor: the least similarity that counts.
        best, size: the heap.
    """
    highest = np.empty(dots.shape[0], np.int32)
    _add_up(begins, postings, ranges, squares, gram_ids, dots, highest)
    bounds = np.empty(highest.size, np.float64)
    for block in range(highest.size):
        bounds[block] = min(highest[block] / np.sqrt(norm * norms[block * BLOCK]), 1.0)
    order = np.empty(highest.size, np.int64)
    _by_level(bounds, order)
    passed = np.empty(BLOCK, np.int64)
    for i in range(order.size):
        block = order[i]
        if bounds[block] < floor * SLACK:
            continue
        begin = block * BLOCK
        need = max(np.int32(floor * np.sqrt(norm * norms[begin]) * SLACK), np.int32(1))
        own = dots[block]
        count = 0
        for j in range(min(BLOCK, norms.size - begin)):
            passed[count] = j
            count += own[j] >= need
        for j in range(count):
            key = begin + passed[j]
            similarity = np.float64(own[passed[j]]) / np.sqrt(norm * np.float64(norms[key]))
            if similarity >= floor:
                size = offer(best, size, names, key, similarity)
                if size == best.places.size:
                    floor = max(floor, best.similarities[0])
    return size
