"""Ranks the candidates of a mention, and says how likely each is right.

Two stages of boosted trees, both taught to put the right candidate first (``models/ranker``).  The
first sees what the mention's string alone says (:mod:`~concept_linker.ranking.describing`); its
answer is kept, for captions repeat their mentions.  The second sees the best of them, what the
other mentions of the text say (:mod:`~concept_linker.ranking.company`), and what the place says
(:mod:`~concept_linker.ranking.context`): the words beside the mention, and the semantic groups
that the mention network gives it.  Its numbers become shares by softmax; how likely the best one is
right, a logistic function tells by its share and by what speaks for it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.mentions.detector import GROUPS
from concept_linker.ranking.company import gathered, passages, seen
from concept_linker.ranking.context import (
    IN_PLACE,
    SHARE,
    Calibration,
    Shelf,
    conclude,
    group_numbers,
    keep,
    spread,
)
from concept_linker.ranking.describing import FEATURES
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.explaining import Reason, parts, reasons
from concept_linker.ranking.gathering import WORDS
from concept_linker.ranking.pool import Pooling
from concept_linker.ranking.priors import Priors
from concept_linker.ranking.short_forms import EVIDENCE, is_short_form, short_form_evidence
from concept_linker.trees import Trees

__all__ = ["BY_STRING", "ENCODER", "IN_ITS_PLACE", "SHORT_FORMS", "Query", "Ranker", "settled"]

#: The folders of the trees of both stages, of those that judge short forms, and of the encoder, in
#: that of a ranker.
BY_STRING, IN_ITS_PLACE, SHORT_FORMS = "by_string", "in_its_place", "short_forms"
ENCODER = "encoder"

#: Where the first stage gives the best candidate more than this share, its place is not looked at.
SETTLED = 0.9

# A candidate on the shelf takes some 200 bytes, its name and id as much.
_ROOM = 1 << 18
# For so many strings there is room in any case.
_NUMBERS = 1 << 10


class Query(NamedTuple):
    """What is to be ranked.

    Args:
        string: the mention's words, or its long form.
        left, right: what stands beside it, as ``surroundings.beside`` tells.
        groups: the chance of each of :data:`~concept_linker.mentions.detector.GROUPS`, or
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
    """Ranks the candidates of mentions.

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
        self._lock = threading.Lock()
        self._shelf: Shelf
        self._used: int
        self._clear()

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
        with self._lock:
            numbers = self._learn([query.string for query in queries])
            sure = self._settled[numbers]
            answers = self._answers
            missing = [n for n in dict.fromkeys(numbers[sure].tolist()) if n not in answers]
            alone = self._placed([Query("")] * len(missing), np.array(missing, np.int64))
            none_short = np.zeros(len(missing), np.bool_)
            answers.update(zip(missing, self._answered(alone, none_short), strict=True))
            placed = self._placed(queries, numbers, ~sure)
            others = iter(self._answered(placed, self._is_short[numbers[~sure]]))
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
        with self._lock:
            numbers = self._learn([query.string for query in queries])
            sure = self._settled[numbers]
            alone = self._placed([Query("")] * len(queries), numbers)
            places = np.cumsum(~sure) - 1
            together = self._placed(queries, numbers, ~sure)
            explained: list[tuple[Candidate, Candidate | None, tuple[Reason, ...]] | None] = []
            for i, (query, answer) in enumerate(zip(queries, found, strict=True)):
                placed, place = (alone, i) if sure[i] else (together, int(places[i]))
                why = self._reasons(query.string, placed.of(place), answer) if answer else ()
                second = answer[1] if len(answer) > 1 else None
                explained.append((answer[0], second, why) if answer else None)
            return explained

    def _reasons(
        self, string: str, placed: _Placed, answer: tuple[Candidate, ...]
    ) -> tuple[Reason, ...]:
        """What puts the best candidate of a string before the second."""
        ids = [self._heads[max(row, ~row)][0] for row in placed.rows.tolist()]
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
        self, placed: _Placed, is_short: NDArray[np.bool_]
    ) -> list[tuple[Candidate, ...]]:
        """The candidates as values, the best first.

        Args:
            placed: the candidates of some mentions.
            is_short: which mentions are short forms.
        """
        concepts, rows, features, sizes = placed
        odds = self._in_its_place.odds(features)
        known = np.full(len(sizes), np.nan)
        if is_short.any():
            evidence = self._evidence(odds, placed)[is_short]
            known[is_short] = 1.0 / (1.0 + np.exp(-self._short_forms.odds(evidence)))
        order, scores = np.empty(len(odds), np.int64), np.empty(len(odds))
        conclude(odds, features, sizes, *self._calibration, known, concepts, order, scores)
        kept = np.minimum(sizes, self._most)
        best = spread(np.cumsum(sizes) - sizes, kept)
        heads, types, new = self._heads, self._types, tuple.__new__
        found = [
            new(Candidate, (*heads[row], score, types[row]))
            if row >= 0
            else self._brought(~row, score)
            for row, score in zip(rows[order[best]].tolist(), scores[best].tolist(), strict=True)
        ]
        ends = list(itertools.accumulate(kept.tolist(), initial=0))
        return [tuple(found[begin:end]) for begin, end in itertools.pairwise(ends)]

    def _evidence(self, odds: NDArray[np.float64], placed: _Placed) -> NDArray[np.float32]:
        """What is known of the best candidate of each mention, one row each."""
        evidence = np.zeros((len(placed.sizes), len(EVIDENCE)), np.float32)
        temperature = self._calibration.temperature
        short_form_evidence(odds, placed.features, placed.sizes, temperature, evidence)
        return evidence

    def short_form_cases(
        self, queries: Sequence[Query]
    ) -> list[tuple[str, NDArray[np.float32]] | None]:
        """For each query that is a short form its best concept and what is known of it.

        That is what the trees that judge short forms learn from; ``None`` for other queries, and
        for those without candidates.
        """
        with self._lock:
            numbers = self._learn([query.string for query in queries])
            asked = self._is_short[numbers]
            placed = self._placed(queries, numbers, asked)
            odds = self._in_its_place.odds(placed.features)
            evidence = self._evidence(odds, placed)
            found: list[tuple[str, NDArray[np.float32]] | None] = [None] * len(queries)
            begin = 0
            for at, size, row in zip(
                np.flatnonzero(asked).tolist(), placed.sizes.tolist(), evidence, strict=True
            ):
                if size:
                    best = placed.concepts[begin + int(odds[begin : begin + size].argmax())]
                    found[at] = self._kb.head(int(best))[0], row
                begin += size
            return found

    def _brought(self, row: int, score: float) -> Candidate:
        """A candidate that another string has brought: it is not among the string's own best."""
        concept_id, name, _, _ = self._heads[row]
        return Candidate(concept_id, name, name, 0.0, score, self._types[row])

    def _placed(
        self,
        queries: Sequence[Query],
        numbers: NDArray[np.int64],
        asked: NDArray[np.bool_] | None = None,
    ) -> _Placed:
        """The candidates, in their texts, of the queries that are asked; of all if none are."""
        if asked is None:
            asked = np.ones(len(queries), np.bool_)
        bounds = passages([query.text for query in queries])
        met = gathered(
            numbers, bounds, asked, self._begins, self._sizes, self._words, self._shelf, self._kept
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

    def _learn(self, strings: Sequence[str]) -> NDArray[np.int64]:
        """Puts the candidates of strings on the shelf; returns the number of each string."""
        distinct = list(dict.fromkeys(strings))
        missing = [string for string in distinct if string not in self._number_of]
        if missing:
            self._put(missing, distinct)
        return np.array([self._number_of[string] for string in strings], np.int64)

    def _put(self, missing: Sequence[str], wanted: Sequence[str]) -> None:
        """Puts strings on the shelf; where it is full, it is cleared for all that are wanted."""
        shelf, sizes, words = self._ranked(missing)
        known, begin = len(self._number_of), self._used
        rows_left, numbers_left = len(self._shelf.concepts) - begin, len(self._begins) - known
        if len(shelf.concepts) > rows_left or len(missing) > numbers_left:
            self._clear(room=max(_ROOM, len(wanted) * self._kept))
            missing, known, begin = wanted, 0, 0
            shelf, sizes, words = self._ranked(missing)
        end = begin + len(shelf.concepts)
        pairs: Iterable[tuple[Any, Any]] = zip(self._shelf, shelf, strict=True)
        for column, values in pairs:
            column[begin:end] = values
        ids, names, types, aliases = self._kb.words_of(
            shelf.concepts.tolist(), shelf.names.tolist()
        )
        similarities = shelf.similarities.tolist()
        # What an interrupted call has left behind is written over.
        self._heads[begin:] = zip(ids, names, aliases, similarities, strict=True)
        self._types[begin:] = types
        new = slice(known, known + len(missing))
        self._begins[new] = begin + np.cumsum(sizes) - sizes
        self._sizes[new], self._words[new] = sizes, words
        # What a short form means its place decides.
        self._is_short[new] = [is_short_form(string) for string in missing]
        known_by_string = settled(self._shelf, self._begins[new], sizes)
        self._settled[new] = known_by_string & ~self._is_short[new]
        self._used = end
        self._number_of.update(zip(missing, itertools.count(known), strict=False))

    def _ranked(
        self, strings: Sequence[str]
    ) -> tuple[Shelf, NDArray[np.int64], NDArray[np.uint64]]:
        """The best candidates of strings by the first stage, how many of each, and its words."""
        pools = self._pooling.pools(strings)
        numbers = self._by_string.ranks(pools.features, pools.sizes)
        shelf = Shelf.empty(min(len(strings) * self._kept, len(numbers)))
        sizes = np.empty(len(strings), np.int64)
        count = keep(pools, numbers, self._kept, shelf, sizes)
        return Shelf._make([column[:count] for column in shelf]), sizes, pools.words

    def _clear(self, room: int = _ROOM) -> None:
        self._shelf = Shelf.empty(room)
        self._used = 0
        # Each string has a number, and by that its candidates on the shelf, and its words.
        strings = max(room // self._kept, _NUMBERS)
        self._number_of: dict[str, int] = {}
        self._begins, self._sizes = np.zeros(strings, np.int64), np.zeros(strings, np.int64)
        self._words = np.zeros((strings, 2, WORDS + 1), np.uint64)
        self._settled, self._is_short = np.zeros(strings, np.bool_), np.zeros(strings, np.bool_)
        # The answers of strings that are settled.
        self._answers: dict[int, tuple[Candidate, ...]] = {}
        self._heads: list[tuple[str, str, str, float]] = []
        self._types: list[tuple[str, ...]] = []


def settled(shelf: Shelf, begins: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of which strings the answer is kept: the string alone says it, or nothing is to be chosen.

    Args:
        shelf: the candidates of strings, the best first.
        begins, sizes: where those of each string are.
    """
    best = np.minimum(begins, len(shelf.concepts) - 1)
    sure: NDArray[np.bool_] = shelf.features[best, SHARE] > SETTLED
    return sure | (sizes < 2)
