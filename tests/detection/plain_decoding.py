"""What :mod:`concept_linker.detection.ner.decoding` does, by trying every possibility."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

Span = tuple[int, int]


def tag_sequences(n: int, groups: int) -> Iterator[tuple[list[int], list[tuple[int, int, int]]]]:
    """Every sequence of tags for n words, with its mentions (first word, last word, group)."""
    for lengths in itertools.product(*[range(n - i + 1) for i in range(n)]):
        positions, mentions, at, good = [], [], 0, True
        for i, length in enumerate(lengths):
            if i < at:
                good &= length == 0
            elif length == 0:
                positions.append(None)
                at = i + 1
            else:
                mentions.append((i, i + length - 1))
                positions += [3] if length == 1 else [0, *[1] * (length - 2), 2]
                at = i + length
        for labels in itertools.product(range(groups), repeat=len(mentions)) if good else ():
            pairs = zip(mentions, labels, strict=True)
            group = {i: g for (a, b), g in pairs for i in range(a, b + 1)}
            tags = [0 if t is None else 1 + t * groups + group[i] for i, t in enumerate(positions)]
            yield tags, [(a, b, group[a]) for a, b in mentions]


def span_probabilities(scores: np.ndarray, groups: int) -> dict[Span, np.ndarray]:
    """For each span of one text the probabilities of the groups, summed over all sequences."""
    found: dict[Span, np.ndarray] = {}
    total = 0.0
    for tags, mentions in tag_sequences(len(scores), groups):
        weight = np.exp(sum(scores[i, tag] for i, tag in enumerate(tags)))
        total += weight
        for first, last, group in mentions:
            found.setdefault((first, last), np.zeros(groups))[group] += weight
    return {span: sums / total for span, sums in found.items()}


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans have a word in common."""
    return one[0] <= other[1] and other[0] <= one[1]


def best_gain(spans: Sequence[Span], gains: Sequence[float]) -> float:
    """The largest sum of gains of any set of spans of which none overlap."""
    best = 0.0
    for chosen in itertools.product([False, True], repeat=len(spans)):
        taken = list(itertools.compress(spans, chosen))
        if not any(itertools.starmap(overlap, itertools.combinations(taken, 2))):
            best = max(best, sum(itertools.compress(gains, chosen)))
    return best


def presence(spans: Sequence[Span], probabilities: Sequence[float]) -> list[float]:
    """For each span the sum of the probabilities of all that overlap it, at most 1."""
    pairs = list(zip(spans, probabilities, strict=True))
    return [min(1.0, sum(p for other, p in pairs if overlap(span, other))) for span in spans]
