"""The features that a mention's context gives its candidates.

The context is the word or mark to either side of the mention, and the semantic groups that the
mention network gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.ranking.arrays import PriorArrays
from concept_linker.ranking.coherence import CoherentCandidates
from concept_linker.ranking.features import SECOND_STAGE_FEATURES, Stage, column
from concept_linker.ranking.string_features import type_log_ratio
from concept_linker.ranking.words import Texts
from concept_linker.runtime.compiling import njit
from concept_linker.search.grams import hash_bytes

__all__ = ["contextual_features", "group_numbers"]

_column = partial(column, stage=Stage.SECOND)
_TYPE_BY_LEFT_WORD = _column("type_by_left_word")
_TYPE_BY_RIGHT_WORD = _column("type_by_right_word")
_GROUP_PROBABILITY = _column("group_probability")
_MAX_GROUP_PROBABILITY = _column("max_group_probability")
_START = np.uint64(0)
_LEFT = np.frombuffer(b"left ", np.uint8)
_RIGHT = np.frombuffer(b"right ", np.uint8)


def contextual_features(
    candidates: CoherentCandidates,
    priors: PriorArrays,
    lefts: Sequence[str],
    rights: Sequence[str],
    groups: NDArray[np.float32],
    group_of: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Returns all features of the second stage, mention by mention.

    Args:
        candidates: the candidates of the mentions' strings.
        priors: the arrays of the priors.
        lefts, rights: the neighbours of each mention.
        groups: the probability of each semantic group, of shape (mentions, groups); -1 where it is
            unknown.
        group_of: the group of each type (see :func:`group_numbers`).

    Returns:
        float32 of shape (candidates, :data:`~.features.SECOND_STAGE_FEATURES`).
    """
    begins, sizes = candidates.begins[candidates.of], candidates.sizes[candidates.of]
    out = np.empty((int(sizes.sum()), len(SECOND_STAGE_FEATURES)), np.float32)
    left, right = Texts.encode(lefts), Texts.encode(rights)
    _fill(candidates, begins, sizes, priors, *left, *right, groups, group_of, out)
    return out


@njit(cache=True, nogil=True)
def _fill(  # type: ignore[no-untyped-def]
    candidates, begins, sizes, priors, lefts, left_begins, rights, right_begins, groups, group_of,
    out,
):  # fmt: skip
    """Copies the features of each mention's string, and adds those of its context.

    Args:
        candidates: :class:`~.coherence.CoherentCandidates`.
        begins, sizes: where those of each mention's string are.
        priors: the arrays of the priors.
        lefts, left_begins, rights, right_begins: the neighbours, as :class:`~.words.Texts`.
        groups, group_of, out: see :func:`contextual_features`.
    """
    at = 0
    left = hash_bytes(_LEFT, 0, _LEFT.size, _START)
    right = hash_bytes(_RIGHT, 0, _RIGHT.size, _START)
    copied = candidates.features.shape[1]
    for mention in range(begins.size):
        to_left = hash_bytes(lefts, left_begins[mention], left_begins[mention + 1], left)
        to_right = hash_bytes(rights, right_begins[mention], right_begins[mention + 1], right)
        likeliest = groups[mention].max()
        for i in range(begins[mention], begins[mention] + sizes[mention]):
            kind = candidates.types[i]
            group = group_of[kind] if kind >= 0 else -1
            out[at, :copied] = candidates.features[i]
            out[at, _TYPE_BY_LEFT_WORD] = type_log_ratio(priors, to_left, kind)
            out[at, _TYPE_BY_RIGHT_WORD] = type_log_ratio(priors, to_right, kind)
            out[at, _GROUP_PROBABILITY] = groups[mention, group] if group >= 0 else -1.0
            out[at, _MAX_GROUP_PROBABILITY] = likeliest
            at += 1


def group_numbers(type_ids: tuple[str, ...], groups: tuple[str, ...]) -> NDArray[np.int64]:
    """Returns the number of each type's semantic group, or -1.

    >>> group_numbers(("T047", "X"), ("ANAT", "DISO")).tolist()
    [1, -1]
    """
    known = {name: number for number, name in enumerate(groups)}
    numbers = [known.get(semantic_group([one]), -1) for one in type_ids]
    return np.array(numbers or [-1], np.int64)
