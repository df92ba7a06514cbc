"""Ranks the candidates of a mention, and says how likely each is right.

Two stages of boosted trees, both taught to put the right candidate first (``models/ranker``).  The
first sees what the mention's string alone says (:mod:`~concept_linker.ranking.string_features`);
its answer is kept, for captions repeat their mentions.  The second sees the best of them, what the
other mentions of the text say (:mod:`~concept_linker.ranking.coherence`), and what the place says
(:mod:`~concept_linker.ranking.contextual_features`): the words beside the mention, and the semantic
groups that the mention network gives it.  Its numbers become shares by softmax; how likely the best
one is right, a logistic function tells by its share and by what speaks for it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.detection.detector import GROUPS
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.ranking.cache import Ranked, Remembered
from concept_linker.ranking.coherence import gathered, passages, seen
from concept_linker.ranking.contextual_features import (
    IN_PLACE,
    Calibration,
    Shelf,
    conclude,
    group_numbers,
    keep,
    spread,
)
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.explain import Reason, parts, reasons
from concept_linker.ranking.first_stage import Pooling
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.short_forms import (
    EVIDENCE,
    OF_CONCEPT,
    PAIR_COUNT,
    needs_judge,
    short_form_evidence,
    told_by_concept,
)
from concept_linker.ranking.string_features import FEATURES
from concept_linker.runtime.forking import renew_when_forked
from concept_linker.trees import Trees

__all__ = ["BY_STRING", "ENCODER", "IN_ITS_PLACE", "SHORT_FORMS", "Query", "Ranker"]

#: The folders of the trees of both stages, of those that judge short forms, and of the encoder, in
#: that of a ranker.
BY_STRING, IN_ITS_PLACE, SHORT_FORMS = "by_string", "in_its_place", "short_forms"
ENCODER = "encoder"


class Query(NamedTuple):
    """What is to be ranked.

    Args:
        string: the mention's words, or its long form.
        left, right: what stands beside it, as ``surroundings.beside`` tells.
        groups: the chance of each of :data:`~concept_linker.detection.detector.GROUPS`, or
            ``None`` where nothing is known.
        text: the number of its text, whose queries follow each other; ``None`` where it is alone.
    """

    string: str
    left: str = ""
    right: str = ""
    groups: NDArray[np.float64] | None = None
    text: int | None = None


class _Placed(NamedTuple):
    """The candidates of mentions in their texts, one mention after the other.

    Args:
        concepts: rows of the base.
        rows: where each is on the shelf; ``~row`` of one that another string has brought.
        features: float32 of shape (candidates, :data:`~.context.IN_PLACE`).
        sizes: how many each mention has.
    """

    concepts: NDArray[np.int64]
    rows: NDArray[np.int64]
    features: NDArray[np.float32]
    sizes: NDArray[np.int64]

    def of(self, mention: int) -> _Placed:
        """Those of one mention."""
        end = int(self.sizes[: mention + 1].sum())
        own = slice(end - int(self.sizes[mention]), end)
        return _Placed(
            self.concepts[own],
            self.rows[own],
            self.features[own],
            self.sizes[mention : mention + 1],
        )


class Ranker:
    """Ranks the candidates of mentions.  Threads may share it.

    Args:
        kb: the base they are in.
        priors: what was learned.
        encoder: the vectors of words.
        by_string, in_its_place: the trees of both stages.
        short_forms: the trees that say how likely the best candidate of a short form is right.
        calibration: the probabilities of all others.
        most: how many candidates a mention keeps.
    """

    def __init__(
        self,
        kb: KnowledgeBase,
        priors: Priors,
        encoder: Encoder,
        by_string: Trees,
        in_its_place: Trees,
        short_forms: Trees,
        calibration: Calibration,
        *,
        most: int,
    ) -> None:
        self._kb = kb
        self._by_string = by_string
        self._in_its_place = in_its_place
        self._short_forms = short_forms
        self._calibration = calibration
        self._most = most
        self._pooling = Pooling(kb, priors, encoder, most=most)
        # Where the search goes far, the place has a say in which of many are kept.
        self._kept = 2 * most if self._pooling.far else most
        self._opened: tuple[Any, ...] | None = None
        self._group_of = group_numbers(priors.type_ids, GROUPS)
        self._known = Remembered(0, self._kept)
        self.renew()
        renew_when_forked(self)

    def renew(self) -> None:
        """In a forked child: a lock of its own; what is known is whole."""
        self._lock = threading.Lock()

    @classmethod
    def open(cls, kb: KnowledgeBase, folder: Path, priors: Path, *, most: int) -> Ranker:
        """Opens a ranker.

        Args:
            kb: the base.
            folder: with the encoder, the trees and ``calibration.json``.
            priors: the folder of the priors.
            most: how many candidates a mention keeps.

        Raises:
            InputError: one of them is not there, or is of another version.
        """
        try:
            by_string, in_its_place, short_forms = (
                Trees.open(folder / stage) for stage in (BY_STRING, IN_ITS_PLACE, SHORT_FORMS)
            )
            calibration = Calibration.open(folder / "calibration.json")
        except OSError as error:
            raise InputError(f"{folder}: no ranker there ({error.strerror})") from None
        for stage, trees, columns in (
            (BY_STRING, by_string, FEATURES),
            (IN_ITS_PLACE, in_its_place, IN_PLACE),
            (SHORT_FORMS, short_forms, EVIDENCE),
        ):
            if trees.features.max() >= len(columns):
                raise InputError(
                    f"{folder / stage}: asks of {trees.features.max() + 1} features, "
                    f"wanted {len(columns)} at most: train it anew"
                )
        learned = Priors.open(priors), Encoder.open(folder / ENCODER)
        ranker = cls(kb, *learned, by_string, in_its_place, short_forms, calibration, most=most)
        ranker._opened = partial(Ranker.open, most=most), (kb, folder, priors)
        return ranker

    def __reduce__(self) -> tuple[Any, ...]:
        if self._opened is None:
            raise TypeError("only a ranker that was opened from its folders can be pickled")
        return self._opened

    def rank_many(self, queries: Sequence[Query]) -> list[tuple[Candidate, ...]]:
        """For each query its candidates, best score first.

        Equal scores are ordered by the higher similarity, then by the lower concept id.
        """
        known, numbers = self._learn([query.string for query in queries])
        sure, answers = known.settled[numbers], known.answers
        missing = [n for n in dict.fromkeys(numbers[sure].tolist()) if n not in answers]
        alone = self._placed(known, [Query("")] * len(missing), np.array(missing, np.int64))
        answers.update(zip(missing, self._answered(known, alone, {}), strict=True))
        placed = self._placed(known, queries, numbers, ~sure)
        asked = np.flatnonzero(~sure)
        short = np.flatnonzero(known.is_short[numbers[asked]])
        strings = {at: queries[asked[at]].string for at in short.tolist()}
        others = iter(self._answered(known, placed, strings))
        return [
            answers[number] if is_sure else next(others)
            for number, is_sure in zip(numbers.tolist(), sure.tolist(), strict=True)
        ]

    def explain(
        self, queries: Sequence[Query]
    ) -> list[tuple[Candidate, Candidate | None, tuple[Reason, ...]] | None]:
        """For each query the best candidate, the second, and what puts the one before the other.

        ``None`` for a string that has no candidate.
        """
        found = self.rank_many(queries)
        known, numbers = self._learn([query.string for query in queries])
        sure = known.settled[numbers]
        alone = self._placed(known, [Query("")] * len(queries), numbers)
        places = np.cumsum(~sure) - 1
        together = self._placed(known, queries, numbers, ~sure)
        explained: list[tuple[Candidate, Candidate | None, tuple[Reason, ...]] | None] = []
        for i, (query, answer) in enumerate(zip(queries, found, strict=True)):
            placed, place = (alone, i) if sure[i] else (together, int(places[i]))
            why = self._reasons(known, query.string, placed.of(place), answer) if answer else ()
            second = answer[1] if len(answer) > 1 else None
            explained.append((answer[0], second, why) if answer else None)
        return explained

    def _reasons(
        self, known: Remembered, string: str, placed: _Placed, answer: tuple[Candidate, ...]
    ) -> tuple[Reason, ...]:
        """What puts the best candidate of a string before the second."""
        ids = [known.heads[max(row, ~row)][0] for row in placed.rows.tolist()]
        both = [ids.index(one.concept_id) for one in answer[:2]]
        if len(both) < 2:
            return ()
        second = parts(self._in_its_place, IN_PLACE, placed.features[both])
        if (placed.rows[both] < 0).any():
            # What the string says of one that another has brought along is not known.
            return reasons((), [one for one in second if -1.0 not in (one.best, one.second)])
        pool = self._pooling.pools([string])
        own = [pool.concepts.tolist().index(one) for one in placed.concepts[both].tolist()]
        return reasons(parts(self._by_string, FEATURES, pool.features[own]), second)

    def _answered(
        self, known: Remembered, placed: _Placed, short_forms: Mapping[int, str]
    ) -> list[tuple[Candidate, ...]]:
        """The candidates as values, the best first.

        Args:
            known: where the strings are known.
            placed: the candidates of some mentions.
            short_forms: those of the mentions that are short forms, by the mention's number.
        """
        concepts, rows, features, sizes = placed
        odds = self._in_its_place.odds(features)
        sure = np.full(len(sizes), np.nan)
        if short_forms:
            mentions, _, evidence = self._judged(odds, placed, short_forms)
            sure[mentions] = 1.0 / (1.0 + np.exp(-self._short_forms.odds(evidence)))
        order, scores = np.empty(len(odds), np.int64), np.empty(len(odds))
        conclude(odds, features, sizes, *self._calibration, sure, concepts, order, scores)
        kept = np.minimum(sizes, self._most)
        best = spread(np.cumsum(sizes) - sizes, kept)
        heads, types, new = known.heads, known.types, tuple.__new__
        found = [
            new(Candidate, (*heads[row], score, types[row]))
            if row >= 0
            else _brought(known, ~row, score)
            for row, score in zip(rows[order[best]].tolist(), scores[best].tolist(), strict=True)
        ]
        ends = list(itertools.accumulate(kept.tolist(), initial=0))
        return [tuple(found[begin:end]) for begin, end in itertools.pairwise(ends)]

    def _judged(
        self, odds: NDArray[np.float64], placed: _Placed, short_forms: Mapping[int, str]
    ) -> tuple[list[int], list[str], NDArray[np.float32]]:
        """Of the short forms whose best candidate is to be judged: mention, concept, evidence."""
        evidence = np.zeros((len(placed.sizes), len(EVIDENCE)), np.float32)
        best = np.empty(len(placed.sizes), np.int64)
        temperature = self._calibration.temperature
        short_form_evidence(odds, placed.features, placed.sizes, temperature, best, evidence)
        mentions, ids = [], []
        for mention, string in short_forms.items():
            if best[mention] >= 0:
                head = self._kb.rows.head(int(placed.concepts[best[mention]]))
                if needs_judge(string, head[1], evidence[mention, PAIR_COUNT]):
                    evidence[mention, -OF_CONCEPT:] = told_by_concept(string, *head)
                    mentions.append(mention)
                    ids.append(head[0])
        return mentions, ids, evidence[mentions]

    def short_form_cases(
        self, queries: Sequence[Query]
    ) -> list[tuple[str, NDArray[np.float32]] | None]:
        """For each query that is a short form its best concept and what is known of it.

        That is what the trees that judge short forms learn from; ``None`` for other queries, and
        for those that need no judge.
        """
        known, numbers = self._learn([query.string for query in queries])
        asked = known.is_short[numbers]
        placed = self._placed(known, queries, numbers, asked)
        short_forms = itertools.compress((query.string for query in queries), asked.tolist())
        odds = self._in_its_place.odds(placed.features)
        found: list[tuple[str, NDArray[np.float32]] | None] = [None] * len(queries)
        places = np.flatnonzero(asked).tolist()
        judged = self._judged(odds, placed, dict(enumerate(short_forms)))
        for mention, concept_id, row in zip(*judged, strict=True):
            found[places[mention]] = concept_id, row
        return found

    def _placed(
        self,
        known: Remembered,
        queries: Sequence[Query],
        numbers: NDArray[np.int64],
        asked: NDArray[np.bool_] | None = None,
    ) -> _Placed:
        """The candidates, in their texts, of the queries that are asked; of all if none are."""
        if asked is None:
            asked = np.ones(len(queries), np.bool_)
        bounds = passages([query.text for query in queries])
        met = gathered(
            numbers, bounds, asked, known.begins, known.sizes, known.words, known.shelf, self._kept
        )
        wanted = list(itertools.compress(queries, asked.tolist()))
        groups = np.full((len(wanted), len(GROUPS)), -1.0, np.float32)
        for row, query in zip(groups, wanted, strict=True):
            if query.groups is not None:
                row[:] = query.groups
        lefts, rights = [query.left for query in wanted], [query.right for query in wanted]
        features = seen(met, self._pooling.learned, lefts, rights, groups, self._group_of)
        begins, sizes = met.begins[met.of], met.sizes[met.of]
        rows = spread(begins, sizes)
        return _Placed(met.concepts[rows], met.rows[rows], features, sizes)

    def _learn(self, strings: Sequence[str]) -> tuple[Remembered, NDArray[np.int64]]:
        """Where all of some strings are known, and their numbers there."""
        known = self._known
        numbers = known.numbers(strings)
        if numbers is None:
            known = self._remember(list(dict.fromkeys(strings)))
            numbers = known.numbers(strings)
        assert numbers is not None
        return known, numbers

    def _remember(self, wanted: list[str]) -> Remembered:
        """Where all strings are known that are wanted, and distinct."""
        with self._lock:
            known = self._known
            missing = [string for string in wanted if string not in known]
            ranked = self._ranked(missing)
            if not known.has_room(ranked):  # others may still read the full one
                known, missing = Remembered(len(wanted), self._kept), wanted
                ranked = self._ranked(missing)
            known.add(missing, ranked, self._kb)
            self._known = known
            return known

    def _ranked(self, strings: Sequence[str]) -> Ranked:
        """The best candidates of strings by the first stage."""
        pools = self._pooling.pools(strings)
        numbers = self._by_string.ranks(pools.features, pools.sizes)
        shelf = Shelf.empty(min(len(strings) * self._kept, len(numbers)))
        sizes = np.empty(len(strings), np.int64)
        count = keep(pools, numbers, self._kept, shelf, sizes)
        return Ranked(Shelf._make([column[:count] for column in shelf]), sizes, pools.words)


def _brought(known: Remembered, row: int, score: float) -> Candidate:
    """A candidate that another string has brought: it is not among the string's own best."""
    concept_id, name, _, _ = known.heads[row]
    return Candidate(concept_id, name, name, 0.0, score, known.types[row])
