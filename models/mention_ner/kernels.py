"""The compiled computations of the training other than matrix products."""

from __future__ import annotations

import numpy as np
from numba import njit

EPSILON = np.float32(1e-5)


@njit(cache=True, fastmath=True)
def gather(begins, rows, weights, table, types, out):  # type: ignore[no-untyped-def]
    """``out[u, slot]`` is the mean of the table's rows for each slot of each word type."""
    slots, width = out.shape[1], out.shape[2]
    for u in range(types.size):
        for s in range(slots):
            at = types[u] * slots + s
            for k in range(width):
                out[u, s, k] = 0
            for r in range(begins[at], begins[at + 1]):
                weight = weights[r]
                row = table[rows[r]]
                for k in range(width):
                    out[u, s, k] += weight * row[k]


@njit(cache=True, fastmath=True)
def scatter(begins, rows, weights, gradient, types, out):  # type: ignore[no-untyped-def]
    """Adds the gradient of :func:`gather` to the table's."""
    slots, width = gradient.shape[1], gradient.shape[2]
    for u in range(types.size):
        for s in range(slots):
            at = types[u] * slots + s
            for r in range(begins[at], begins[at + 1]):
                weight = weights[r]
                row = out[rows[r]]
                for k in range(width):
                    row[k] += weight * gradient[u, s, k]


@njit(cache=True, fastmath=True)
def add_rows(gradient, at, out):  # type: ignore[no-untyped-def]
    """``out[at[i]] += gradient[i]``."""
    for i in range(at.size):
        for k in range(out.shape[1]):
            out[at[i], k] += gradient[i, k]


@njit(cache=True, fastmath=True)
def embed(own, types, names, groups, buckets, t_names, t_groups, t_buckets, bias, out):  # type: ignore[no-untyped-def]
    """Adds the projections of a word's letters and labels."""
    for i in range(types.size):
        if types[i] < 0:
            for k in range(out.shape[1]):
                out[i, k] = 0
            continue
        a, b, c, d = own[types[i]], t_names[names[i]], t_groups[groups[i]], t_buckets[buckets[i]]
        for k in range(out.shape[1]):
            out[i, k] = a[k] + b[k] + c[k] + d[k] + bias[k]


@njit(cache=True, fastmath=True)
def normed_maxout(pre, gain, shift, best, hat, scale, out):  # type: ignore[no-untyped-def]
    """Maxout of three pieces, normalised over the width; keeps what the gradient needs."""
    width = out.shape[1]
    for i in range(out.shape[0]):
        mean = np.float32(0)
        for k in range(width):
            a, b, c = pre[i, k], pre[i, width + k], pre[i, 2 * width + k]
            piece, top = 0, a
            if b > top:
                piece, top = 1, b
            if c > top:
                piece, top = 2, c
            best[i, k] = piece
            hat[i, k] = top
            mean += top
        mean /= width
        spread = np.float32(0)
        for k in range(width):
            hat[i, k] -= mean
            spread += hat[i, k] * hat[i, k]
        scale[i] = 1 / np.sqrt(spread / width + EPSILON)
        for k in range(width):
            hat[i, k] *= scale[i]
            out[i, k] = hat[i, k] * gain[k] + shift[k]


@njit(cache=True, fastmath=True)
def normed_maxout_back(gradient, gain, best, hat, scale, d_gain, d_shift, out):  # type: ignore[no-untyped-def]
    """The gradient before :func:`normed_maxout`."""
    width = gradient.shape[1]
    for i in range(gradient.shape[0]):
        one, two = np.float32(0), np.float32(0)
        for k in range(width):
            g = gradient[i, k]
            d_gain[k] += g * hat[i, k]
            d_shift[k] += g
            g *= gain[k]
            one += g
            two += g * hat[i, k]
        one /= width
        two /= width
        for k in range(width):
            g = (gradient[i, k] * gain[k] - one - hat[i, k] * two) * scale[i]
            piece = best[i, k]
            out[i, k] = g if piece == 0 else np.float32(0)
            out[i, width + k] = g if piece == 1 else np.float32(0)
            out[i, 2 * width + k] = g if piece == 2 else np.float32(0)


@njit(cache=True)
def window(x, reach, out):  # type: ignore[no-untyped-def]
    """Each row with the rows ``reach`` before and after it, concatenated."""
    n, width = x.shape
    for i in range(n):
        for place, j in enumerate((i - reach, i, i + reach)):
            if 0 <= j < n:
                out[i, place * width : (place + 1) * width] = x[j]
            else:
                out[i, place * width : (place + 1) * width] = 0


@njit(cache=True, fastmath=True)
def window_back(gradient, reach, out):  # type: ignore[no-untyped-def]
    """Adds the gradient of :func:`window` to ``out``."""
    n, width = out.shape
    for i in range(n):
        for place, j in enumerate((i - reach, i, i + reach)):
            if 0 <= j < n:
                for k in range(width):
                    out[j, k] += gradient[i, place * width + k]


@njit(cache=True, fastmath=True)
def adam(value, gradient, first, second, average, rate, step, decay, blend, clip):  # type: ignore[no-untyped-def]
    """One step of Adam with decoupled decay; zeroes the gradient and blends the average."""
    b1, b2 = np.float32(0.9), np.float32(0.999)
    one = np.float32(1)
    fix1, fix2 = one - b1**step, one - b2**step
    for i in range(value.size):
        g = gradient[i] * clip
        gradient[i] = 0
        first[i] = b1 * first[i] + (one - b1) * g
        second[i] = b2 * second[i] + (one - b2) * g * g
        change = (first[i] / fix1) / (np.sqrt(second[i] / fix2) + np.float32(1e-8))
        value[i] -= rate * (change + decay * value[i])
        average[i] += blend * (value[i] - average[i])


@njit(cache=True, fastmath=True)
def _chain(scores, allowed, groups, marginals):  # type: ignore[no-untyped-def]
    """Computes the marginals of the tags over all allowed sequences.

    Returns the logarithm of their total weight, and whether there is any sequence.

    Tags are outside, then B, I, L and U of each group; a mention has one group.
    """
    n = scores.shape[0]
    b, m, e, u = 1, 1 + groups, 1 + 2 * groups, 1 + 3 * groups
    weight = np.zeros((n, scores.shape[1]), np.float32)
    out_before = np.zeros(n + 1, np.float32)  # weight of being outside any mention before a word
    in_before = np.zeros((n + 1, groups), np.float32)
    norm = np.zeros(n, np.float32)
    out_before[0] = 1
    total = 0.0
    for i in range(n):
        top = scores[i].max()
        for t in range(scores.shape[1]):
            weight[i, t] = np.exp(scores[i, t] - top) if allowed[i, t] else np.float32(0)
        w = weight[i]
        free = out_before[i] * w[0]
        amount = np.float32(0)
        for g in range(groups):
            inner = in_before[i, g]
            free += out_before[i] * w[u + g] + inner * w[e + g]
            in_before[i + 1, g] = out_before[i] * w[b + g] + inner * w[m + g]
            amount += in_before[i + 1, g]
        amount += free
        if amount <= 0:
            return 0.0, False
        norm[i] = amount
        out_before[i + 1] = free / amount
        for g in range(groups):
            in_before[i + 1, g] /= amount
        total += np.log(amount) + top
    if out_before[n] <= 0:
        return 0.0, False
    total += np.log(out_before[n])
    out_after = np.float32(1) / out_before[n]
    in_after = np.zeros(groups, np.float32)
    for i in range(n - 1, -1, -1):
        w = weight[i]
        scale = np.float32(1) / norm[i]
        before = out_before[i]
        marginals[i, 0] = before * w[0] * out_after * scale
        out_next = w[0] * out_after
        for g in range(groups):
            inner = in_before[i, g]
            marginals[i, b + g] = before * w[b + g] * in_after[g] * scale
            marginals[i, u + g] = before * w[u + g] * out_after * scale
            marginals[i, m + g] = inner * w[m + g] * in_after[g] * scale
            marginals[i, e + g] = inner * w[e + g] * out_after * scale
            out_next += w[u + g] * out_after + w[b + g] * in_after[g]
            in_after[g] = (w[m + g] * in_after[g] + w[e + g] * out_after) * scale
        out_after = out_next * scale
    return total, True


@njit(cache=True)
def chain_marginals(scores, allowed, groups, marginals):  # type: ignore[no-untyped-def]
    """Computes the marginals over all allowed sequences; returns whether there is any."""
    _, some = _chain(scores, allowed, groups, marginals)
    return some


@njit(cache=True)
def chain_loss(scores, allowed, groups, gradient):  # type: ignore[no-untyped-def]
    """Minus the log probability of the allowed sequences, and its gradient; (loss, valid)."""
    every = np.ones(allowed.shape, np.uint8)
    p = np.zeros(scores.shape, np.float32)
    whole, _ = _chain(scores, every, groups, gradient)
    part, some = _chain(scores, allowed, groups, p)
    if not some:
        gradient[:] = 0
        return 0.0, False
    gradient -= p
    return whole - part, True


@njit(cache=True)
def distillation_loss(scores, targets, groups, gradient):  # type: ignore[no-untyped-def]
    """The cross entropy to a teacher's marginals ``targets``, and its gradient.

    The weight of a sequence is a product over words, so the marginals are sufficient.
    """
    every = np.ones(targets.shape, np.uint8)
    whole, _ = _chain(scores, every, groups, gradient)
    for i in range(targets.shape[0]):
        for t in range(targets.shape[1]):
            whole -= targets[i, t] * scores[i, t]
            gradient[i, t] -= targets[i, t]
    return whole
