"""Compiled parts of the comparison of captions."""

from __future__ import annotations

import numpy as np

from concept_linker.runtime.compiling import njit

__all__ = ["join", "shingle"]

_BLANK = 32


@njit(cache=True, nogil=True, inline="always")
def _mix(x):  # type: ignore[no-untyped-def]
    """A random-looking order of 64-bit numbers (the finaliser of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True)
def shingle(text, begins, size):  # type: ignore[no-untyped-def]
    """The distinct runs of words of each text, as ascending hashes.

    Args:
        text: the bytes of all texts; words are parted by single blanks.
        begins: where each begins; one more than texts.
        size: words of a run; a shorter text is one run.

    Returns:
        The hashes, and where those of each text begin.
    """
    found = np.empty(text.size + begins.size, np.uint64)
    ends = np.zeros(begins.size, np.int64)
    words = np.empty(text.size + 1, np.uint64)
    total = 0
    for number in range(begins.size - 1):
        count = 0
        value = np.uint64(0xCBF29CE484222325)
        begin, end = begins[number], begins[number + 1]
        for i in range(begin, end + 1):
            if i == end or text[i] == _BLANK:
                if i > begin:
                    words[count] = _mix(value)
                    count += 1
                value = np.uint64(0xCBF29CE484222325)
            else:
                value = (value ^ np.uint64(text[i])) * np.uint64(0x100000001B3)
        first = total
        for i in range(max(1, count - size + 1)):
            value = np.uint64(0)
            for j in range(i, min(i + size, count)):
                value = _mix(value * np.uint64(31) + words[j] + np.uint64(1))
            if count:
                found[total] = value
                total += 1
        own = np.unique(found[first:total])
        found[first : first + own.size] = own
        total = first + own.size
        ends[number + 1] = total
    return found[:total].copy(), ends


@njit(cache=True, nogil=True)
def join(keys, owners, index, index_begins, texts, text_begins, least):  # type: ignore[no-untyped-def]
    """All pairs of an indexed text and a text that are alike.

    Args:
        keys, owners: the leading hashes of the indexed texts, ascending, and whose they are.
        index, index_begins: all hashes of the indexed texts.
        texts, text_begins: all hashes of the texts to compare.
        least: the least similarity.

    Returns:
        Rows of text and indexed text, and their similarities.
    """
    pairs = np.empty((64, 2), np.int64)
    similarities = np.empty(64, np.float64)
    size = 0
    seen = np.full(index_begins.size, -1, np.int64)
    for text in range(text_begins.size - 1):
        begin, end = text_begins[text], text_begins[text + 1]
        own = end - begin
        leading = own - np.int64(np.ceil(least * own - 1e-9)) + 1 if own else 0
        for i in range(begin, begin + min(leading, own)):
            at = np.searchsorted(keys, texts[i])
            while at < keys.size and keys[at] == texts[i]:
                other = owners[at]
                at += 1
                if seen[other] == text:
                    continue
                seen[other] = text
                a, b = begin, index_begins[other]
                stop = index_begins[other + 1]
                count = stop - b
                if min(own, count) < least * max(own, count) - 1e-9:
                    continue
                shared = 0
                while a < end and b < stop:
                    if texts[a] == index[b]:
                        shared += 1
                        a += 1
                        b += 1
                    elif texts[a] < index[b]:
                        a += 1
                    else:
                        b += 1
                similarity = shared / (own + count - shared)
                if similarity >= least - 1e-12:
                    if size == similarities.size:
                        wider = np.empty((2 * size, 2), np.int64)
                        wider[:size] = pairs
                        pairs = wider
                        longer = np.empty(2 * size, np.float64)
                        longer[:size] = similarities
                        similarities = longer
                    pairs[size, 0], pairs[size, 1] = text, other
                    similarities[size] = similarity
                    size += 1
    return pairs[:size].copy(), similarities[:size].copy()
