"""The k best concepts of one query while it is searched, compiled.

A concept stands in it once, with the best name found so far.  An entry is a similarity and a
*place*: where the name stands in the list of all keys' names, which is in the order that decides
between equals (by key, and of one key by kind and row); the lower place wins.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["Best", "Names", "best_first", "offer"]


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
    """A heap with the worst on top: arrays of k entries each.

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
def _sink(best, size, at, concept, place, similarity):  # type: ignore[no-untyped-def]
    """Puts an entry at a free place of the heap or below it, where it belongs."""
    places, similarities = best.places, best.similarities
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        right = child + 1
        if right < size and _worse(
            similarities[right], places[right], similarities[child], places[child]
        ):
            child = right
        if not _worse(similarities[child], places[child], similarity, place):
            break
        best.concepts[at] = best.concepts[child]
        places[at] = places[child]
        similarities[at] = similarities[child]
        at = child
    best.concepts[at] = concept
    places[at] = place
    similarities[at] = similarity


@njit(cache=True, nogil=True)
def offer(best, size, names, key, similarity):  # type: ignore[no-untyped-def]
    """Offers the names of a key; returns the heap's new size."""
    places, similarities = best.places, best.similarities
    for place in range(names.begins[key], names.begins[key + 1]):
        full = size == places.size
        if full and not _worse(similarities[0], places[0], similarity, place):
            break
        concept = names.concepts[names.rows[place]]
        at = 0
        while at < size and best.concepts[at] != concept:
            at += 1
        if at < size:
            if _worse(similarities[at], places[at], similarity, place):
                _sink(best, size, at, concept, place, similarity)
        elif full:
            _sink(best, size, np.int64(0), concept, place, similarity)
        else:
            at = size
            size += 1
            while at > 0:
                parent = (at - 1) >> 1
                if not _worse(similarity, place, similarities[parent], places[parent]):
                    break
                best.concepts[at] = best.concepts[parent]
                places[at] = places[parent]
                similarities[at] = similarities[parent]
                at = parent
            best.concepts[at] = concept
            places[at] = place
            similarities[at] = similarity
    return size


@njit(cache=True, nogil=True)
def best_first(best, size):  # type: ignore[no-untyped-def]
    """Turns the heap into a list, best first, by taking the worst off again and again."""
    while size > 1:
        size -= 1
        concept, place = best.concepts[size], np.int64(best.places[size])
        similarity = best.similarities[size]
        best.concepts[size] = best.concepts[0]
        best.places[size] = best.places[0]
        best.similarities[size] = best.similarities[0]
        _sink(best, size, np.int64(0), concept, place, similarity)
