"""Finds all runs of tokens whose key is in the index or in the memory.

The folded tokens, joined by spaces, contain the key of any run of tokens as a slice of bytes.  All
runs that start at a token are looked up with one rolling hash.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.tokens import Tokens
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes, table_find

__all__ = ["find_runs", "select_longest", "with_closed_brackets"]

#: The most tokens of a run: names in running text are not longer.
LONGEST_RUN = 12

_33 = np.uint64(33)
_MIX = np.uint64(0xFF51AFD7ED558CCD)


def hash_table(hashes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Returns an open-addressing table of distinct hashes: the index of each + 1, or 0 if empty."""
    table = np.zeros(1 << max(4, int(hashes.size * 2).bit_length()), np.int32)
    _fill(hashes, table)
    return table


def find_runs(
    tokens: Tokens,
    index: tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.uint8]],
    memory: tuple[NDArray[np.int32], NDArray[np.uint64]] | None = None,
) -> NDArray[np.int64]:
    """Finds all runs of tokens that are names or in the memory.

    Args:
        tokens: the texts.
        index: the table of a :class:`~concept_linker.search.index.KeyIndex`.
        memory: a :func:`hash_table` and its hashes.

    Returns:
        Rows of first token, last token, the key's id or -1, the index of its hash or -1; ordered by
        the first token, then by the last.
    """
    table, offsets, keys = index
    slots, hashes = memory or (np.zeros(1, np.int32), np.zeros(0, np.uint64))
    found = np.empty((2 * tokens.starts.size + 16, 4), np.int64)
    while True:
        number = _find_runs(
            tokens.folded,
            tokens.folded_starts,
            tokens.folded_ends,
            tokens.opens,
            tokens.closes,
            tokens.joins,
            table,
            offsets,
            keys,
            slots,
            hashes,
            found,
        )
        if number <= found.shape[0]:
            return found[:number]
        found = np.empty((number, 4), np.int64)


def with_closed_brackets(
    tokens: Tokens, found: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Drops runs with unbalanced brackets and extends others over a closing bracket (``B(12)``).

    Args:
        tokens: the texts.
        found: rows of first and last token, and more.

    Returns:
        The rows of the runs with balanced brackets, and where each ends in the text.
    """
    ends = tokens.ends[found[:, 1]]
    sound = np.empty(len(found), np.bool_)
    _close(tokens.points, tokens.starts[found[:, 0]], ends, sound)
    return found[sound], ends[sound]


@njit(cache=True, nogil=True)
def _close(points, starts, ends, sound):  # type: ignore[no-untyped-def]
    for i in range(starts.size):
        depth = 0
        sound[i] = True
        for at in range(starts[i], ends[i]):
            depth += (points[at] == 40) - (points[at] == 41)
            if depth < 0:
                sound[i] = False
        if depth == 1 and ends[i] < points.size and points[ends[i]] == 41:
            ends[i] += 1
            depth = 0
        sound[i] = sound[i] and depth == 0


@njit(cache=True, nogil=True, inline="always")
def _slot(state, mask):  # type: ignore[no-untyped-def]
    mixed = (state ^ (state >> _33)) * _MIX
    return np.int64((mixed ^ (mixed >> _33)) & np.uint64(mask))


@njit(cache=True, nogil=True)
def _fill(hashes, table):  # type: ignore[no-untyped-def]
    mask = table.size - 1
    for i in range(hashes.size):
        slot = _slot(hashes[i], mask)
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot] = i + 1


@njit(cache=True, nogil=True)
def _find_runs(  # type: ignore[no-untyped-def]
    data, begins, ends, opens, closes, joins, table, offsets, keys, slots, hashes, found
):
    count = 0
    mask = slots.size - 1
    for first in range(begins.size):
        if not opens[first]:
            continue
        state = np.uint64(0)
        start = begins[first]
        for last in range(first, min(first + LONGEST_RUN, begins.size)):
            if last > first and not joins[last - 1]:
                break
            state = hash_bytes(data, start, ends[last], state)
            start = ends[last]
            if not closes[last]:
                continue
            _, key = table_find(table, offsets, keys, data, begins[first], ends[last], state)
            number = np.int64(-1)
            if mask > 0:
                slot = _slot(state, mask)
                while slots[slot] != 0:
                    if hashes[slots[slot] - 1] == state:
                        number = np.int64(slots[slot]) - 1
                        break
                    slot = (slot + 1) & mask
            if key >= 0 or number >= 0:
                if count < found.shape[0]:
                    found[count, 0] = first
                    found[count, 1] = last
                    found[count, 2] = key
                    found[count, 3] = number
                count += 1
    return count


@njit(cache=True, nogil=True)
def select_longest(order, firsts, lasts, size):  # type: ignore[no-untyped-def]
    """Selects runs greedily, in the given order, so that none overlap.

    Args:
        order: the indices of the runs, the best first (int64).
        firsts, lasts: first and last position of each run (int64).
        size: the number of positions.

    Returns:
        Whether each run is selected.
    """
    taken = np.zeros(firsts.size, np.bool_)
    free = np.ones(size, np.bool_)
    for i in order:
        open_ = True
        for place in range(firsts[i], lasts[i] + 1):
            if not free[place]:
                open_ = False
                break
        if open_:
            taken[i] = True
            for place in range(firsts[i], lasts[i] + 1):
                free[place] = False
    return taken
