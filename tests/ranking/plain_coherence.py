"""The plain twin of :mod:`concept_linker.ranking.coherence`: one text at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from concept_linker.ranking.priors import STEM
from concept_linker.search.normalise import key


class Own(NamedTuple):
    """A candidate of a string: its concept, and the first stage's softmax."""

    concept: int
    softmax: float


Features = dict[int, list[float]]


def coherence(
    text: Sequence[str], candidates: dict[str, list[Own]], max_offers: int
) -> dict[str, tuple[Features, Features]]:
    """Returns for each string of a text the features of its own candidates, and of the offers."""
    times = Counter(text)
    found = {}
    for own in times:
        others = [other for other in times if other != own]
        votes: dict[int, list[tuple[str, float]]] = {}
        offered = set()
        for other in others:
            for rank, (concept, softmax) in enumerate(candidates[other][:5]):
                votes.setdefault(concept, []).append((other, softmax))
                if rank < 2:
                    offered.add(concept)
        mine = {one.concept for one in candidates[own]}
        features = {c: _features(own, votes.get(c, []), times) for c in mine | offered}
        best = sorted(offered - mine, key=lambda c: (-(features[c][0] + 3 * features[c][3]), c))
        found[own] = {c: features[c] for c in mine}, {c: features[c] for c in best[:max_offers]}
    return found


def _features(own: str, votes: list[tuple[str, float]], times: Counter[str]) -> list[float]:
    last = _words(own)[-1]
    related = [vote for vote in votes if _stems(own) & _stems(vote[0])]
    same_last = [vote for vote in related if _words(vote[0])[-1] == last]
    parts = [vote for vote in related if _is_part(own, vote[0])]
    return [
        _most(votes),
        sum(softmax for _, softmax in votes),
        sum(softmax * times[other] for other, softmax in votes),
        _most(related),
        _most(same_last),
        _most(parts),
    ]


def _most(votes: list[tuple[str, float]]) -> float:
    return max((softmax for _, softmax in votes), default=0.0)


def _words(string: str) -> list[str]:
    return key(string).split()


def _stems(string: str) -> set[str]:
    return {word[:STEM] for word in _words(string)}


def _is_part(one: str, other: str) -> bool:
    a, b = set(_words(one)), set(_words(other))
    return a <= b or b <= a
