"""Ranks the candidates of mentions, and says how likely each is right.

The stages, in the order data flows:

1.  :mod:`~concept_linker.ranking.candidates` generates the candidates of a string,
2.  :mod:`~concept_linker.ranking.string_features` computes what the string says of each,
3.  :mod:`~concept_linker.ranking.first_stage` ranks them; the answer is cached
    (:mod:`~concept_linker.ranking.cache`), for captions repeat their mentions,
4.  :mod:`~concept_linker.ranking.coherence` adds what the other mentions of the text say,
5.  :mod:`~concept_linker.ranking.contextual_features` adds what the neighbouring words and the
    mention network say,
6.  :mod:`~concept_linker.ranking.second_stage` scores the candidates,
7.  :mod:`~concept_linker.ranking.calibration` turns scores into probabilities; unexplained short
    forms have a judge of their own (:mod:`~concept_linker.ranking.short_form_judge`).

Every feature is declared in :mod:`~concept_linker.ranking.features`.  The trees of both stages are
trained to put the right candidate first (``models/ranker``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.cache import CachedStrings, StringCache
from concept_linker.ranking.calibration import Calibration
from concept_linker.ranking.candidates import MANY
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.explain import Reason, merge_reasons, stage_reasons
from concept_linker.ranking.features import (
    FIRST_STAGE_FEATURES,
    SECOND_STAGE_FEATURES,
    SHORT_FORM_FEATURES,
)
from concept_linker.ranking.first_stage import FirstStage, StringDescriber
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.second_stage import MentionCandidates, Query, SecondStage, ranges
from concept_linker.ranking.short_form_judge import ShortFormJudge
from concept_linker.trees import Trees

__all__ = ["ENCODER", "FIRST_STAGE", "SECOND_STAGE", "SHORT_FORMS", "Query", "Ranker"]

#: The folders of a ranker: the trees of both stages and of the judge, and the encoder.
FIRST_STAGE, SECOND_STAGE, SHORT_FORMS = "first_stage", "second_stage", "short_forms"
ENCODER = "encoder"

_FEATURES = {
    FIRST_STAGE: FIRST_STAGE_FEATURES,
    SECOND_STAGE: SECOND_STAGE_FEATURES,
    SHORT_FORMS: SHORT_FORM_FEATURES,
}
_Answer = tuple[Candidate, ...]


class Ranker:
    """Ranks the candidates of mentions.  Threads may share it.

    Args:
        kb: the knowledge base.
        priors: the counts of a corpus.
        encoder: the vectors of words.
        trees: those of :data:`FIRST_STAGE`, :data:`SECOND_STAGE` and :data:`SHORT_FORMS`.
        calibration: from scores to probabilities.
        k: how many candidates a mention has at most.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        priors: Priors,
        encoder: Encoder,
        trees: dict[str, Trees],
        calibration: Calibration,
        *,
        k: int,
    ) -> None:
        self._k = k
        # If the search reaches far, the context has a say in which of many are kept.
        limit = 2 * k if k >= MANY else k
        describer = StringDescriber(kb, priors, encoder, k=k)
        self._first_stage = FirstStage(describer, trees[FIRST_STAGE], limit=limit)
        self._cache = StringCache(kb, self._first_stage)
        self._second_stage = SecondStage(
            trees[SECOND_STAGE], describer.priors, priors.type_ids, limit=limit
        )
        self._judge = ShortFormJudge(kb, trees[SHORT_FORMS], calibration.temperature)
        self._calibration = calibration
        self._opened: tuple[Any, ...] | None = None

    @classmethod
    def open(cls, kb: KnowledgeBase, folder: Path, priors: Path, *, k: int) -> Ranker:
        """Opens a ranker.

        Args:
            kb: the knowledge base.
            folder: the folder of the trees, the encoder and ``calibration.json``.
            priors: the folder of the priors.
            k: how many candidates a mention has at most.

        Raises:
            InputError: a part is missing, or is of another version.
        """
        try:
            trees = {stage: Trees.open(folder / stage) for stage in _FEATURES}
            calibration = Calibration.open(folder / "calibration.json")
        except OSError as error:
            raise InputError(f"{folder}: cannot open a ranker there ({error.strerror})") from None
        for stage, names in _FEATURES.items():
            count = int(trees[stage].features.max()) + 1
            if count > len(names):
                raise InputError(
                    f"{folder / stage}: trees read {count} features, expected at most "
                    f"{len(names)}; train the ranker again"
                )
        counts, encoder = Priors.open(priors), Encoder.open(folder / ENCODER)
        ranker = cls(kb, counts, encoder, trees, calibration, k=k)
        ranker._opened = partial(Ranker.open, k=k), (kb, folder, priors)
        return ranker

    def __reduce__(self) -> tuple[Any, ...]:
        if self._opened is None:
            raise TypeError("only a ranker that was opened from its folders can be pickled")
        return self._opened

    def rank_many(self, queries: Sequence[Query]) -> list[_Answer]:
        """Returns the candidates of each query, best score first.

        Equal scores are ordered by higher similarity, then by lower concept id.
        """
        cached, rows = self._cache.look_up([query.string for query in queries])
        is_decided = cached.is_decided[rows]
        self._answer_decided(cached, rows[is_decided])
        scored = self._second_stage.score(cached.table, rows, queries, ~is_decided)
        short_forms = _short_forms(cached, rows, queries, ~is_decided)
        others = iter(self._answer(cached, scored, short_forms))
        return [
            cached.answers[row] if decided else next(others)
            for row, decided in zip(rows.tolist(), is_decided.tolist(), strict=True)
        ]

    def explain(
        self, queries: Sequence[Query]
    ) -> list[tuple[Candidate, Candidate | None, tuple[Reason, ...]] | None]:
        """Returns for each query the best candidate, the second, and the reasons for their order.

        ``None`` for a string without candidates.
        """
        answers = self.rank_many(queries)
        cached, rows = self._cache.look_up([query.string for query in queries])
        is_decided = cached.is_decided[rows]
        alone = self._second_stage.score(cached.table, rows, [Query("")] * len(queries))
        together = self._second_stage.score(cached.table, rows, queries, ~is_decided)
        places = np.cumsum(~is_decided) - 1
        explained: list[tuple[Candidate, Candidate | None, tuple[Reason, ...]] | None] = []
        for i, (query, answer) in enumerate(zip(queries, answers, strict=True)):
            scored, place = (alone, i) if is_decided[i] else (together, int(places[i]))
            if answer:
                second = answer[1] if len(answer) > 1 else None
                why = self._reasons(cached, query.string, scored, place, answer)
                explained.append((answer[0], second, why))
            else:
                explained.append(None)
        return explained

    def describe_short_forms(
        self, queries: Sequence[Query]
    ) -> list[tuple[str, NDArray[np.float32]] | None]:
        """Returns the examples that the judge of short forms is trained on.

        For each query that needs a judge the id of its best candidate and the features, of size
        :data:`~.features.SHORT_FORM_FEATURES`; ``None`` for any other.
        """
        cached, rows = self._cache.look_up([query.string for query in queries])
        is_short = cached.is_short[rows]
        scored = self._second_stage.score(cached.table, rows, queries, is_short)
        judged = self._judge.describe(scored, _short_forms(cached, rows, queries, is_short))
        examples: list[tuple[str, NDArray[np.float32]] | None] = [None] * len(queries)
        places = np.flatnonzero(is_short).tolist()
        for mention, concept_id, features in zip(*judged, strict=True):
            examples[places[mention]] = concept_id, features
        return examples

    def _answer_decided(self, cached: CachedStrings, rows: NDArray[np.int64]) -> None:
        """Adds the answers of decided strings to the cache; a context is not read."""
        missing = [row for row in dict.fromkeys(rows.tolist()) if row not in cached.answers]
        no_context = [Query("")] * len(missing)
        scored = self._second_stage.score(cached.table, np.array(missing, np.int64), no_context)
        cached.answers.update(zip(missing, self._answer(cached, scored, []), strict=True))

    def _answer(
        self,
        cached: CachedStrings,
        scored: MentionCandidates,
        short_forms: Sequence[tuple[int, str]],
    ) -> list[_Answer]:
        """Returns the candidates of mentions as values, best first.

        Args:
            cached: where the strings are.
            scored: the candidates of mentions.
            short_forms: number and string of each of the mentions that is a short form.
        """
        known = self._judge.probabilities(scored, short_forms)
        order, probabilities = self._calibration.probabilities(
            scored.scores, scored.features, scored.sizes, scored.concepts, known
        )
        sizes = np.minimum(scored.sizes, self._k)
        best = ranges(np.cumsum(scored.sizes) - scored.sizes, sizes)
        rows = scored.rows[order[best]].tolist()
        heads, types, new = cached.heads, cached.types, tuple.__new__
        candidates = [
            new(Candidate, (*heads[row], probability, types[row]))
            if row >= 0
            else _offered(cached, ~row, probability)
            for row, probability in zip(rows, probabilities[best].tolist(), strict=True)
        ]
        ends = list(itertools.accumulate(sizes.tolist(), initial=0))
        return [tuple(candidates[begin:end]) for begin, end in itertools.pairwise(ends)]

    def _reasons(
        self,
        cached: CachedStrings,
        string: str,
        scored: MentionCandidates,
        mention: int,
        answer: _Answer,
    ) -> tuple[Reason, ...]:
        """Returns why the best candidate of a mention is ranked before the second."""
        if len(answer) < 2:
            return ()
        own = scored.slice_of(mention)
        rows, concepts = scored.rows[own], scored.concepts[own]
        ids = [cached.heads[max(row, ~row)][0] for row in rows.tolist()]
        both = [ids.index(candidate.concept_id) for candidate in answer[:2]]
        features = scored.features[own][both]
        second = stage_reasons(self._second_stage.trees, SECOND_STAGE_FEATURES, features)
        if (rows[both] < 0).any():
            # The first-stage features of a candidate of another string are unknown.
            return merge_reasons((), [one for one in second if -1.0 not in (one.best, one.second)])
        described = self._first_stage.describer.describe([string])
        known = described.candidates.concepts.tolist()
        features = described.features[[known.index(one) for one in concepts[both].tolist()]]
        first = stage_reasons(self._first_stage.trees, FIRST_STAGE_FEATURES, features)
        return merge_reasons(first, second)


def _short_forms(
    cached: CachedStrings,
    rows: NDArray[np.int64],
    queries: Iterable[Query],
    selected: NDArray[np.bool_],
) -> list[tuple[int, str]]:
    """Returns number and string of each of the selected mentions that is a short form."""
    chosen = itertools.compress(queries, selected.tolist())
    is_short = cached.is_short[rows[selected]].tolist()
    return [
        (number, query.string)
        for number, (query, short) in enumerate(zip(chosen, is_short, strict=True))
        if short
    ]


def _offered(cached: CachedStrings, row: int, probability: float) -> Candidate:
    """Returns the candidate of another string: none of its names was found for this one."""
    concept_id, name, _, _ = cached.heads[row]
    return Candidate(concept_id, name, name, 0.0, probability, cached.types[row])
