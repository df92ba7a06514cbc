"""Which pairs are held out: the first articles of the order, without what leaks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from concept_linker.retrieval.holdout.leaks import Leak
from concept_linker.retrieval.pairs import Pair

__all__ = ["Choice", "Removed", "choose"]


class Removed(NamedTuple):
    """A pair of a held-out article that is in neither part.

    Args:
        pair: the pair.
        reason: why: a leak's, ``no hash of its image`` or ``beyond the size``.
        leak: to what, where it leaks.
    """

    pair: Pair
    reason: str
    leak: Leak | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """What is held out.

    Args:
        articles: they are not to be in the rest, with any pair.
        pairs: the set, in the order of its rows.
        removed: what else these articles have.
    """

    articles: Sequence[str]
    pairs: list[Pair]
    removed: list[Removed]


def choose(
    order: Sequence[str],
    pairs: Mapping[str, Sequence[Pair]],
    leaks: Iterable[Leak],
    unhashed: frozenset[int],
    size: int,
) -> Choice | None:
    """Takes articles in order until enough pairs without leaks are left.

    An article that is taken is no longer of the rest, so a leak to it no longer counts: taking
    more only ever frees pairs.

    Args:
        order: the articles that may be taken, in their order.
        pairs: theirs.
        leaks: of their pairs, to any pair of another article.
        unhashed: rows whose images have no hash though one is asked for.
        size: the number of pairs.

    Returns:
        The choice; ``None`` where all of them are not enough.
    """
    places = {article: place for place, article in enumerate(order)}
    beyond = len(order)
    by_row: dict[int, list[Leak]] = {}
    for leak in leaks:
        by_row.setdefault(leak.row, []).append(leak)

    def leak_of(pair: Pair, taken: int) -> Leak | None:
        for leak in by_row.get(pair.row, ()):
            if places.get(leak.other_article, beyond) >= taken:
                return leak
        return None

    taken, missing = 0, size
    while missing > 0:
        added = 0
        while added < missing:
            if taken == len(order):
                return None
            added += len(pairs[order[taken]])
            taken += 1
        good = [
            pair
            for article in order[:taken]
            for pair in pairs[article]
            if pair.row not in unhashed and leak_of(pair, taken) is None
        ]
        missing = size - len(good)
    kept = {pair.row for pair in good[:size]}
    removed = []
    for article in order[:taken]:
        for pair in pairs[article]:
            if pair.row in kept:
                continue
            found = leak_of(pair, taken)
            if pair.row in unhashed:
                removed.append(Removed(pair, "no hash of its image"))
            elif found is not None:
                removed.append(Removed(pair, found.reason, found))
            else:
                removed.append(Removed(pair, "beyond the size"))
    return Choice(
        order[:taken],
        sorted(good[:size], key=lambda pair: pair.row),
        sorted(removed, key=lambda one: one.pair.row),
    )
