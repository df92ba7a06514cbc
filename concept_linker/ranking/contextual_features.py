"""From the candidates of a string to those of a mention: what its place says, and probabilities.

Compiled, for many mentions at a time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError
from concept_linker.ranking.string_features import FEATURES, speaks
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes

__all__ = [
    "CERTAINTY",
    "COMPANY",
    "IN_PLACE",
    "KEPT",
    "Calibration",
    "Shelf",
    "certainty",
    "conclude",
    "keep",
    "see",
    "spread",
]

# What of a string's own evidence goes on: where the trees of the first stage put the candidate
# (their number, its share by softmax, how far behind the best), and some features.
_STAGE = ("number", "share", "behind_best", "rank")
_COPIED = (
    "similarity", "equal", "kind", "alias_ratio", "mention_words", "pair_count", "string_count",
    "pair_share", "concept_count", "run_share", "word_most", "word_last", "stem_most", "symbol",
    "names", "candidates", "type_count", "in_it", "last_word", "meaning",
)  # fmt: skip
#: The columns of a shelf, and the place of one of them.
KEPT = (*_STAGE, *_COPIED)
SHARE = KEPT.index("share")
#: What the text's other strings say of a candidate (:mod:`~concept_linker.ranking.coherence`).
COMPANY = (
    "others_most", "others_all", "others_often", "related_most", "same_last_most", "part_most",
)  # fmt: skip
#: The columns that the trees of the second stage ask of.
IN_PLACE = (*KEPT, *COMPANY, "to_the_left", "to_the_right", "group", "likeliest_group")

_COLUMNS = np.array([FEATURES.index(name) for name in _COPIED])
# Of the best candidate what tells whether it is right.
_SURE_OF = (
    "similarity", "pair_share", "string_count", "word_most", "run_share", "alias_ratio",
    "concept_count", "type_count", "mention_words", "others_most", "related_most", "names",
    "pair_count", "symbol", "behind_best", "candidates", "share", "equal", "in_it", "last_word",
    "meaning",
)  # fmt: skip
#: How many columns :func:`certainty` has.
CERTAINTY = 4 + len(_SURE_OF)
_SURE = np.array([IN_PLACE.index(name) for name in _SURE_OF])
# A share is taken for no more.
_NEARLY = 0.999
_START = np.uint64(0)
_LEFT = np.frombuffer(b"left ", np.uint8)
_RIGHT = np.frombuffer(b"right ", np.uint8)


class Shelf(NamedTuple):
    """Candidates that are kept, of many strings; one row each.

    Args:
        concepts, names: rows of the base (int64).
        similarities: of mention and name (float64).
        types: the number of the semantic type in the priors, or -1 (int16).
        features: float32 of shape (candidates, :data:`KEPT`).
    """

    concepts: NDArray[np.int64]
    names: NDArray[np.int64]
    similarities: NDArray[np.float64]
    types: NDArray[np.int16]
    features: NDArray[np.float32]

    @classmethod
    def empty(cls, room: int) -> Shelf:
        """A shelf with room for so many candidates."""
        return cls(
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.empty(room),
            np.empty(room, np.int16),
            np.empty((room, len(KEPT)), np.float32),
        )


class Calibration(NamedTuple):
    """From the trees' numbers to probabilities.

    Args:
        temperature: what the numbers are divided by before the softmax.
        weights: of :func:`certainty`'s columns (float64).
    """

    temperature: float
    weights: NDArray[np.float64]

    @classmethod
    def open(cls, path: Path) -> Calibration:
        """Reads what :meth:`save` wrote.

        Raises:
            InputError: it is of another version of the ranker.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        weights = np.array(values["weights"], np.float64)
        if weights.shape != (CERTAINTY,):
            raise InputError(f"{path}: {weights.size} weights, wanted {CERTAINTY}: train it anew")
        return cls(float(values["temperature"]), weights)

    def save(self, path: Path) -> None:
        """Writes JSON."""
        values = {"temperature": self.temperature, "weights": self.weights.tolist()}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


@njit(cache=True, nogil=True)
def keep(pools, numbers, most, shelf, sizes):  # type: ignore[no-untyped-def]
    """Puts the best candidates of each string on a shelf.

    Args:
        pools: the candidates of some strings.
        numbers: what the trees of the first stage say of each.
        most: how many of each string to keep.
        shelf: where they go, one string after the other.
        sizes: filled in: how many of each string.

    Returns:
        How many are on the shelf.
    """
    begin, at = 0, 0
    for text in range(sizes.size):
        end = begin + pools.sizes[text]
        own = numbers[begin:end]
        order = np.argsort(-own, kind="mergesort")
        total = 0.0
        for i in range(own.size):
            total += np.exp(own[i] - own[order[0]])
        sizes[text] = min(own.size, most)
        for rank in range(sizes[text]):
            i = begin + order[rank]
            shelf.concepts[at] = pools.concepts[i]
            shelf.names[at] = pools.names[i]
            shelf.similarities[at] = pools.similarities[i]
            shelf.types[at] = pools.types[i]
            row = shelf.features[at]
            behind = numbers[begin + order[0]] - numbers[i]
            row[0], row[1], row[2], row[3] = numbers[i], np.exp(-behind) / total, behind, rank
            for column in range(_COLUMNS.size):
                row[4 + column] = pools.features[i, _COLUMNS[column]]
            at += 1
        begin = end
    return at


@njit(cache=True, nogil=True)
def see(  # type: ignore[no-untyped-def]
    shelf, begins, sizes, learned, lefts, left_begins, rights, right_begins, groups, group_of, out
):
    """The features of the candidates of mentions, one mention after the other.

    Args:
        shelf: the candidates of strings in their texts, a :class:`~.company.Meeting`.
        begins, sizes: where those of each mention's string are.
        learned: the priors.
        lefts, left_begins, rights, right_begins: what stands beside each mention, UTF-8.
        groups: of each mention the chance of each semantic group; -1 where it is not known.
        group_of: the group of each type, or -1.
        out: float32 of shape (candidates, :data:`IN_PLACE`).
    """
    at = 0
    left = hash_bytes(_LEFT, 0, _LEFT.size, _START)
    right = hash_bytes(_RIGHT, 0, _RIGHT.size, _START)
    kept = shelf.features.shape[1]
    for mention in range(begins.size):
        to_left = hash_bytes(lefts, left_begins[mention], left_begins[mention + 1], left)
        to_right = hash_bytes(rights, right_begins[mention], right_begins[mention + 1], right)
        likeliest = groups[mention].max()
        for i in range(begins[mention], begins[mention] + sizes[mention]):
            kind = shelf.types[i]
            out[at, :kept] = shelf.features[i]
            out[at, kept] = speaks(learned, to_left, kind)
            out[at, kept + 1] = speaks(learned, to_right, kind)
            group = group_of[kind] if kind >= 0 else -1
            out[at, kept + 2] = groups[mention, group] if group >= 0 else -1.0
            out[at, kept + 3] = likeliest
            at += 1


@njit(cache=True, nogil=True)
def certainty(numbers, shares, features, out):  # type: ignore[no-untyped-def]
    """What tells whether the best of one mention's candidates is right.

    Args:
        numbers: what the trees of the second stage say.
        shares: their softmax.
        features: of shape (candidates, :data:`IN_PLACE`).
        out: filled in: one row of numbers.
    """
    best = np.argmax(numbers)
    share = min(shares[best], _NEARLY)
    out[0], out[1], out[2], out[3] = 1.0, numbers[best], share, np.log(share / (1.0 - share))
    for column in range(_SURE.size):
        out[4 + column] = features[best, _SURE[column]]


@njit(cache=True, nogil=True)
def conclude(  # type: ignore[no-untyped-def]
    numbers, features, sizes, temperature, weights, known, concepts, order, scores
):
    """The probability of each candidate, and the order of those of each mention.

    Args:
        numbers: what the trees of the second stage say, one mention after the other.
        features: of shape (candidates, :data:`IN_PLACE`).
        sizes: how many candidates each mention has.
        temperature, weights: see :class:`Calibration`.
        known: for each mention the probability that its best candidate is right, NaN where the
            calibration is to tell.
        concepts: the row of each candidate's concept; it decides between equals.
        order: filled in: places of the candidates, best first, mention by mention.
        scores: filled in: their probabilities, in that order.
    """
    begin = 0
    row = np.empty(weights.size)
    for mention in range(sizes.size):
        size = sizes[mention]
        own = numbers[begin : begin + size]
        if size:
            shares = np.exp((own - own.max()) / temperature)
            shares /= shares.sum()
            top = shares.max()
            equals = (shares == top).sum()
            best = known[mention]
            if np.isnan(best):
                certainty(own, shares, features[begin : begin + size], row)
                best = 1.0 / (1.0 + np.exp(-(row * weights).sum()))
            best = min(best, 1.0 / equals)
            # The others keep their distance from the best, if they may: all add up to 1 at most.
            other_part, left = best / top, 1.0 - equals * top
            if left > 0.0:
                other_part = min(other_part, (1.0 - equals * best) / left)
            for i in range(size):  # insertion: of ten or thirty, most are in order
                at = begin + i
                score = best if shares[i] == top else shares[i] * other_part
                similarity = max(features[begin + i, 4], 0.0)
                while at > begin:
                    other = order[at - 1]
                    same = scores[at - 1] == score
                    theirs = max(features[other, 4], 0.0)
                    alike = same and theirs == similarity
                    if not (
                        scores[at - 1] < score
                        or (same and theirs < similarity)
                        or (alike and concepts[other] > concepts[begin + i])
                    ):
                        break
                    order[at], scores[at] = order[at - 1], scores[at - 1]
                    at -= 1
                order[at], scores[at] = begin + i, score
        begin += size


def spread(begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """``begin, begin + 1, …`` of each size, one after the other.

    >>> spread(np.array([5, 2]), np.array([2, 1])).tolist()
    [5, 6, 2]
    """
    return np.repeat(begins - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())


def group_numbers(type_ids: tuple[str, ...], groups: tuple[str, ...]) -> NDArray[Any]:
    """The number of the semantic group of each type, or -1."""
    from concept_linker.knowledge_base.semantic_types import semantic_group

    known = {name: number for number, name in enumerate(groups)}
    return np.array(
        [known.get(semantic_group([one]), -1) for one in type_ids] or [-1],
        np.int64,
    )
