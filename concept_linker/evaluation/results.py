"""A system's figures on a corpus, for each of the two tasks, as values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Mention
from concept_linker.corpora.concept_ids import ConceptIds
from concept_linker.corpora.gold import GoldCorpus
from concept_linker.evaluation.calibration import (
    Calibration,
    ThresholdPoint,
    calibrate,
    threshold_curve,
)
from concept_linker.evaluation.error_analysis import Mistakes, sort_found, sort_linked
from concept_linker.evaluation.matching import MEASURES, count_matches, pairs_of
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

__all__ = ["KS", "EndToEndResult", "GoldMentionResult", "Prf", "measure_found", "measure_gold"]

#: The ks of recall at k.
KS = (1, 5, 10, 30)


@dataclass(frozen=True, slots=True)
class GoldMentionResult:
    """Linking alone: the mentions are given.

    Args:
        system: what it is called.
        seconds: what linking took.
        mentions: how many have an id.
        without_id: how many have none; they are in no figure.
        in_base: how many have a concept that the base has.
        recall_at: by rule of ties and k, over all mentions.
        recall_at_in_base: the same over those whose concept is in the base.
        linked: how many the system gives a concept, which is a decision of its threshold.
        precision: how many of those are right; NaN where none is linked.
        candidate_recall: how many have a right concept among their candidates, however many.
        subgroups: figures by semantic group, and by what training had.
        calibration: of the first candidates' scores.
        thresholds: what a threshold on the score buys.
        mistakes: what goes wrong.
        columns: by document, how many are right at 1 with strict ties, and how many there are.
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
    mistakes: Mistakes
    columns: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""

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
            "mistakes": self.mistakes.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Prf:
    """Precision, recall and F1."""

    precision: Interval
    recall: Interval
    f1: Interval

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {name: getattr(self, name).to_dict() for name in ("precision", "recall", "f1")}


@dataclass(frozen=True, slots=True)
class EndToEndResult:
    """Finding and linking mentions.

    Args:
        system: what it is called.
        seconds: what it took.
        found: how many mentions it returned.
        linked: how many of them with a concept.
        groups: counts by semantic group.
        measures: by measure, as :data:`~concept_linker.evaluation.matching.MEASURES` names them.
        calibration: of the linked mentions' scores; right is the same place and concept.
        thresholds: what a threshold on the score buys.
        mistakes: what goes wrong.
        columns: by measure and document, what precision and recall are made of.
    """

    system: str
    seconds: float
    found: int
    linked: int
    groups: tuple[FoundGroup, ...]
    measures: dict[str, Prf]
    calibration: Calibration | None
    thresholds: tuple[ThresholdPoint, ...]
    mistakes: Mistakes
    columns: dict[str, NDArray[np.float64]]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "system": self.system,
            "seconds": round(self.seconds, 3),
            "found": self.found,
            "linked": self.linked,
            "groups": [group.to_dict() for group in self.groups],
            "measures": {name: prf.to_dict() for name, prf in self.measures.items()},
            "calibration": self.calibration.to_dict() if self.calibration else None,
            "thresholds": [point.to_dict() for point in self.thresholds],
            "mistakes": self.mistakes.to_dict(),
        }


def measure_gold(
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
    """Lets a system link the gold mentions, and measures it.

    Args:
        name: what to call it.
        system: the linker; with 30 candidates a mention, or R@30 has little to count.
        corpus: the corpus.
        ids: how ids are spelled.
        train: what "seen" mentions are seen in.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        progress: told how many documents are done.
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
        mistakes=sort_linked(corpus, linked, ids),
        columns=_by_document(ranks, hits(ranks, 1, "strict"), everywhere),
    )


def _by_document(
    ranks: Ranks, right: NDArray[Any], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How many are right and how many there are, by document."""
    documents = ranks.documents[where]
    count = ranks.document_count
    sums = np.bincount(documents, np.asarray(right, float)[where], count)
    return np.column_stack([sums, np.bincount(documents, minlength=count)]).astype(float)


def measure_found(
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
        name: what to call it.
        linked: for each document its mentions
            (:func:`~concept_linker.evaluation.systems.link_texts`).
        corpus: the corpus.
        ids: how ids are spelled.
        seconds: what it took.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    pairs = pairs_of(corpus, linked, ids)
    columns = count_matches(pairs).columns
    scores: list[float] = []
    right: list[bool] = []
    to_find = 0
    for mentions, (marked, found) in zip(linked, pairs, strict=True):
        gold = {(m.start, m.end, concept) for m in marked for concept in m.concepts}
        to_find += sum(bool(m.concepts) for m in marked)
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
        thresholds=threshold_curve(scores, right, to_find),
        mistakes=sort_found(corpus, linked, ids),
        columns=columns,
    )
