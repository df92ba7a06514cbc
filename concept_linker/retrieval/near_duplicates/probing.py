"""Compiled parts of the search for hashes that differ in few bits."""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit

__all__ = ["bits", "probe", "scan"]


@njit(cache=True, nogil=True, inline="always")
def bits(x):  # type: ignore[no-untyped-def]
    """How many bits are set; a pattern that compilers turn into one instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (x * np.uint64(0x0101010101010101)) >> np.uint64(56)


@njit(cache=True, nogil=True)
def _longer(pairs):  # type: ignore[no-untyped-def]
    wider = np.empty((2 * pairs.shape[0], 3), np.int64)
    wider[: pairs.shape[0]] = pairs
    return wider


@njit(cache=True, nogil=True)
def scan(queries, first, hashes, distance, own):  # type: ignore[no-untyped-def]
    """Looks at every hash.

    Args:
        queries: hashes to look for.
        first: the number of the first query.
        hashes: hashes to find.
        distance: the most bits that may differ.
        own: whether both are one list: each pair once, none with itself.

    Returns:
        Rows of query, hash, distance.
    """
    pairs = np.empty((64, 3), np.int64)
    size = 0
    for query in range(queries.size):
        begin = first + query + 1 if own else 0
        for i in range(begin, hashes.size):
            apart = bits(queries[query] ^ hashes[i])
            if apart <= distance:
                if size == pairs.shape[0]:
                    pairs = _longer(pairs)
                pairs[size, 0], pairs[size, 1], pairs[size, 2] = first + query, i, apart
                size += 1
    return pairs[:size]


@njit(cache=True, nogil=True)
def probe(queries, first, shift, mask, begins, hashes, numbers, flips, earlier, distance, own):  # type: ignore[no-untyped-def]
    """Looks at the hashes that have nearly the query's bits in one part.

    Args:
        queries, first, distance, own: as in :func:`scan`.
        shift, mask: where the part is.
        begins: where the hashes of each value of the part begin; one more than values.
        hashes, numbers: the hashes by the part's value, and their places in the list.
        flips: the changes of the part to look at.
        earlier: (shift, mask, radius) of the parts that have been looked at; what they found is
            left out.
    """
    pairs = np.empty((64, 3), np.int64)
    size = 0
    for query in range(queries.size):
        wanted = queries[query]
        part = (wanted >> shift) & mask
        for flip in flips:
            value = part ^ flip
            for at in range(begins[value], begins[value + np.uint64(1)]):
                difference = wanted ^ hashes[at]
                apart = bits(difference)
                if apart > distance:
                    continue
                if own and numbers[at] <= first + query:
                    continue
                known = False
                for i in range(earlier.shape[0]):
                    in_part = bits((difference >> earlier[i, 0]) & earlier[i, 1])
                    known |= in_part <= earlier[i, 2]
                if known:
                    continue
                if size == pairs.shape[0]:
                    pairs = _longer(pairs)
                pairs[size, 0], pairs[size, 1], pairs[size, 2] = first + query, numbers[at], apart
                size += 1
    return pairs[:size]
