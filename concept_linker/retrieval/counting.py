"""Compiled counting over a tile of similarities: how many reach a bound, and what is largest.

A tile has queries of one direction in its rows and of the other in its columns, so one product
serves both.  A tile in double precision is taken as it is.  One in single precision tells on
which side of a bound a similarity lies wherever that is further off than it can be wrong; what
is nearer is computed again from the rows, in double precision.  So both give the same counts.
The loops that count run along memory and have no branch; only a stretch that has something to be
computed again is gone through once more.
"""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit

__all__ = ["count_columns", "count_rows"]

#: Columns that are looked at together.
_STRETCH = 256


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _dot(one, other):  # type: ignore[no-untyped-def]
    total = 0.0
    for i in range(one.size):
        total += one[i] * other[i]
    return total


@njit(cache=True, nogil=True)
def count_rows(tile, left, right, targets, reached, above, top, where, first, near, tie):  # type: ignore[no-untyped-def]
    """Counts along rows.

    Args:
        tile: similarities.
        left, right: the unit rows that they are of.
        targets: of shape (targets, rows): the similarities to compare with.
        reached, above: the same shape: how many are as similar or more, and how many are more;
            added to.
        top, where: the largest similarity so far of each row, and its item, the first of equals.
        first: the item of the tile's first column.
        near: how far a similarity of the tile may be off; 0 takes it as it is.
        tie: similarities that differ by no more are equal.
    """
    margin = max(near, tie)
    for i in range(tile.shape[0]):
        bar = tile.dtype.type(top[i] - near)
        for begin in range(0, tile.shape[1], _STRETCH):
            row = tile[i, begin : begin + _STRETCH]
            for target in range(targets.shape[0]):
                wanted = targets[target, i]
                least, most = tile.dtype.type(wanted - margin), tile.dtype.type(wanted + margin)
                some = 0
                more = 0
                for j in range(row.size):
                    some += row[j] >= least
                    more += row[j] > most
                if near and some > more:
                    some = more
                    for j in range(row.size):
                        if row[j] >= least and not row[j] > most:
                            value = _dot(left[i], right[begin + j])
                            some += value >= wanted - tie
                            more += value > wanted + tie
                reached[target, i] += some
                above[target, i] += more
            better = 0
            for j in range(row.size):
                better += row[j] > bar
            if better:
                for j in range(row.size):
                    if row[j] > bar:
                        value = _dot(left[i], right[begin + j]) if near else np.float64(row[j])
                        if value > top[i] + tie:
                            top[i] = value
                            where[i] = first + begin + j
                            bar = tile.dtype.type(value - near)


@njit(cache=True, nogil=True)
def count_columns(tile, left, right, targets, reached, above, top, where, first, near, tie):  # type: ignore[no-untyped-def]
    """Counts along columns; as :func:`count_rows`, with rows and columns changed."""
    margin = max(near, tie)
    for begin in range(0, tile.shape[1], _STRETCH):
        end = min(begin + _STRETCH, tile.shape[1])
        wanted = targets[:, begin:end]
        least, most = np.empty(wanted.shape, tile.dtype), np.empty(wanted.shape, tile.dtype)
        bar = np.empty(end - begin, tile.dtype)
        for j in range(end - begin):
            bar[j] = top[begin + j] - near
            for target in range(wanted.shape[0]):
                least[target, j] = wanted[target, j] - margin
                most[target, j] = wanted[target, j] + margin
        for i in range(tile.shape[0]):
            row = tile[i, begin:end]
            for target in range(wanted.shape[0]):
                low, high = least[target], most[target]
                some, more = reached[target, begin:end], above[target, begin:end]
                unsure = 0
                for j in range(row.size):
                    over, under = row[j] > high[j], row[j] >= low[j]
                    more[j] += over
                    some[j] += under
                    unsure += under ^ over
                if near and unsure:
                    for j in range(row.size):
                        if row[j] >= low[j] and not row[j] > high[j]:
                            value = _dot(left[i], right[begin + j])
                            some[j] += np.int64(value >= wanted[target, j] - tie) - 1
                            more[j] += value > wanted[target, j] + tie
            better = 0
            for j in range(row.size):
                better += row[j] > bar[j]
            if better:
                for j in range(row.size):
                    if row[j] > bar[j]:
                        value = _dot(left[i], right[begin + j]) if near else np.float64(row[j])
                        if value > top[begin + j] + tie:
                            top[begin + j] = value
                            where[begin + j] = first + i
                            bar[j] = value - near
