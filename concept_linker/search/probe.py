"""Search for the names nearest to a query, compiled: exact, with bounds that skip most keys.

The vector of a key has the weight w_g at each of its grams; ``norm`` is its squared length, an
integer.  For a query q and a key d

    cos(q, d) = dot / sqrt(norm_q · norm_d),   dot = sum of w_g² over the grams both have.

Grams are numbered from the heaviest (rarest) on, and keys by norm.  A key must reach the *floor*:
the threshold, and later the k-th best similarity.  Few keys, whose sums fit into the CPU cache, are
scanned (:func:`~concept_linker.search.scan.scan`); many keys are *probed*, as follows.

If g is the heaviest gram that q and d share, g and the grams after it include all shared grams, so
dot ≤ min(rest_q(g), rest_d(g)), where ``rest`` is the sum of w² from g on.  A key can
therefore reach the floor t only if

    rest_d(g) / norm_d ≥ t sqrt(norm_q / norm_d)   and   norm_d ≤ rest_q(g)² / (t² norm_q).

The postings of a gram are grouped in classes of rest_d(g) / norm_d, so the keys that may reach t
are one range of each class, and only these are read.  For each of them, a signature of 128 bits,
with one set for each gram of the key, gives an upper bound of the dot product. Keys that pass are
scored exactly from their grams.  The query's grams are processed from the heaviest on until
rest_q(g) is too small, so the long postings of common grams are rarely read.  Signatures are
prefetched, which makes the search four times as fast for ten million names.  (These are the prefix
and length filters of PPJoin, Xiao et al., WWW 2008, on both sides, for weighted sets and a rising
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

#: Number of bits of a key's signature: gram g sets bit g mod 128.
SIGNATURE = 128

#: Number of classes of rest_d(g) / norm_d in the postings of a gram.
CLASSES = 16

#: Number of steps of sqrt(norm) for which the first key is stored.
MARKS = 4096

# Number of keys of a class that are processed at a time.
_BLOCK = 64


class Scratch(NamedTuple):
    """Working memory of a search; each thread has its own.

    Args:
        squares: int32 of shape (grams,): the squared weights of the query's grams, else 0.
        is_scored: uint8 of shape (keys,): 1 for keys that have been scored (probing only).
        scored: int32 of shape (keys,): the keys whose ``is_scored`` is 1 (probing only).
        dots: int32 of shape (blocks, keys per block): the dot products (scanning only).
    """

    squares: NDArray[Any]
    is_scored: NDArray[Any]
    scored: NDArray[Any]
    dots: NDArray[Any]


@njit(cache=True, nogil=True)
def _signature_sums(gram_ids, squares, sums):  # type: ignore[no-untyped-def]
    """Tabulates sums[b, v]: the squared weights of query grams whose bit is set if byte b is v."""
    weights = np.zeros(SIGNATURE, np.int32)
    for gram in gram_ids:
        weights[gram & (SIGNATURE - 1)] += squares[gram]
    for byte in range(SIGNATURE // 8):
        row = sums[byte]
        row[0] = 0
        for bit in range(8):
            weight = weights[byte * 8 + bit]
            half = 1 << bit
            lower, upper = row[:half], row[half : 2 * half]
            for value in range(half):
                upper[value] = lower[value] + weight


@njit(cache=True, nogil=True)
def _without(sums, gram, square):  # type: ignore[no-untyped-def]
    """Subtracts a gram from the sums."""
    row = sums[(gram & (SIGNATURE - 1)) >> 3]
    bit = gram & 7
    for value in range(256):
        row[value] -= square * ((value >> bit) & 1)


@njit(cache=True, nogil=True)
def _first_at_least(ascending, begin, end, least):  # type: ignore[no-untyped-def]
    """Returns the first index in ``ascending[begin:end]`` with at least ``least``, or ``end``."""
    while begin < end:
        middle = (begin + end) >> 1
        if ascending[middle] < least:
            begin = middle + 1
        else:
            end = middle
    return begin


@njit(cache=True, nogil=True)
def _passing(keys, signatures, sums, need, is_scored, passed):  # type: ignore[no-untyped-def]
    """Writes to ``passed`` the unscored keys whose signature allows a dot product of ``need``.

    Returns the number of these keys.
    """
    count = 0
    for key in keys:
        signature = signatures[key]
        most = np.int32(0)
        for byte in range(SIGNATURE // 8):
            most += sums[byte, signature[byte]]
        passed[count] = key
        count += most >= need
    left = 0
    for key in passed[:count]:
        passed[left] = key
        left += is_scored[key] == 0
    return left


@njit(cache=True, nogil=True)
def _score(keys, key_begins, key_grams, norms, squares, norm, similarities):  # type: ignore[no-untyped-def]
    """Computes the cosine of each key; no key waits for the memory of the one before."""
    for j in range(keys.size):
        key = keys[j]
        dot = np.int64(0)
        for gram in key_grams[key_begins[key] : key_begins[key + 1]]:
            dot += squares[gram]
        similarities[j] = np.float64(dot) / np.sqrt(norm * np.float64(norms[key]))


@njit(cache=True, nogil=True)
def _probe(index, names, scratch, sums, gram_ids, rest, norm, floor, best, size):  # type: ignore[no-untyped-def]
    """Finds keys that reach the floor by the heaviest grams of the query, and inserts them.

    Returns the number of entries.
    """
    squares, is_scored, scored = scratch.squares, scratch.is_scored, scratch.scored
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
            # Lighter keys of this class cannot reach the floor; lower classes need heavier keys.
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
                # norms ascend, so the need of this key is a lower bound for the next ones
                need = np.int64(floor * np.sqrt(norm * norms[entries[at]]) * SLACK)
                block = entries[at : min(at + _BLOCK, stop)]
                at += _BLOCK
                count = _passing(block, index.signatures, sums, need, is_scored, passed)
                _score(
                    passed[:count], index.key_begins, index.key_grams, norms, squares, norm,
                    similarities,
                )  # fmt: skip
                for j in range(count):
                    is_scored[passed[j]] = 1
                    scored[number] = passed[j]
                    number += 1
                    if similarities[j] >= floor:
                        size = offer(best, size, names, np.int64(passed[j]), similarities[j])
                        if size == best.places.size:
                            floor = max(floor, best.similarities[size - 1])
        # All keys with this gram have been scored or cannot reach the floor, so the bounds of the
        # remaining keys need not include it.
        _without(sums, gram, squares[gram])
    for i in range(number):
        is_scored[scored[i]] = 0
    return size


@njit(cache=True, nogil=True)
def _search(  # type: ignore[no-untyped-def]
    index, names, scratch, sums, data, begin, end, grams, gram_ids, rest, threshold, best, size
):
    """Searches one key of a query and returns the number of entries."""
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
    query = gram_ids[:known]
    floor = threshold
    if size == best.places.size:
        floor = max(floor, best.similarities[size - 1])
    if scratch.dots.size:
        size = scan(index, scratch, names, query, norm, floor, best, size)
    else:
        rest[known] = 0.0
        for i in range(known - 1, -1, -1):
            rest[i] = rest[i + 1] + squares[query[i]]
        size = _probe(index, names, scratch, sums, query, rest, norm, floor, best, size)
    for gram in query:
        squares[gram] = 0
    return size


@njit(cache=True, nogil=True)
def search_many(index, names, scratch, data, offsets, groups, threshold, found, counts, exact):  # type: ignore[no-untyped-def]
    """Searches every query; a query is a group of keys, the keys of one text.

    Args:
        index: :class:`~concept_linker.search.vectors.Vectors`.
        names: :class:`~concept_linker.search.best.Names`.
        scratch: :class:`Scratch`, all 0; it is all 0 again afterwards.
        data, offsets: the UTF-8 bytes of the keys, and where each begins.
        groups: int64 of shape (queries + 1,): where the keys of each query begin.
        threshold: the lowest similarity.
        found: output, :class:`~concept_linker.search.best.Best` with arrays of shape (queries, k),
            best first.  Names whose key equals one of the query's come before all others.
        counts: output, int64 of shape (queries,): the number of concepts found.
        exact: output, int64 of shape (keys of all queries,): the equal key of the index, or -1.
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
                size = offer(best, size, names, key, 2.0)  # above any cosine
        for j in range(groups[i], groups[i + 1]):
            size = _search(
                index, names, scratch, sums, data, offsets[j], offsets[j + 1],
                grams, gram_ids, rest, threshold, best, size,
            )  # fmt: skip
        for j in range(size):
            best.similarities[j] = min(best.similarities[j], 1.0)
        counts[i] = size
