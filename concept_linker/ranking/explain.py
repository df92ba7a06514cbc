"""Explanations: why one candidate is ranked before another, feature by feature, in words.

The part of a feature is how much the best candidate's lead shrinks if the feature had the value of
the second candidate.  Features are swapped one at a time, so parts need not add up to the lead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.ranking.features import FEATURES
from concept_linker.trees import Trees

__all__ = ["Explanation", "Reason", "merge_reasons", "stage_reasons"]

_WORDS = {one.name: one.words for one in FEATURES}
# How many reasons are printed.
_SHOWN = 6
# The first stage's outputs, as inputs of the second.
_OUTPUTS = frozenset(name for name in _WORDS if name.startswith("first_stage_"))


class Reason(NamedTuple):
    """The part of one feature in ranking the best candidate before the second.

    Args:
        feature: its name.
        words: what it is.
        best, second: its value for each of the two.
        part: how much the best candidate's lead, in log odds, shrinks if the feature had the
            second's value; below 0 the feature is in favour of the second.
    """

    feature: str
    words: str
    best: float
    second: float
    part: float


class Explanation(NamedTuple):
    """Why a mention is linked to its concept.

    Args:
        text: the mention.
        string: the string that was ranked: the mention, or its long form.
        best: the best candidate.
        second: the second candidate, if there is one.
        reasons: the features that differ, those with the largest part first.
    """

    text: str
    string: str
    best: Candidate
    second: Candidate | None
    reasons: tuple[Reason, ...]

    def __str__(self) -> str:
        head = f"{self.text!r}: {self.best.concept_id} {self.best.name} ({self.best.score:.2f})"
        if self.string != self.text:
            head += f", as {self.string!r}"
        if self.second is None:
            return f"{head}; nothing else came into question"
        second = f"{self.second.concept_id} {self.second.name} ({self.second.score:.2f})"
        lines = [
            f"  {reason.part:+.2f}  {reason.words}: {reason.best:.3g} against {reason.second:.3g}"
            for reason in self.reasons[:_SHOWN]
        ]
        return "\n".join([f"{head}, before {second}", *lines])


def stage_reasons(trees: Trees, names: Sequence[str], rows: NDArray[np.float32]) -> list[Reason]:
    """Returns the part of each feature in which two candidates differ.

    Args:
        trees: those of one stage.
        names: its features.
        rows: the features of the best candidate and of the second.
    """
    best, second = rows
    different = np.flatnonzero(best != second)
    swapped = np.repeat(best[None], len(different), axis=0)
    swapped[np.arange(len(different)), different] = second[different]
    [score] = trees.scores(rows[:1])
    lost = score - trees.scores(swapped) if len(different) else []
    return [
        Reason(
            names[column], _WORDS[names[column]], float(best[column]), float(second[column]), part
        )
        for column, part in zip(different.tolist(), map(float, lost), strict=True)
    ]


def merge_reasons(first: Sequence[Reason], second: Sequence[Reason]) -> tuple[Reason, ...]:
    """Returns the reasons of both stages that matter, the largest part first.

    The first stage's outputs are left out if its features are known: they say the same.

    Args:
        first, second: the reasons of each stage.
    """
    found: dict[str, Reason] = {reason.feature: reason for reason in first}
    for reason in second:
        if not first or reason.feature not in _OUTPUTS:
            earlier = found.get(reason.feature)
            part = reason.part + (earlier.part if earlier else 0.0)
            found[reason.feature] = reason._replace(part=part)
    counted = [reason for reason in found.values() if abs(reason.part) >= 0.005]
    return tuple(sorted(counted, key=lambda reason: (-abs(reason.part), reason.feature)))
