"""The results of one system on a corpus, one class per task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Mention
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.evaluation.calibration import (
    Calibration,
    ThresholdPoint,
    calibrate,
    threshold_curve,
)
from concept_linker.evaluation.error_analysis import (
    ErrorAnalysis,
    analyse_end_to_end,
    analyse_gold_mentions,
)
from concept_linker.evaluation.matching import MEASURES, align, count_matches
from concept_linker.evaluation.measures import f1, precision, recall
from concept_linker.evaluation.ranks import TIE_RULES, Ranks, TieRule, hits, rank_mentions
from concept_linker.evaluation.subgroups import FoundGroup, Subgroup, found_groups, subgroups
from concept_linker.evaluation.systems import (
    BulkSpanLinker,
    Progress,
    SpanLinker,
    link_gold,
)
from concept_linker.reporting.intervals import Interval, bootstrap

__all__ = [
    "KS",
    "EndToEndResult",
    "GoldMentionResult",
    "Prf",
    "evaluate_end_to_end",
    "evaluate_gold_mentions",
]

#: The ks of recall at k.
KS = (1, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class GoldMentionResult:
    """Linking of given mentions.

    Args:
        system: the system's name.
        seconds: the time for linking.
        mentions: the number of mentions with an id.
        without_id: the number without; they are left out of all figures.
        in_base: the number whose concept is in the knowledge base.
        recall_at: by tie rule and k, over all mentions.
        recall_at_in_base: by tie rule and k, over mentions whose concept is in the knowledge base.
        linked: the number of mentions that the system links at its threshold.
        precision: the share of those that is right; NaN if none is linked.
        candidate_recall: the share of mentions with a right concept among all candidates.
        subgroups: figures by semantic group, form, and presence in training.
        calibration: of the first candidates' scores.
        thresholds: precision and recall by threshold on the score.
        errors: the error analysis.
        columns: per document, the mentions that are right at 1 with strict ties, and all mentions.
    """

    system: str
    seconds: float
    mentions: int
    without_id: int
    in_base: int
    recall_at: dict[TieRule, dict[int, Interval]]
    recall_at_in_base: dict[TieRule, dict[int, Interval]]
    linked: int
    precision: Interval
    candidate_recall: Interval
    subgroups: tuple[Subgroup, ...]
    calibration: Calibration | None
    thresholds: tuple[ThresholdPoint, ...]
    errors: ErrorAnalysis
    columns: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""

        def table(recalls: dict[TieRule, dict[int, Interval]]) -> dict[str, Any]:
            return {
                rule: {str(k): interval.to_dict() for k, interval in row.items()}
                for rule, row in recalls.items()
            }

        return {
            "system": self.system,
            "seconds": round(self.seconds, 3),
            "mentions": self.mentions,
            "without_id": self.without_id,
            "in_base": self.in_base,
            "recall_at": table(self.recall_at),
            "recall_at_in_base": table(self.recall_at_in_base),
            "linked": self.linked,
            "precision": self.precision.to_dict(),
            "candidate_recall": self.candidate_recall.to_dict(),
            "subgroups": [one.to_dict() for one in self.subgroups],
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "thresholds": [point.to_dict() for point in self.thresholds],
            "errors": self.errors.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Prf:
    """Precision, recall and F1."""

    precision: Interval
    recall: Interval
    f1: Interval

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {name: getattr(self, name).to_dict() for name in ("precision", "recall", "f1")}


@dataclass(frozen=True, slots=True)
class EndToEndResult:
    """Detecting and linking mentions.

    Args:
        system: the system's name.
        seconds: the time for both.
        found: the number of mentions that the system returns.
        linked: the number of those with a concept.
        groups: counts by semantic group.
        measures: by measure (:data:`~concept_linker.evaluation.matching.MEASURES`).
        calibration: of the linked mentions' confidence; right means same span and concept.
        thresholds: precision and recall by threshold on the confidence.
        errors: the error analysis.
        columns: by measure, the counts per document of which precision and recall are made.
    """

    system: str
    seconds: float
    found: int
    linked: int
    groups: tuple[FoundGroup, ...]
    measures: dict[str, Prf]
    calibration: Calibration | None
    thresholds: tuple[ThresholdPoint, ...]
    errors: ErrorAnalysis
    columns: dict[str, NDArray[np.float64]]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "system": self.system,
            "seconds": round(self.seconds, 3),
            "found": self.found,
            "linked": self.linked,
            "groups": [group.to_dict() for group in self.groups],
            "measures": {name: prf.to_dict() for name, prf in self.measures.items()},
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "thresholds": [point.to_dict() for point in self.thresholds],
            "errors": self.errors.to_dict(),
        }


def evaluate_gold_mentions(
    name: str,
    system: SpanLinker | BulkSpanLinker,
    corpus: GoldCorpus,
    ids: ConceptIds,
    *,
    train: GoldCorpus | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> GoldMentionResult:
    """Lets a system link the gold mentions and measures the result.

    Args:
        name: the system's name.
        system: the linker, with 30 candidates per mention, which R@30 needs.
        corpus: the corpus.
        ids: resolves the spelling of ids.
        train: the training corpus, for the subgroups of mentions seen in training.
        resamples: the number of resamples.
        seed: of the resamples.
        progress: called with the number of finished documents.
    """
    begin = time.perf_counter()
    linked = link_gold(system, corpus, progress)
    seconds = time.perf_counter() - begin
    ranks = rank_mentions(corpus, linked, ids)
    everywhere = np.ones(len(ranks), bool)

    def interval(right: NDArray[Any], where: NDArray[np.bool_]) -> Interval:
        columns = _by_document(ranks, right, where)
        return bootstrap(columns, recall, resamples=resamples, seed=seed)

    def table(where: NDArray[np.bool_]) -> dict[TieRule, dict[int, Interval]]:
        return {rule: {k: interval(hits(ranks, k, rule), where) for k in KS} for rule in TIE_RULES}

    mentions = [
        linked[document][mention]
        for document, mention in zip(ranks.documents.tolist(), ranks.mentions.tolist(), strict=True)
    ]
    firsts = [mention.candidates[:1] for mention in mentions]
    taken = np.array([mention.best is not None for mention in mentions], bool)
    scores = [first[0].score for first in firsts if first]
    right = [bool(place == 1) for place, first in zip(ranks.listed, firsts, strict=True) if first]
    return GoldMentionResult(
        system=name,
        seconds=seconds,
        mentions=len(ranks),
        without_id=ranks.without_id,
        in_base=int(ranks.in_base.sum()),
        recall_at=table(everywhere),
        recall_at_in_base=table(ranks.in_base),
        linked=int(taken.sum()),
        precision=interval(ranks.listed == 1, taken),
        candidate_recall=interval(ranks.found, everywhere),
        subgroups=subgroups(corpus, ranks, ids, train),
        calibration=calibrate(scores, right),
        thresholds=threshold_curve(scores, right, len(ranks)),
        errors=analyse_gold_mentions(corpus, linked, ids),
        columns=_by_document(ranks, hits(ranks, 1, "strict"), everywhere),
    )


def _by_document(
    ranks: Ranks, right: NDArray[Any], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Returns the number of right mentions and of all mentions, per document."""
    documents = ranks.documents[where]
    count = ranks.document_count
    sums = np.bincount(documents, np.asarray(right, float)[where], count)
    return np.column_stack([sums, np.bincount(documents, minlength=count)]).astype(float)


def evaluate_end_to_end(
    name: str,
    linked: Sequence[Sequence[Mention]],
    corpus: GoldCorpus,
    ids: ConceptIds,
    *,
    seconds: float = 0.0,
    resamples: int = 1000,
    seed: int = 0,
) -> EndToEndResult:
    """Measures the mentions that a system found and linked.

    Args:
        name: the system's name.
        linked: the mentions of each document
            (:func:`~concept_linker.evaluation.systems.link_texts`).
        corpus: the corpus.
        ids: resolves the spelling of ids.
        seconds: the time for detecting and linking.
        resamples: the number of resamples.
        seed: of the resamples.
    """
    pairs = align(corpus, linked, ids)
    columns = count_matches(pairs).columns
    scores: list[float] = []
    right: list[bool] = []
    gold_mentions = 0
    for mentions, (marked, found) in zip(linked, pairs, strict=True):
        gold = {(m.start, m.end, concept) for m in marked for concept in m.concepts}
        gold_mentions += sum(bool(m.concepts) for m in marked)
        for mention, place in zip(mentions, found, strict=True):
            if mention.best is not None:
                scores.append(mention.confidence)
                right.append(tuple(place) in gold)
    return EndToEndResult(
        system=name,
        seconds=seconds,
        found=sum(map(len, linked)),
        linked=len(scores),
        groups=found_groups(corpus, pairs),
        measures={
            measure: Prf(
                *(
                    bootstrap(columns[measure], statistic, resamples=resamples, seed=seed)
                    for statistic in (precision, recall, f1)
                )
            )
            for measure in MEASURES
        },
        calibration=calibrate(scores, right),
        thresholds=threshold_curve(scores, right, gold_mentions),
        errors=analyse_end_to_end(corpus, linked, ids),
        columns=columns,
    )
