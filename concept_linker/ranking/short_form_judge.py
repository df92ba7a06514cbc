"""How likely the best candidate of a short form is right.

``CTPA`` is a gene's alias, ``RA`` a disease, ``SWI`` a protein complex: a short form that its text
does not explain mostly has another sense than the one meant, however well the string fits.  So its
probability comes from separate trees, unless training has seen the short form used for the concept
(:func:`needs_judge`).  They are trained on the short forms of captions
(``models/ranker/short_forms.py``), and read the features of the second stage, its scores, and what
kind of concept the candidate is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.detection.short_form_rules import disagrees, is_known
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_groups
from concept_linker.ranking.features import (
    SECOND_STAGE_FEATURES,
    SHORT_FORM_FEATURES,
    Stage,
    column,
)
from concept_linker.ranking.second_stage import MentionCandidates
from concept_linker.runtime.compiling import njit
from concept_linker.trees import Trees

__all__ = ["JudgedForms", "ShortFormJudge", "is_short_form", "needs_judge"]

_column = partial(column, stage=Stage.SHORT_FORM)
_SECOND_STAGE_SCORE = _column("second_stage_score")
_SECOND_STAGE_SOFTMAX = _column("second_stage_softmax")
_SECOND_STAGE_COUNT = _column("second_stage_count")
_PAIR_COUNT = _column("pair_count")
# The last features, which the concept alone decides.
_CONCEPT_FEATURES = ("other_sense", "has_cui", "is_mesh", "is_gene", "is_disorder")
_OF_CONCEPT = np.array([_column(name) for name in _CONCEPT_FEATURES])
_COPIED = len(SECOND_STAGE_FEATURES)

# Capitals, with a small letter of a plural or a name ("LCx"); a vertebra or lead; "3D".  Other
# symbols with small letters or digits in them (mRNA, p53) mean what they say.
_SHORT_FORM = re.compile(r"[A-Z][A-Z/-]{0,4}[A-Z][a-z]?|[A-Z][-–]?\d{1,2}|\d-?D")


class JudgedForms(NamedTuple):
    """Short forms whose best candidate is judged.

    Args:
        mentions: the numbers of the mentions.
        concept_ids: the id of each one's best candidate.
        features: float32 of shape (short forms, :data:`~.features.SHORT_FORM_FEATURES`).
    """

    mentions: list[int]
    concept_ids: list[str]
    features: NDArray[np.float32]


class ShortFormJudge:
    """Judges the best candidates of short forms.

    Args:
        kb: the knowledge base.
        trees: the boosted trees.
        temperature: of the second stage's softmax (see :class:`~.calibration.Calibration`).
    """

    def __init__(self, kb: KnowledgeBase, trees: Trees, temperature: float) -> None:
        self._kb, self._trees, self._temperature = kb, trees, temperature

    def describe(
        self, candidates: MentionCandidates, short_forms: Iterable[tuple[int, str]]
    ) -> JudgedForms:
        """Returns the short forms that need a judge, with their features.

        Args:
            candidates: the scored candidates of mentions.
            short_forms: number and string of each mention that is a short form.
        """
        best, features = best_candidates(
            candidates.scores, candidates.features, candidates.sizes, self._temperature
        )
        mentions, ids = [], []
        for mention, string in short_forms:
            if best[mention] >= 0:
                concept = int(candidates.concepts[best[mention]])
                concept_id, name, types = self._kb.rows.head(concept)
                if needs_judge(string, name, features[mention, _PAIR_COUNT]):
                    kind = concept_features(string, concept_id, name, types)
                    features[mention, _OF_CONCEPT] = kind
                    mentions.append(mention)
                    ids.append(concept_id)
        return JudgedForms(mentions, ids, features[mentions])

    def probabilities(
        self, candidates: MentionCandidates, short_forms: Sequence[tuple[int, str]]
    ) -> NDArray[np.float64]:
        """Returns for each mention how likely its best candidate is right; NaN if it is not judged.

        Args:
            candidates, short_forms: as :meth:`describe` takes them.
        """
        probabilities = np.full(len(candidates.sizes), np.nan)
        if short_forms:
            judged = self.describe(candidates, short_forms)
            probabilities[judged.mentions] = self._trees.probabilities(judged.features)
        return probabilities


def is_short_form(string: str) -> bool:
    """Returns whether a string looks like a short form, so that its letters say little.

    >>> [is_short_form(string) for string in ("CTPA", "LCx", "SNPs", "L3", "lesion", "p53", "IL-6")]
    [True, True, True, True, False, False, False]
    """
    return _SHORT_FORM.fullmatch(string) is not None


def needs_judge(string: str, name: str, pair_count: float) -> bool:
    """Returns whether it is doubtful that a short form means a concept.

    A well-known short form is doubtful if it usually stands for something else.  Any other is
    doubtful if it was never used for the concept in training.

    Args:
        string: the short form.
        name: the concept's preferred name.
        pair_count: the feature of this name.

    >>> needs_judge("CTPA", "cataract 6", 0), needs_judge("TEE", "Echocardiography", 0)
    (True, False)
    >>> needs_judge("RA", "Rheumatoid Arthritis", 2.1), needs_judge("COPD", "any disease", 2.1)
    (True, False)
    """
    if is_known(string):
        return _has_other_sense(string, name)
    return pair_count <= 0


def _has_other_sense(string: str, name: str) -> bool:
    return disagrees(string, name) and name.casefold() != string.casefold()


def concept_features(
    string: str, concept_id: str, name: str, semantic_types: Sequence[str]
) -> tuple[float, ...]:
    """Returns the features of a short form that its concept alone decides.

    >>> concept_features("CTPA", "MONDO:0007288", "cataract 6 multiple types", ["T047"])
    (1.0, 0.0, 0.0, 0.0, 1.0)
    """
    groups = semantic_groups(semantic_types)
    return (
        float(_has_other_sense(string, name)),
        float(":" not in concept_id),
        float(concept_id.startswith("MESH:")),
        float(concept_id.startswith("HGNC:") or "GENE" in groups),
        float("DISO" in groups),
    )


def best_candidates(
    scores: NDArray[np.float64],
    features: NDArray[np.float32],
    sizes: NDArray[np.int64],
    temperature: float,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns the best candidate of each mention, -1 if it has none, and its features.

    The features of the concept are left at 0 (see :func:`concept_features`).

    Args:
        scores: of the second stage, one mention after the other.
        features: of shape (candidates, :data:`~.features.SECOND_STAGE_FEATURES`).
        sizes: the number of candidates of each mention.
        temperature: of the softmax.
    """
    best = np.empty(len(sizes), np.int64)
    out = np.zeros((len(sizes), len(SHORT_FORM_FEATURES)), np.float32)
    _fill(scores, features, sizes, temperature, best, out)
    return best, out


@njit(cache=True, nogil=True)
def _fill(scores, features, sizes, temperature, best, out):  # type: ignore[no-untyped-def]
    """Fills in what :func:`best_candidates` returns."""
    begin = 0
    for mention in range(sizes.size):
        own = scores[begin : begin + sizes[mention]]
        best[mention] = -1
        if own.size:
            top = np.argmax(own)
            best[mention] = begin + top
            total = 0.0
            for score in own:
                total += np.exp((score - own[top]) / temperature)
            out[mention, :_COPIED] = features[begin + top]
            out[mention, _SECOND_STAGE_SCORE] = own[top]
            out[mention, _SECOND_STAGE_SOFTMAX] = 1.0 / total
            out[mention, _SECOND_STAGE_COUNT] = own.size
        begin += sizes[mention]
