"""What the company says, written plainly: the twin of the compiled ``company``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from concept_linker.ranking.priors import STEM
from concept_linker.search.normalise import key


class Own(NamedTuple):
    """A candidate of a string by itself: its concept, and the share of the first stage."""

    concept: int
    share: float


Told = dict[int, list[float]]


def told(
    text: Sequence[str], candidates: dict[str, list[Own]], more: int
) -> dict[str, tuple[Told, Told]]:
    """For each string of a text what is said of its own candidates, and of those brought along."""
    times = Counter(text)
    found = {}
    for own in times:
        others = [other for other in times if other != own]
        voices: dict[int, list[tuple[str, float]]] = {}
        offered = set()
        for other in others:
            for rank, (concept, share) in enumerate(candidates[other][:5]):
                voices.setdefault(concept, []).append((other, share))
                if rank < 2:
                    offered.add(concept)
        mine = {one.concept for one in candidates[own]}
        said = {c: _said(own, voices.get(c, []), times) for c in mine | offered}
        best = sorted(offered - mine, key=lambda c: (-(said[c][0] + 3 * said[c][3]), c))
        found[own] = {c: said[c] for c in mine}, {c: said[c] for c in best[:more]}
    return found


def _said(own: str, voices: list[tuple[str, float]], times: Counter[str]) -> list[float]:
    last = _words(own)[-1]
    related = [voice for voice in voices if _stems(own) & _stems(voice[0])]
    alike = [voice for voice in related if _words(voice[0])[-1] == last]
    parts = [voice for voice in related if _is_part(own, voice[0])]
    return [
        _most(voices),
        sum(share for _, share in voices),
        sum(share * times[other] for other, share in voices),
        _most(related),
        _most(alike),
        _most(parts),
    ]


def _most(voices: list[tuple[str, float]]) -> float:
    return max((share for _, share in voices), default=0.0)


def _words(string: str) -> list[str]:
    return key(string).split()


def _stems(string: str) -> set[str]:
    return {word[:STEM] for word in _words(string)}


def _is_part(one: str, other: str) -> bool:
    a, b = set(_words(one)), set(_words(other))
    return a <= b or b <= a
