"""Decodes scores of tags: exact probabilities of spans, and the best set of spans.

The tags of a word are *outside*, and *begin*, *inside*, *last* and *unit* of each group (BILOU);
all words of a mention have the same group.  The forward-backward algorithm sums the weights of all
valid sequences (a linear-chain CRF without learned transitions), so that the probability of any
span is a product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit

__all__ = [
    "LONGEST",
    "are_well_formed",
    "fill_group_probabilities",
    "find_likely_spans",
    "forward_backward",
    "presence_probabilities",
    "select_best",
]

#: The most words of a mention, unless it is given.
LONGEST = 8
# Probabilities are rounded to multiples of 1 / _PARTS.
_PARTS = 1 << 20


@njit(cache=True, nogil=True, fastmath=True)
def forward_backward(scores, groups, weights, before_out, before_in, after_out, after_in):  # type: ignore[no-untyped-def]
    """Sums the weights of all valid tag sequences of one text.

    Args:
        scores: of the tags of each word, float32 of shape (n, 1 + 4 · groups).
        groups: the number of groups.
        weights: filled: the tags' weights, scaled so that the products below are probabilities.
        before_out, before_in: filled, (n + 1) and (n + 1, groups): the weight of all sequences
            before a word, outside a mention and inside one.
        after_out, after_in: filled, the same: of all sequences after it.
    """
    n = scores.shape[0]
    b, m, e, u = 1, 1 + groups, 1 + 2 * groups, 1 + 3 * groups
    before_out[0] = 1
    before_in[0] = 0
    for i in range(n):
        top = scores[i].max()
        w = weights[i]
        for t in range(scores.shape[1]):
            w[t] = np.exp(scores[i, t] - top)
        free = before_out[i] * w[0]
        amount = np.float32(0)
        for g in range(groups):
            inner = before_in[i, g]
            free += before_out[i] * w[u + g] + inner * w[e + g]
            before_in[i + 1, g] = before_out[i] * w[b + g] + inner * w[m + g]
            amount += before_in[i + 1, g]
        scale = 1 / (amount + free)
        before_out[i + 1] = free * scale
        for g in range(groups):
            before_in[i + 1, g] *= scale
        for t in range(scores.shape[1]):
            w[t] *= scale
    after_out[n] = 1 / before_out[n]
    after_in[n] = 0
    for i in range(n - 1, -1, -1):
        w = weights[i]
        free = w[0] * after_out[i + 1]
        for g in range(groups):
            free += w[u + g] * after_out[i + 1] + w[b + g] * after_in[i + 1, g]
            after_in[i, g] = w[m + g] * after_in[i + 1, g] + w[e + g] * after_out[i + 1]
        after_out[i] = free


@njit(cache=True, nogil=True, fastmath=True)
def find_likely_spans(scores, begins, sizes, groups, least, spans, probabilities, best):  # type: ignore[no-untyped-def]
    """Finds all spans of texts whose probability is at least ``least``.

    Args:
        scores: of the tags, float32 of shape (rows, 1 + 4 · groups).
        begins: the row of each text's first word.
        sizes: the number of words of each text.
        groups: the number of groups.
        least: a probability.
        spans: filled: first and last word, counted through all texts; int64 of shape (room, 2).
        probabilities, best: filled: the probability, summed over groups, and the best group.

    Returns:
        The number of spans; those that do not fit are counted but not written.
    """
    longest = sizes.max()
    weights = np.empty((longest, scores.shape[1]), np.float32)
    before_out, after_out = np.empty(longest + 1, np.float32), np.empty(longest + 1, np.float32)
    before_in = np.empty((longest + 1, groups), np.float32)
    after_in = np.empty((longest + 1, groups), np.float32)
    count, offset = 0, 0
    for text in range(begins.size):
        n = sizes[text]
        rows = scores[begins[text] : begins[text] + n]
        forward_backward(rows, groups, weights[:n], before_out, before_in, after_out, after_in)
        count = _spans(
            weights[:n],
            before_out,
            after_out,
            after_in,
            groups,
            least,
            offset,
            count,
            spans,
            probabilities,
            best,
        )
        offset += n
    return count


@njit(cache=True, nogil=True, fastmath=True)
def _spans(  # type: ignore[no-untyped-def]
    weights,
    before_out,
    after_out,
    after_in,
    groups,
    least,
    offset,
    count,
    spans,
    probabilities,
    best,
):
    n = weights.shape[0]
    b, m, e, u = 1, 1 + groups, 1 + 2 * groups, 1 + 3 * groups
    inner = np.empty(groups, np.float32)
    for i in range(n):
        start = before_out[i]
        for last in range(i, min(n, i + LONGEST)):
            total, top, which, open_ = np.float32(0), np.float32(-1), 0, np.float32(0)
            for g in range(groups):
                if last == i:
                    p = start * weights[i, u + g] * after_out[i + 1]
                    inner[g] = start * weights[i, b + g]
                else:
                    p = inner[g] * weights[last, e + g] * after_out[last + 1]
                    inner[g] *= weights[last, m + g]
                open_ += inner[g] * after_in[last + 1, g]
                total += p
                if p > top:
                    top, which = p, g
            if total >= least:
                if count < spans.shape[0]:
                    spans[count, 0], spans[count, 1] = offset + i, offset + last
                    probabilities[count], best[count] = total, which
                count += 1
            if open_ < least:  # longer spans are less probable
                break
    return count


@njit(cache=True, nogil=True)
def are_well_formed(spans, marks):  # type: ignore[no-untyped-def]
    """Returns which spans have a word that is not a mark, and only balanced brackets.

    Args:
        spans: first and last word of each.
        marks: the code point of each word that is a mark, else 0.
    """
    sound = np.zeros(spans.shape[0], np.bool_)
    for i in range(spans.shape[0]):
        open_, worded = 0, False
        for word in range(spans[i, 0], spans[i, 1] + 1):
            mark = marks[word]
            if mark == 40 or mark == 91:
                open_ += 1
            elif mark == 41 or mark == 93:
                open_ -= 1
                if open_ < 0:
                    break
            elif mark == 0:
                worded = True
        sound[i] = worded and open_ == 0
    return sound


@njit(cache=True, nogil=True)
def fill_group_probabilities(scores, firsts, lasts, groups, out):  # type: ignore[no-untyped-def]
    """Computes the probabilities of the groups of spans, given that they are mentions.

    The context of a span has the same weight for every group, so the tags of the span are enough.

    Args:
        scores: of the tags of each word.
        firsts, lasts: first and last word of each span.
        groups: the number of groups.
        out: filled, (spans, groups).
    """
    b, m, e, u = 1, 1 + groups, 1 + 2 * groups, 1 + 3 * groups
    for i in range(firsts.size):
        first, last = firsts[i], lasts[i]
        for g in range(groups):
            if first == last:
                out[i, g] = scores[first, u + g]
            else:
                out[i, g] = scores[first, b + g] + scores[last, e + g]
                for word in range(first + 1, last):
                    out[i, g] += scores[word, m + g]
        top = out[i].max()
        total = 0.0
        for g in range(groups):
            out[i, g] = np.exp(out[i, g] - top)
            total += out[i, g]
        for g in range(groups):
            out[i, g] /= total


@njit(cache=True, nogil=True)
def select_best(first, last, gains, size):  # type: ignore[no-untyped-def]
    """Selects the set of non-overlapping spans with the largest sum of gains.

    Weighted interval scheduling (Kleinberg and Tardos, *Algorithm Design*, 6.1).  Of sets
    with equal sums the one whose spans end earlier wins.

    Args:
        first, last: first and last word of each span, in the order of ``last``.
        gains: the gain of each, positive.
        size: the number of words.

    Returns:
        Whether each span is selected.
    """
    most = np.zeros(size + 1, np.float64)  # with the words before this one
    taken_at = np.full(size + 1, -1, np.int64)
    at = 0
    for end in range(1, size + 1):
        most[end] = most[end - 1]
        while at < last.size and last[at] + 1 == end:
            sum_ = most[first[at]] + gains[at]
            if sum_ > most[end]:
                most[end] = sum_
                taken_at[end] = at
            at += 1
    chosen = np.zeros(last.size, np.bool_)
    end = size
    while end > 0:
        if taken_at[end] < 0:
            end -= 1
        else:
            chosen[taken_at[end]] = True
            end = first[taken_at[end]]
    return chosen


def presence_probabilities(
    first: NDArray[Any], last: NDArray[Any], probabilities: NDArray[Any], selected: NDArray[Any]
) -> NDArray[np.float64]:
    """Returns the probability that something is mentioned at given spans, whatever its bounds.

    Overlapping spans exclude each other, so their probabilities add up; to at most 1, because two
    spans that overlap the same one may not overlap each other.

    Args:
        first, last: first and last word of every candidate span.
        probabilities: the probability of each.
        selected: the spans to compute it for, as an index.

    >>> first, last = np.array([0, 1, 5]), np.array([1, 1, 5])
    >>> presence_probabilities(first, last, np.array([0.5, 0.25, 0.25]), np.array([1, 2])).tolist()
    [0.75, 0.25]
    """
    # Integers: the sums do not depend on which texts are processed together.
    parts = np.rint(probabilities * _PARTS)
    words = int(last.max(initial=0)) + 1
    begun = np.cumsum(np.bincount(first, parts, words))
    ended = np.cumsum(np.bincount(last, parts, words))
    here = begun[last[selected]] - np.where(first[selected] > 0, ended[first[selected] - 1], 0.0)
    found: NDArray[np.float64] = np.minimum(here / _PARTS, 1.0)
    return found
