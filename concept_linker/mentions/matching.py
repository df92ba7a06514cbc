"""All stretches of a text whose key is in the index, compiled.

A caption's folded tokens, joined by blanks, hold the key of any run of tokens as one stretch of
bytes; so the runs that start at a token are looked up by hashing on from it.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from concept_linker.candidates.grams import hash_bytes, table_find

__all__ = ["find_runs"]


@njit(cache=True, nogil=True)
def find_runs(  # type: ignore[no-untyped-def]
    data, begins, ends, opens, closes, joins, longest, table, offsets, keys, found
):
    """Fills ``found`` with (first token, last token, key id) and returns how many runs there are.

    Args:
        data: the folded tokens, joined by one blank each (uint8).
        begins, ends: where each token is in it (int64).
        opens, closes: whether a run may start or end at the token (uint8).
        joins: whether a run may go on from the token to the next (uint8).
        longest: tokens in a run, at most.
        table, offsets, keys: the index's.
        found: int64 of shape (room, 3); what does not fit is counted, not written.
    """
    count = 0
    for first in range(begins.size):
        if not opens[first]:
            continue
        state = np.uint64(0)
        start = begins[first]
        for last in range(first, min(first + longest, begins.size)):
            if last > first and not joins[last - 1]:
                break
            state = hash_bytes(data, start, ends[last], state)
            start = ends[last]
            if not closes[last]:
                continue
            _, key = table_find(table, offsets, keys, data, begins[first], ends[last], state)
            if key >= 0:
                if count < found.shape[0]:
                    found[count, 0] = first
                    found[count, 1] = last
                    found[count, 2] = key
                count += 1
    return count
