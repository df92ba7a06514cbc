"""The search for the concepts with the names nearest to a query, compiled.

Exact, and as little work as a proof needs.  A key's vector has the weight w_g at each of its
grams; ``norm`` is its squared length, a whole number.  For a query q and a key d

    cos(q, d) = dot / sqrt(norm_q · norm_d),   dot = sum of w_g² over the grams both have.

Grams are numbered from the heaviest (rarest) on, and keys by norm.  What a key must reach, the
*floor*, is the threshold, and later the k-th best similarity.  There are two ways, by what the
cache holds: few keys are :func:`~concept_linker.search.scan.scan`-ned, many *probed*.

If g is the heaviest gram that q and d share, all that they share is in what follows g on either
side, so dot ≤ min(rest_q(g), rest_d(g)), where ``rest`` is the sum of w² from g on.  A key can
therefore reach the floor t only if

    rest_d(g) / norm_d ≥ t sqrt(norm_q / norm_d)   and   norm_d ≤ rest_q(g)² / (t² norm_q).

The postings of a gram are kept in classes of rest_d(g) / norm_d; so what may reach t is one range
of each class, and only that is read.  For every key in it a signature of 128 bits, one set for
each gram that the key has, bounds its dot product from above; what passes is scored exactly from
its grams.  The query's grams are read from the heaviest on until rest_q(g) is too small; the
common grams with the long lists are hardly ever touched.  Which signatures come next is known, so
they are fetched ahead: with ten million names that is four times as fast.  (Prefix and length
filters as in PPJoin, Xiao et al., WWW 2008, on both sides, for weighted sets and a rising
threshold.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit
from concept_linker.search.best import Best, offer
from concept_linker.search.grams import find, gram_id, gram_set, shell_sort
from concept_linker.search.prefetch import fetch
from concept_linker.search.scan import scan
from concept_linker.search.vectors import SLACK

__all__ = ["CLASSES", "MARKS", "SIGNATURE", "Scratch", "search_many"]

#: Bits in the signature of a key: gram g sets bit g mod 128.
SIGNATURE = 128

#: Classes of rest_d(g) / norm_d in the postings of a gram.
CLASSES = 16

#: Steps of sqrt(norm) for which is known where keys of that norm begin.
MARKS = 4096

# Keys of one class are looked at so many at a time.
_BLOCK = 64


class Scratch(NamedTuple):
    """What a search needs for itself; each thread has its own.

    Args:
        squares: int32, one a gram: the squared weights of the query's grams, else 0.
        seen: uint8, one a key: 1 for those that have been scored.  (When probing.)
        met: int32, one a key: those whose ``seen`` is 1.  (When probing.)
        dots: int32 of shape (blocks, keys in a block): what has been added up.  (When scanning.)
    """

    squares: NDArray[Any]
    seen: NDArray[Any]
    met: NDArray[Any]
    dots: NDArray[Any]


@njit(cache=True, nogil=True)
def _signature_sums(gram_ids, squares, sums):  # type: ignore[no-untyped-def]
    """sums[b, v]: the squared weights of the query's grams whose bit is set in byte b = v."""
    weights = np.zeros(SIGNATURE, np.int32)
    for gram in gram_ids:
        weights[gram & (SIGNATURE - 1)] += squares[gram]
    for byte in range(SIGNATURE // 8):
        own = sums[byte]
        own[0] = 0
        for bit in range(8):
            weight = weights[byte * 8 + bit]
            half = 1 << bit
            lower, upper = own[:half], own[half : 2 * half]
            for value in range(half):
                upper[value] = lower[value] + weight


@njit(cache=True, nogil=True)
def _without(sums, gram, square):  # type: ignore[no-untyped-def]
    """Takes a gram out of the sums."""
    own = sums[(gram & (SIGNATURE - 1)) >> 3]
    bit = gram & 7
    for value in range(256):
        own[value] -= square * ((value >> bit) & 1)


@njit(cache=True, nogil=True)
def _first_at_least(ascending, begin, end, wanted):  # type: ignore[no-untyped-def]
    """The first place in ``ascending[begin:end]`` that holds at least ``wanted``, or ``end``."""
    while begin < end:
        middle = (begin + end) >> 1
        if ascending[middle] < wanted:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit(cache=True, nogil=True)
def _passing(keys, signatures, sums, need, seen, passed):  # type: ignore[no-untyped-def]
    """Fills ``passed`` with the keys not seen whose signature allows a dot product of ``need``."""
    count = 0
    for key in keys:
        own = signatures[key]
        most = np.int32(0)
        for byte in range(SIGNATURE // 8):
            most += sums[byte, own[byte]]
        passed[count] = key
        count += most >= need
    left = 0
    for key in passed[:count]:
        passed[left] = key
        left += seen[key] == 0
    return left


@njit(cache=True, nogil=True)
def _score(keys, key_begins, key_grams, norms, squares, norm, similarities):  # type: ignore[no-untyped-def]
    """The cosine of each key: nothing in here waits for the memory of the key before."""
    for j in range(keys.size):
        key = keys[j]
        dot = np.int64(0)
        for gram in key_grams[key_begins[key] : key_begins[key + 1]]:
            dot += squares[gram]
        similarities[j] = np.float64(dot) / np.sqrt(norm * np.float64(norms[key]))


@njit(cache=True, nogil=True)
def _probe(index, names, scratch, sums, gram_ids, rest, norm, floor, best, size):  # type: ignore[no-untyped-def]
    """Finds what may reach the floor by the query's heaviest grams; returns how many there are."""
    squares, seen, met = scratch.squares, scratch.seen, scratch.met
    entries, norms, marks = index.postings, index.norms, index.marks
    passed = np.empty(_BLOCK, np.uint32)
    similarities = np.empty(_BLOCK, np.float64)
    _signature_sums(gram_ids, squares, sums)
    number = 0
    for i in range(gram_ids.size):
        least = floor * floor * norm * SLACK
        if rest[i] < least:
            break
        gram = gram_ids[i]
        high = norms.size
        if least > 0.0:
            root = rest[i] / np.sqrt(least) * index.marks_per_root
            if root < MARKS - 1:
                high = marks[np.int64(root) + 1]
        for c in range(CLASSES - 1, -1, -1):
            at = index.begins[gram * CLASSES + c]
            stop = index.begins[gram * CLASSES + c + 1]
            if at == stop:
                continue
            # Of this class, a key may be too light, and in lower ones only heavier keys are not.
            root = floor * np.sqrt(norm) * SLACK * CLASSES / (c + 1.0) * index.marks_per_root
            low = marks[min(np.int64(root), MARKS - 1)]
            if low >= high:
                break
            if entries[at] >= high or entries[stop - 1] < low:
                continue
            at = _first_at_least(entries, at, stop, low)
            stop = _first_at_least(entries, at, stop, high)
            for ahead in range(at, min(at + _BLOCK, stop)):
                fetch(index.signatures, np.int64(entries[ahead]))  # type: ignore[call-arg]
            while at < stop:
                for ahead in range(at + _BLOCK, min(at + 2 * _BLOCK, stop)):
                    fetch(index.signatures, np.int64(entries[ahead]))  # type: ignore[call-arg]
                # norms ascend, so that what this key needs bounds what the next ones need
                need = np.int64(floor * np.sqrt(norm * norms[entries[at]]) * SLACK)
                block = entries[at : min(at + _BLOCK, stop)]
                at += _BLOCK
                count = _passing(block, index.signatures, sums, need, seen, passed)
                _score(
                    passed[:count], index.key_begins, index.key_grams, norms, squares, norm,
                    similarities,
                )  # fmt: skip
                for j in range(count):
                    seen[passed[j]] = 1
                    met[number] = passed[j]
                    number += 1
                    if similarities[j] >= floor:
                        size = offer(best, size, names, np.int64(passed[j]), similarities[j])
                        if size == best.places.size:
                            floor = max(floor, best.similarities[size - 1])
        # A key with this gram has been scored or cannot reach the floor: from here on no bound
        # needs to count it.
        _without(sums, gram, squares[gram])
    for i in range(number):
        seen[met[i]] = 0
    return size


@njit(cache=True, nogil=True)
def _search(  # type: ignore[no-untyped-def]
    index, names, scratch, sums, data, begin, end, grams, gram_ids, rest, threshold, best, size
):
    """One key; goes on with the best so far, and returns how many there are."""
    squares = scratch.squares
    norm = 0.0
    known = 0
    for i in range(gram_set(data, begin, end, grams)):
        gram = gram_id(index.codes, index.code_ids, grams[i])
        weight = np.int64(index.unknown_weight)
        if gram >= 0:
            weight = np.int64(index.weights[gram])
            gram_ids[known] = gram
            known += 1
            squares[gram] = weight * weight
        norm += weight * weight
    if known == 0:
        return size
    shell_sort(gram_ids, np.int64(known))
    own = gram_ids[:known]
    floor = threshold
    if size == best.places.size:
        floor = max(floor, best.similarities[size - 1])
    if scratch.dots.size:
        size = scan(index, scratch, names, own, norm, floor, best, size)
    else:
        rest[known] = 0.0
        for i in range(known - 1, -1, -1):
            rest[i] = rest[i + 1] + squares[own[i]]
        size = _probe(index, names, scratch, sums, own, rest, norm, floor, best, size)
    for gram in own:
        squares[gram] = 0
    return size


@njit(cache=True, nogil=True)
def search_many(index, names, scratch, data, offsets, groups, threshold, found, counts, exact):  # type: ignore[no-untyped-def]
    """Searches every query, which is a group of keys (the forms of one text).

    Args:
        index: :class:`~concept_linker.search.vectors.Vectors`.
        names: :class:`~concept_linker.search.best.Names`.
        scratch: :class:`Scratch`; all 0, and all 0 again afterwards.
        data, offsets: the keys' UTF-8 bytes.
        groups: int64, one more than queries: where the keys of each query begin.
        threshold: the least similarity.
        found: :class:`~concept_linker.search.best.Best` with arrays of shape (queries, k);
            filled in, best first.  Names whose key equals one of the query's come first of all.
        counts: int64, one a query: how many were found; filled in.
        exact: int64, one a key of the queries: the index's key that equals it, or -1; filled in.
    """
    longest = 0
    for i in range(offsets.size - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    grams = np.empty(longest + 1, np.uint64)
    gram_ids = np.empty(longest + 1, np.int64)
    rest = np.empty(longest + 2, np.float64)
    sums = np.empty((SIGNATURE // 8, 256), np.int32)
    for i in range(groups.size - 1):
        best = Best(found.concepts[i], found.places[i], found.similarities[i])
        size = np.int64(0)
        for j in range(groups[i], groups[i + 1]):
            key = find(index.table, index.offsets, index.bytes, data[offsets[j] : offsets[j + 1]])
            exact[j] = key
            if key >= 0:
                size = offer(best, size, names, key, 2.0)  # above all that is not equal
        for j in range(groups[i], groups[i + 1]):
            size = _search(
                index, names, scratch, sums, data, offsets[j], offsets[j + 1],
                grams, gram_ids, rest, threshold, best, size,
            )  # fmt: skip
        for j in range(size):
            best.similarities[j] = min(best.similarities[j], 1.0)
        counts[i] = size
