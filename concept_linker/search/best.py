"""The k best concepts of one query while it is searched, compiled.

A concept stands among them once, with the best name found so far.  An entry is a similarity and a
*place*: where the name stands in the list of all keys' names, which is in the order that decides
between equals (by key, and of one key by kind and row); the lower place wins.

The entries are kept in order, best first.  Of k = 30 a search offers some ninety names, and most
that are taken belong near the end, so moving a few entries costs less than a heap would.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit

__all__ = ["Best", "Names", "offer"]


class Names(NamedTuple):
    """Whose the keys are.

    Args:
        begins: int64, one more than keys: where the places of each key begin.
        rows: uint32, one a place: the name there.
        concepts: uint32, one a name: its concept.
    """

    begins: NDArray[Any]
    rows: NDArray[Any]
    concepts: NDArray[Any]


class Best(NamedTuple):
    """The best so far, best first: arrays of k entries each.

    Args:
        concepts: uint32.
        places: uint32.
        similarities: float64.
    """

    concepts: NDArray[Any]
    places: NDArray[Any]
    similarities: NDArray[Any]


@njit(cache=True, nogil=True, inline="always")
def _worse(similarity, place, other_similarity, other_place):  # type: ignore[no-untyped-def]
    return similarity < other_similarity or (similarity == other_similarity and place > other_place)


@njit(cache=True, nogil=True)
def offer(best, size, names, key, similarity):  # type: ignore[no-untyped-def]
    """Offers the names of a key; returns how many entries there are now."""
    concepts, places, similarities = best.concepts, best.places, best.similarities
    most = places.size
    for place in range(names.begins[key], names.begins[key + 1]):
        if size == most and not _worse(similarities[most - 1], places[most - 1], similarity, place):
            break
        concept = names.concepts[names.rows[place]]
        at = -1
        for i in range(size):  # to the end: without a way out it is done many at a time
            if concepts[i] == concept:
                at = i
        if at >= 0:
            if not _worse(similarities[at], places[at], similarity, place):
                continue
        else:
            at = min(size, most - 1)
            size = at + 1
        while at > 0 and _worse(similarities[at - 1], places[at - 1], similarity, place):
            concepts[at] = concepts[at - 1]
            places[at] = places[at - 1]
            similarities[at] = similarities[at - 1]
            at -= 1
        concepts[at] = concept
        places[at] = place
        similarities[at] = similarity
    return size
