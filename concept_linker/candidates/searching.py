"""The search for the nearest keys of one query, compiled: exact, and as little as a proof needs.

A key's vector has the weight w_g at each of its grams; ``norm`` is its squared length, a whole
number.  For a query q and a key d

    cos(q, d) = dot / sqrt(norm_q · norm_d),   dot = sum of w_g² over the grams both have.

Grams are numbered from the heaviest (rarest) on, in the query and in every key alike.  If g is the
heaviest gram that q and d share, all that they share is in what follows g on either side, so

    dot ≤ min(rest_q(g), rest_d(g)),

where ``rest`` is the sum of w² from g on.  A key can therefore reach the threshold t only if

    rest_d(g) / norm_d ≥ t sqrt(norm_q / norm_d)   and   norm_d ≤ rest_q(g)² / (t² norm_q).

Keys are numbered by norm, and the postings of a gram are kept in classes of rest_d(g) / norm_d;
so what may reach t is one range of each class, found by bisection, and only that is read.  For
every key in it a signature of 128 bits, one set for each gram that the key has, bounds its dot
product from above; what passes is scored exactly from its grams.  The k-th best similarity
raises t.  The query's grams are read from the heaviest on until rest_q(g) is too small; the common
grams with the long lists are hardly ever touched.  (Prefix and length filters as in PPJoin,
Xiao et al., WWW 2008, on both sides, for weighted sets and a rising threshold.)
"""

from __future__ import annotations

import numpy as np
from numba import njit

from concept_linker.candidates.grams import gram_id, gram_set, shell_sort

__all__ = ["CLASSES", "SIGNATURE", "search_many"]

#: Bits in the signature of a key: gram g sets bit g mod 128.
SIGNATURE = 128

#: Classes of rest_d(g) / norm_d in the postings of a gram.
CLASSES = 16

# Bounds are computed in floating point; this keeps them on the safe side of rounding.
_SLACK = 1.0 - 1e-9


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
def _worse(similarity, key, other_similarity, other):  # type: ignore[no-untyped-def]
    return similarity < other_similarity or (similarity == other_similarity and key > other)


@njit(cache=True, nogil=True)
def _push(ids, similarities, size, k, key, similarity):  # type: ignore[no-untyped-def]
    """Offers a key to the heap of the k best (the worst on top); returns the heap's new size."""
    if size < k:
        at = size
        size += 1
        while at > 0:
            parent = (at - 1) >> 1
            if not _worse(similarity, key, similarities[parent], ids[parent]):
                break
            ids[at] = ids[parent]
            similarities[at] = similarities[parent]
            at = parent
    else:
        if not _worse(similarities[0], ids[0], similarity, key):
            return size
        at = 0
        while True:
            child = 2 * at + 1
            if child >= size:
                break
            if child + 1 < size and _worse(
                similarities[child + 1], ids[child + 1], similarities[child], ids[child]
            ):
                child += 1
            if not _worse(similarities[child], ids[child], similarity, key):
                break
            ids[at] = ids[child]
            similarities[at] = similarities[child]
            at = child
    ids[at] = key
    similarities[at] = similarity
    return size


@njit(cache=True, nogil=True)
def _best_first(ids, similarities, size):  # type: ignore[no-untyped-def]
    """Turns the heap into a list, best first, by taking the worst off again and again."""
    while size > 1:
        size -= 1
        key, similarity = ids[0], similarities[0]
        last, last_similarity = ids[size], similarities[size]
        ids[size], similarities[size] = key, similarity
        at = 0
        while True:
            child = 2 * at + 1
            if child >= size:
                break
            if child + 1 < size and _worse(
                similarities[child + 1], ids[child + 1], similarities[child], ids[child]
            ):
                child += 1
            if not _worse(similarities[child], ids[child], last_similarity, last):
                break
            ids[at], similarities[at] = ids[child], similarities[child]
            at = child
        ids[at], similarities[at] = last, last_similarity


@njit(cache=True, nogil=True)
def _signature_sums(gram_ids, known, squares, sums):  # type: ignore[no-untyped-def]
    """sums[b, v]: the squared weights of the query's grams whose bit is set in byte b = v."""
    for byte in range(SIGNATURE // 8):
        for value in range(256):
            sums[byte, value] = 0
    for i in range(known):
        bit = gram_ids[i] & (SIGNATURE - 1)
        sums[bit >> 3, 1 << (bit & 7)] += squares[gram_ids[i]]
    for byte in range(SIGNATURE // 8):
        for value in range(1, 256):
            lowest = value & -value
            if lowest != value:
                sums[byte, value] = sums[byte, lowest] + sums[byte, value ^ lowest]


@njit(cache=True, nogil=True)
def _search(  # type: ignore[no-untyped-def]
    query, begin, end, k, threshold,
    codes, code_ids, weights, unknown_weight, begins, entries, norms, key_begins, key_grams,
    signatures, sums, seen, met, squares, grams, gram_ids, rest, found, similarities,
):  # fmt: skip
    """One query; fills ``found`` and ``similarities``, best first; returns how many."""
    count = gram_set(query, begin, end, grams)
    norm = 0.0
    known = 0
    for i in range(count):
        gram = gram_id(codes, code_ids, grams[i])
        weight = np.int64(unknown_weight)
        if gram >= 0:
            weight = np.int64(weights[gram])
            gram_ids[known] = gram
            known += 1
            squares[gram] = weight * weight
        norm += weight * weight
    if known == 0:
        return 0
    shell_sort(gram_ids, known)
    rest[known] = 0.0
    for i in range(known - 1, -1, -1):
        rest[i] = rest[i + 1] + squares[gram_ids[i]]

    _signature_sums(gram_ids, known, squares, sums)
    keys = norms.size
    floor = threshold  # what a key must reach: the threshold, later the k-th best similarity
    best = 0
    number = 0
    for i in range(known):
        least = floor * floor * norm * _SLACK
        if rest[i] < least:
            break
        gram = gram_ids[i]
        high = keys
        if least > 0.0:
            high = _first_at_least(norms, 0, keys, np.floor(rest[i] * rest[i] / least) + 1.0)
        for c in range(CLASSES - 1, -1, -1):
            at = begins[gram * CLASSES + c]
            stop = begins[gram * CLASSES + c + 1]
            if at == stop:
                continue
            share = (c + 1.0) / CLASSES
            lightest = least / (share * share)
            if least > 0.0:
                if norms[entries[stop - 1]] < lightest or entries[at] >= high:
                    continue
                low = _first_at_least(norms, 0, high, lightest)
                if low >= high:
                    break  # lower classes only want heavier keys
                at = _first_at_least(entries, at, stop, low)
            while at < stop:
                key = np.int64(entries[at])
                if key >= high:
                    break
                # norms ascend, so that what this key needs bounds what the next ones need
                need = floor * np.sqrt(norm * np.float64(norms[key])) * _SLACK
                block = min(at + 64, stop)
                while at < block:
                    key = np.int64(entries[at])
                    at += 1
                    most = 0
                    for byte in range(SIGNATURE // 8):
                        most += sums[byte, signatures[key, byte]]
                    if most < need or seen[key]:
                        continue
                    seen[key] = 1
                    met[number] = key
                    number += 1
                    dot = np.int64(0)
                    for j in range(key_begins[key], key_begins[key + 1]):
                        dot += squares[key_grams[j]]
                    similarity = np.float64(dot) / np.sqrt(norm * np.float64(norms[key]))
                    if similarity >= floor:
                        best = _push(found, similarities, best, k, key, similarity)
        if best == k and similarities[0] > floor:
            floor = similarities[0]
        # A key with this gram has been scored or cannot reach the floor: from here on no bound
        # needs to count it.
        bit = gram & (SIGNATURE - 1)
        for value in range(256):
            if value >> (bit & 7) & 1:
                sums[bit >> 3, value] -= squares[gram]
    for i in range(number):
        seen[met[i]] = 0
    for i in range(known):
        squares[gram_ids[i]] = 0
    _best_first(found, similarities, best)
    return best


@njit(cache=True, nogil=True)
def search_many(  # type: ignore[no-untyped-def]
    queries, query_offsets, k, threshold,
    codes, code_ids, weights, unknown_weight, begins, entries, norms, key_begins, key_grams,
    signatures, seen, met, squares, found, similarities, counts,
):  # fmt: skip
    """Searches every query.

    Args:
        queries, query_offsets: the queries' UTF-8 bytes.
        codes, code_ids, weights, unknown_weight, begins, entries, norms, key_begins, key_grams,
            signatures: :class:`~concept_linker.candidates.key_index.KeyIndex`'s arrays.
        seen: uint8 scratch, one a key, all 0; all 0 again afterwards.
        met: int32 scratch, one a key.
        squares: int32 scratch, one a gram, all 0; all 0 again afterwards.
        found, similarities, counts: the answers: (queries, k), (queries, k), (queries,).
    """
    longest = 0
    for i in range(query_offsets.size - 1):
        longest = max(longest, query_offsets[i + 1] - query_offsets[i])
    grams = np.empty(longest + 1, np.uint64)
    gram_ids = np.empty(longest + 1, np.int64)
    rest = np.empty(longest + 2, np.float64)
    sums = np.empty((SIGNATURE // 8, 256), np.int32)
    for i in range(query_offsets.size - 1):
        counts[i] = _search(
            queries, query_offsets[i], query_offsets[i + 1], k, threshold,
            codes, code_ids, weights, unknown_weight, begins, entries, norms, key_begins,
            key_grams, signatures, sums, seen, met, squares, grams, gram_ids, rest,
            found[i], similarities[i],
        )  # fmt: skip
