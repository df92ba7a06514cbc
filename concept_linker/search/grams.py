"""Character 3-grams of UTF-8 keys, and the hash of a key, compiled.

A key is padded with one blank on either side. Its grams are the *set* of its runs of three code
points, so a key of n code points has at most n grams.  A gram is one 63-bit integer: three code
points of 21 bits.
"""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit

__all__ = [
    "EMPTY",
    "find",
    "gram_id",
    "gram_set",
    "hash_bytes",
    "key_hash",
    "table_find",
    "table_size",
    "write_grams",
]

#: Not a gram, because a gram never has the top bit set.
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)

_BLANK = np.uint64(32)
_MASK = np.uint64((1 << 63) - 1)
_21 = np.uint64(21)
_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0xFF51AFD7ED558CCD)
_33 = np.uint64(33)


@njit(cache=True, nogil=True, inline="always")
def _code_point(data, at):  # type: ignore[no-untyped-def]
    """Returns the code point that starts at a byte, and where the next one starts."""
    first = data[at]
    if first < 0x80:
        return np.uint64(first), at + 1
    if first < 0xE0:
        return np.uint64((first & 0x1F) << 6 | (data[at + 1] & 0x3F)), at + 2
    if first < 0xF0:
        point = (first & 0x0F) << 12 | (data[at + 1] & 0x3F) << 6 | (data[at + 2] & 0x3F)
        return np.uint64(point), at + 3
    point = (first & 0x07) << 18 | (data[at + 1] & 0x3F) << 12
    return np.uint64(point | (data[at + 2] & 0x3F) << 6 | (data[at + 3] & 0x3F)), at + 4


@njit(cache=True, nogil=True)
def write_grams(data, start, stop, out):  # type: ignore[no-untyped-def]
    """Writes all grams of one key to ``out``, with repeats, and returns their number.

    ``out`` has room for ``stop - start`` grams.
    """
    if start == stop:
        return 0
    gram = _BLANK
    point, at = _code_point(data, start)
    gram = gram << _21 | point
    count = 0
    while at < stop:
        point, at = _code_point(data, at)
        gram = (gram << _21 | point) & _MASK
        out[count] = gram
        count += 1
    out[count] = (gram << _21 | _BLANK) & _MASK
    return count + 1


@njit(cache=True, nogil=True)
def shell_sort(values, count):  # type: ignore[no-untyped-def]
    """Sorts the first ``count`` values, ascending; fast for the twenty grams of most keys."""
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, count):
            value = values[i]
            j = i
            while j >= gap and values[j - gap] > value:
                values[j] = values[j - gap]
                j -= gap
            values[j] = value
        gap //= 3


@njit(cache=True, nogil=True)
def gram_set(data, start, stop, out):  # type: ignore[no-untyped-def]
    """Writes the distinct grams of one key to ``out``, ascending, and returns their number."""
    count = write_grams(data, start, stop, out)
    if count < 2:
        return count
    shell_sort(out, count)
    distinct = 1
    for i in range(1, count):
        if out[i] != out[i - 1]:
            out[distinct] = out[i]
            distinct += 1
    return distinct


@njit(cache=True, nogil=True, inline="always")
def hash_bytes(data, start, stop, state):  # type: ignore[no-untyped-def]
    """Returns the FNV-1a hash of bytes, continued from ``state`` (0 at the start of a key)."""
    if state == 0:
        state = _FNV_OFFSET
    for i in range(start, stop):
        state = (state ^ np.uint64(data[i])) * _FNV_PRIME
    return state


def key_hash(key: str) -> int:
    """Returns the hash of a text in trained tables: 64 bits of FNV-1a, never 0."""
    return int(_hash(np.frombuffer(key.encode("utf-8", "surrogatepass"), np.uint8)))


@njit(cache=True, nogil=True)
def _hash(data):  # type: ignore[no-untyped-def]
    return hash_bytes(data, 0, data.size, np.uint64(0))


@njit(cache=True, nogil=True, inline="always")
def _slot(state, mask):  # type: ignore[no-untyped-def]
    mixed = (state ^ (state >> _33)) * _MIX
    return np.int64((mixed ^ (mixed >> _33)) & np.uint64(mask))


@njit(cache=True, nogil=True)
def table_find(table, offsets, keys, data, start, stop, state):  # type: ignore[no-untyped-def]
    """Finds a key in an open-addressing hash table; returns its slot, and its id or -1.

    Args:
        table: uint32, of a power-of-two length: id + 1, or 0 for an empty slot.
        offsets, keys: the bytes of the keys, by id.
        data, start, stop: the bytes of the key to find.
        state: their :func:`hash_bytes`.
    """
    mask = table.size - 1
    slot = _slot(state, mask)
    while table[slot] != 0:
        found = np.int64(table[slot]) - 1
        begin = offsets[found]
        if offsets[found + 1] - begin == stop - start:
            same = True
            for i in range(stop - start):
                if keys[begin + i] != data[start + i]:
                    same = False
                    break
            if same:
                return slot, found
        slot = (slot + 1) & mask
    return slot, np.int64(-1)


@njit(cache=True, nogil=True)
def find(table, offsets, keys, data):  # type: ignore[no-untyped-def]
    """Returns the id of the key with these bytes, or -1."""
    state = hash_bytes(data, 0, data.size, np.uint64(0))
    return table_find(table, offsets, keys, data, 0, data.size, state)[1]


@njit(cache=True, nogil=True)
def gram_id(codes, ids, gram):  # type: ignore[no-untyped-def]
    """Returns the id of a gram, or -1; ``codes`` ascend, and ``ids`` are their ids."""
    low, high = 0, codes.size
    while low < high:
        middle = (low + high) >> 1
        if codes[middle] < gram:
            low = middle + 1
        else:
            high = middle
    if low < codes.size and codes[low] == gram:
        return np.int64(ids[low])
    return np.int64(-1)


def table_size(entries: int) -> int:
    """Returns the number of slots of a hash table: a power of two, at most 5/8 full."""
    return 1 << max(4, int(np.ceil(np.log2(max(entries, 1) * 1.6))))
