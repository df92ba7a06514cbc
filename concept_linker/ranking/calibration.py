"""Calibration: from the second stage's scores to probabilities.

The scores of a mention's candidates become probabilities by softmax.  A logistic regression says
how likely the best candidate is right; the others keep their ratio to it.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError
from concept_linker.ranking.features import CALIBRATION_FEATURES, Stage, column
from concept_linker.runtime.compiling import njit

__all__ = ["CALIBRATION_INPUTS", "Calibration", "fill_calibration_inputs"]

_column = partial(column, stage=Stage.SECOND)
_SIMILARITY = _column("similarity")
_FEATURES = np.array([_column(name) for name in CALIBRATION_FEATURES])
#: The number of inputs of the regression: 1, score, softmax, its log odds, and features.
CALIBRATION_INPUTS = 4 + len(CALIBRATION_FEATURES)
# The softmax is capped, so that its log odds stay finite.
_MAX_SOFTMAX = 0.999


class Calibration(NamedTuple):
    """The parameters of the calibration.

    Args:
        temperature: the scores are divided by it before the softmax.
        weights: of the logistic regression, one for each of :data:`CALIBRATION_INPUTS` (float64).
    """

    temperature: float
    weights: NDArray[np.float64]

    @classmethod
    def open(cls, path: Path) -> Calibration:
        """Reads what :meth:`save` wrote.

        Raises:
            InputError: the file is of another version of the ranker.
        """
        values = json.loads(path.read_text(encoding="utf-8"))
        weights = np.array(values["weights"], np.float64)
        if weights.shape != (CALIBRATION_INPUTS,):
            raise InputError(
                f"{path}: {weights.size} weights, expected {CALIBRATION_INPUTS}; "
                "train the ranker again"
            )
        return cls(float(values["temperature"]), weights)

    def save(self, path: Path) -> None:
        """Writes JSON."""
        values = {"temperature": self.temperature, "weights": self.weights.tolist()}
        path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    def probabilities(
        self,
        scores: NDArray[np.float64],
        features: NDArray[np.float32],
        sizes: NDArray[np.int64],
        concepts: NDArray[np.int64],
        known: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Returns the candidates of each mention in order, and their probabilities.

        Equal probabilities are ordered by higher similarity, then by lower concept row.

        Args:
            scores: of the second stage, one mention after the other.
            features: of shape (candidates, :data:`~.features.SECOND_STAGE_FEATURES`).
            sizes: the number of candidates of each mention.
            concepts: the row of each candidate's concept.
            known: for each mention the probability that its best candidate is right; NaN where
                the regression decides.

        Returns:
            The rows of the candidates, best first, mention by mention; their probabilities.
        """
        order, probabilities = np.empty(len(scores), np.int64), np.empty(len(scores))
        _order(scores, features, sizes, *self, known, concepts, order, probabilities)
        return order, probabilities


@njit(cache=True, nogil=True)
def fill_calibration_inputs(scores, softmax, features, out):  # type: ignore[no-untyped-def]
    """Fills in the inputs of the regression for the best candidate of one mention.

    Args:
        scores, softmax: of the mention's candidates.
        features: of shape (candidates, :data:`~.features.SECOND_STAGE_FEATURES`).
        out: filled in, of size :data:`CALIBRATION_INPUTS`.
    """
    best = np.argmax(scores)
    top = min(softmax[best], _MAX_SOFTMAX)
    out[0], out[1], out[2], out[3] = 1.0, scores[best], top, np.log(top / (1.0 - top))
    for i in range(_FEATURES.size):
        out[4 + i] = features[best, _FEATURES[i]]


@njit(cache=True, nogil=True)
def _order(  # type: ignore[no-untyped-def]
    scores, features, sizes, temperature, weights, known, concepts, order, probabilities
):
    """Fills in order and probabilities (see :meth:`Calibration.probabilities`)."""
    begin = 0
    inputs = np.empty(weights.size)
    for mention in range(sizes.size):
        size = sizes[mention]
        own = scores[begin : begin + size]
        if size:
            softmax = np.exp((own - own.max()) / temperature)
            softmax /= softmax.sum()
            top = softmax.max()
            ties = (softmax == top).sum()
            best = known[mention]
            if np.isnan(best):
                fill_calibration_inputs(own, softmax, features[begin : begin + size], inputs)
                best = 1.0 / (1.0 + np.exp(-(inputs * weights).sum()))
            best = min(best, 1.0 / ties)
            # The others keep their ratio to the best, as long as all add up to 1 at most.
            ratio, rest = best / top, 1.0 - ties * top
            if rest > 0.0:
                ratio = min(ratio, (1.0 - ties * best) / rest)
            for i in range(size):  # insertion sort: of ten or thirty, most are in order
                at = begin + i
                probability = best if softmax[i] == top else softmax[i] * ratio
                similarity = max(features[begin + i, _SIMILARITY], 0.0)
                while at > begin:
                    other = order[at - 1]
                    is_tie = probabilities[at - 1] == probability
                    other_similarity = max(features[other, _SIMILARITY], 0.0)
                    if not (
                        probabilities[at - 1] < probability
                        or (is_tie and other_similarity < similarity)
                        or (
                            is_tie
                            and other_similarity == similarity
                            and concepts[other] > concepts[begin + i]
                        )
                    ):
                        break
                    order[at], probabilities[at] = order[at - 1], probabilities[at - 1]
                    at -= 1
                order[at], probabilities[at] = begin + i, probability
        begin += size
