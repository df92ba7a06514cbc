"""The k best concepts of a query during the search, compiled.

Each concept occurs once, with its best name so far.  An entry has a similarity and a *place*: the
index of the name in the list of all keys' names.  That list is in the order that breaks ties (by
key, then by kind and row), so the lower place wins.

The entries are sorted, the best first.  For k = 30 a search offers about ninety names, and most of
those accepted belong near the end, so inserting costs less than a heap would.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from concept_linker.runtime.compiling import njit

__all__ = ["Best", "Names", "offer"]


class Names(NamedTuple):
    """The names and concepts of the keys.

    Args:
        begins: int64 of shape (keys + 1,): where the places of each key begin.
        rows: uint32 of shape (places,): the name at each place.
        concepts: uint32 of shape (names,): the concept of each name.
    """

    begins: NDArray[Any]
    rows: NDArray[Any]
    concepts: NDArray[Any]


class Best(NamedTuple):
    """The best so far, in descending order: arrays of k entries each.

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
    """Inserts the names of a key that are good enough; returns the new number of entries.

    Args:
        best: :class:`Best`, changed in place.
        size: the number of entries so far.
        names: :class:`Names`.
        key: the id of the key.
        similarity: the similarity of the key to the query.
    """
    concepts, places, similarities = best.concepts, best.places, best.similarities
    k = places.size
    for place in range(names.begins[key], names.begins[key + 1]):
        if size == k and not _worse(similarities[k - 1], places[k - 1], similarity, place):
            break
        concept = names.concepts[names.rows[place]]
        at = -1
        for i in range(size):  # no early exit, so that the loop is vectorised
            if concepts[i] == concept:
                at = i
        if at >= 0:
            if not _worse(similarities[at], places[at], similarity, place):
                continue
        else:
            at = min(size, k - 1)
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
