"""Scores the candidates of a mention.

    score = similarity · (n(string, concept) + α · share) / (n(string) + α)

n are counts from MedMentions TRAIN (:mod:`~concept_linker.ranking.priors`); ``share`` is what a
candidate gets where nothing was counted: its weight among all candidates' weights and a small one
for none of them, where a weight is greater for an agreeing case, a preferred name, and a concept
that is often meant.  It is the mean of a Dirichlet posterior whose prior is ``share`` with α
pseudo-counts (MacKay and Peto, 1995).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from concept_linker.annotation import Candidate
from concept_linker.candidates.normalise import case_agrees
from concept_linker.knowledge_base.base import KnowledgeBase, Match
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.priors import Priors

__all__ = ["Ranker"]

#: Pseudo-counts: so many observations weigh as much as all that is known beforehand.
ALPHA = 1.0

_KIND_WEIGHT = {
    NameKind.PREFERRED: 1.0,
    NameKind.SYNONYM: 0.8,
    NameKind.ABBREVIATION: 0.4,
    NameKind.RELATED: 0.1,
}
_OTHER_CASE = 0.1
# The weight of none of them: a lone name is right so often, a related one less often.
_NOTHING = 0.1


class Ranker:
    """Ranks by similarity, kind of name, and prior counts.

    Args:
        priors: the counts.
    """

    def __init__(self, priors: Priors) -> None:
        self._priors = priors

    def rank(self, kb: KnowledgeBase, mention: str, matches: Sequence[Match]) -> list[Candidate]:
        """The matches as candidates, best score first.

        Equal scores are ordered by the higher similarity, then by the lower concept id, so that
        the order never depends on anything but the mention and the base.
        """
        # Only what is to choose from: where the base lacks the name for a concept, or the concept,
        # its counts would say that all others are wrong.
        ids = {kb.concept_id(match) for match in matches}
        counts = {
            cui: count for cui, count in self._priors.of_string(mention).items() if cui in ids
        }
        total = sum(counts.values())
        weights = [self._weight(kb, mention, match) for match in matches]
        whole = sum(weights) + _NOTHING
        candidates = [
            kb.candidate(
                match,
                score=match.similarity
                * (counts.get(kb.concept_id(match), 0) + ALPHA * weight / whole)
                / (total + ALPHA),
            )
            for match, weight in zip(matches, weights, strict=True)
        ]
        candidates.sort(key=lambda c: (-c.score, -c.similarity, c.concept_id))
        return candidates

    def _weight(self, kb: KnowledgeBase, mention: str, match: Match) -> float:
        meant = self._priors.of_concept(kb.concept_id(match))
        kind = kb.kind(match)
        weight = _KIND_WEIGHT[kind] * (1.0 + math.log1p(meant))
        if match.similarity == 1.0 and not case_agrees(
            mention, kb.alias(match), symbol=kind is NameKind.ABBREVIATION
        ):
            weight *= _OTHER_CASE
        return weight * match.similarity**8
