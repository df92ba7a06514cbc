"""All pairs of 64-bit hashes that differ in few bits, exactly, without looking at all pairs.

After Norouzi, Punjani and Fleet, "Fast search in Hamming space with multi-index hashing" (CVPR
2012).  The 64 bits are cut into ``m`` parts.  If two hashes differ in at most ``d = m·r + a`` bits
(``a < m``), then one of the first ``a + 1`` parts differs in at most ``r`` bits, or one of the
others in at most ``r - 1``: else they would differ in more than ``d``.  So hashes are kept by each
part's value, and a query looks at the values within that many bits.  ``m`` is what costs least for
so many hashes; for few hashes, comparing with all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import SettingsError

__all__ = ["MOST", "HashIndex"]

#: The largest distance; further apart, nothing is a near-duplicate, and any two hashes may be.
MOST = 16
#: Bits of a part at most: its table has two to that many entries.
_WIDEST = 22
#: What one probe costs, counted in hashes looked at: it waits for memory.
_PROBE = 4

Hashes = NDArray[np.uint64]
Ints = NDArray[np.int64]


class _Part(NamedTuple):
    shift: int
    width: int
    radius: int

    @property
    def values(self) -> int:
        return sum(comb(self.width, flips) for flips in range(self.radius + 1))


class _Table(NamedTuple):
    """The hashes by the value of one part."""

    part: _Part
    begins: Ints
    hashes: Hashes
    numbers: Ints
    flips: Hashes


class HashIndex:
    """Hashes to find.

    Args:
        hashes: distinct ones; copies would be found pair by pair.
        distance: the most bits that a query may differ in.

    Raises:
        SettingsError: a distance below 0 or above :data:`MOST`.

    >>> index = HashIndex(np.array([0b0000, 0b0111, 0b1111], np.uint64), distance=1)
    >>> index.near(np.array([0b0001], np.uint64)).tolist()  # query, hash, distance
    [[0, 0, 1]]
    """

    def __init__(self, hashes: Hashes, distance: int) -> None:
        if not 0 <= distance <= MOST:
            raise SettingsError(f"distance is {distance}, expected 0 to {MOST}")
        self._hashes = np.ascontiguousarray(hashes, dtype=np.uint64)
        self._distance = distance
        self._tables = [self._table(part) for part in _cheapest(len(hashes), distance)]

    def __len__(self) -> int:
        return len(self._hashes)

    def near(self, queries: Hashes, *, threads: int | None = None) -> Ints:
        """All pairs of a query and a hash within the distance.

        Args:
            queries: hashes; any number.
            threads: how many search at once; every core if not given.

        Returns:
            Rows of (query, hash, distance), ascending.
        """
        return self._search(np.ascontiguousarray(queries, dtype=np.uint64), False, threads)

    def pairs(self, *, threads: int | None = None) -> Ints:
        """All pairs among the hashes themselves, each once, the lower number first."""
        return self._search(self._hashes, True, threads)

    def _table(self, part: _Part) -> _Table:
        mask = np.uint64((1 << part.width) - 1)
        values = ((self._hashes >> np.uint64(part.shift)) & mask).astype(np.uint32)
        order = np.argsort(values, kind="stable")
        counts = np.bincount(values, minlength=1 << part.width)
        begins = np.concatenate([[0], np.cumsum(counts)])
        flips = [
            sum(1 << bit for bit in some)
            for radius in range(part.radius + 1)
            for some in combinations(range(part.width), radius)
        ]
        return _Table(part, begins, self._hashes[order], order, np.array(flips, np.uint64))

    def _search(self, queries: Hashes, own: bool, threads: int | None) -> Ints:
        from concept_linker.retrieval.near_duplicates.probing import probe, scan

        workers = threads or os.cpu_count() or 1
        step = max(256, -(-len(queries) // (8 * workers)))
        distance = np.uint64(self._distance)
        jobs: list[Callable[[], Ints]] = []
        if not self._tables:
            for begin in range(0, len(queries), step):
                some = queries[begin : begin + step]
                jobs.append(lambda a=some, b=begin: scan(a, b, self._hashes, distance, own))  # type: ignore[misc]
        earlier: list[tuple[int, int, int]] = []
        for table in self._tables:
            shift, width, radius = table.part
            mask = (1 << width) - 1
            before = np.array(earlier, np.uint64).reshape(-1, 3)
            arrays = (np.uint64(shift), np.uint64(mask), *table[1:], before, distance, own)
            for begin in range(0, len(queries), step):
                some = queries[begin : begin + step]
                jobs.append(lambda a=some, b=begin, c=arrays: probe(a, b, *c))  # type: ignore[misc]
            earlier.append((shift, mask, radius))
        with ThreadPoolExecutor(workers) as pool:
            found = [done.result() for done in [pool.submit(job) for job in jobs]]
        pairs = np.concatenate([np.empty((0, 3), np.int64), *found])
        return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _parts(count: int, distance: int) -> list[_Part]:
    """Returns the parts of a split of the hashes that a search has to compare."""
    radius, more = divmod(distance, count)
    parts, shift = [], 0
    for number in range(count):
        width = (64 - shift) // (count - number)
        own = radius if number <= more else radius - 1
        if own >= 0:
            parts.append(_Part(shift, width, own))
        shift += width
    return parts


def _cheapest(hashes: int, distance: int) -> list[_Part]:
    """The cut that costs least a query; none where it is cheapest to look at all."""
    best: list[_Part] = []
    least = float(hashes)
    for count in range(2, 17):
        parts = _parts(count, distance)
        if max(part.width for part in parts) > _WIDEST:
            continue
        cost = sum(part.values * (_PROBE + hashes / 2**part.width) for part in parts)
        if cost < least:
            best, least = parts, cost
    return best
