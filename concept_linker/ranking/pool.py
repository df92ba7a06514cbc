"""Which concepts a mention may mean, and what its string alone says of each.

Candidates come from five places: names equal after normalisation, the nearest names, names and
trained strings equal to a run of the mention's words (``hepatic dysfunction`` → dysfunction),
concepts that the words or their stems are often a part of, and the commonest concepts of all.
The last three are learned: annotators mean a known concept where a base has no name for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.candidates.normalise import case_agrees, key
from concept_linker.knowledge_base.base import KnowledgeBase, Match
from concept_linker.knowledge_base.identity import NameKind
from concept_linker.ranking.priors import STEM, Priors

__all__ = ["FEATURES", "Pool", "Pooling"]

#: What :attr:`Pool.features` holds, column by column.
FEATURES = (
    "similarity", "equal", "kind", "case_agrees", "equals", "place", "behind_first",
    "alias_ratio", "name_ratio", "common_words", "mention_words", "alias_words", "mention_length",
    "pair_count", "string_count", "pair_share", "commonest_of_string", "concept_count",
    "run_share", "run_is_last", "run_pair_count", "run_pair_share", "run_pair_length",
    "word_most", "word_mean", "word_last", "stem_most", "symbol", "small_letters", "names",
    "candidates",
)  # fmt: skip

#: The least similarity of the nearest names.
THRESHOLD = 0.3
# Of longer mentions runs are not looked up, and no more than so many candidates come from them.
_MOST_WORDS = 12
_MOST_FROM_RUNS = 12
_MOST_FROM_WORDS = 16


class Pool(NamedTuple):
    """The candidates of one string.

    Args:
        matches: concept, name and similarity of each; 0.0 where the string is not near the name.
        numbers: the number of each concept in the priors, or -1 (int64).
        words: the words of the string's key.
        features: float32 of shape (candidates, :data:`FEATURES`).
    """

    matches: tuple[Match, ...]
    numbers: NDArray[np.int64]
    words: tuple[str, ...]
    features: NDArray[np.float32]


class Pooling:
    """Makes the pools of strings.

    Args:
        kb: where the candidates are.
        priors: what was learned.
        nearest: how many of the nearest names.
    """

    def __init__(self, kb: KnowledgeBase, priors: Priors, *, nearest: int = 30) -> None:
        self._kb = kb
        self._priors = priors
        self._nearest = nearest
        self._row_of_number = lru_cache(maxsize=1 << 15)(
            lambda number: kb.row_of(priors.ids[number])
        )
        self._key_of_name = lru_cache(maxsize=1 << 17)(lambda name: key(kb.name(name)))

    def pools(self, strings: Sequence[str]) -> list[Pool]:
        """The pool of each string, which are distinct."""
        near = self._kb.match_many(strings, k=self._nearest, threshold=THRESHOLD)
        return [self._pool(text, matches) for text, matches in zip(strings, near, strict=True)]

    def _pool(self, text: str, near: Iterable[Match]) -> Pool:
        kb = self._kb
        string = key(text)
        words = tuple(string.split())
        runs = list(_runs(words))
        found = {match.concept: match for match in kb.find(text)}
        equals = len(found)
        for match in near:
            found.setdefault(match.concept, match)
        run_of = self._from_runs(text, runs, found)
        self._from_words(words, found)
        matches = tuple(found.values())
        if not matches:
            empty = np.zeros(0, np.int64)
            return Pool((), empty, words, np.zeros((0, len(FEATURES)), np.float32))
        ids = [kb.concept_id(match) for match in matches]
        numbers = np.array([self._priors.number.get(one, -1) for one in ids], np.int64)
        columns = [
            *self._of_names(text, string, words, matches, equals),
            *self._of_counts(string, numbers),
            *self._of_runs(runs, run_of, matches, numbers),
            *self._of_words(words, numbers),
            sum(map(str.isupper, text)) > 1 and len(text) < 8,
            text.islower(),
            [math.log1p(kb.name_count(match.concept)) for match in matches],
            len(matches),
        ]
        features = np.empty((len(matches), len(FEATURES)), np.float32)
        for number, column in enumerate(columns):
            features[:, number] = column
        return Pool(matches, numbers, words, features)

    def _from_runs(
        self, text: str, runs: list[tuple[str, float, bool]], found: dict[int, Match]
    ) -> dict[int, tuple[float, bool]]:
        """Adds what is named by a run of words; returns the longest run that names each concept."""
        kb, priors = self._kb, self._priors
        most = len(found) + _MOST_FROM_RUNS
        run_of: dict[int, tuple[float, bool]] = {}
        for run, share, is_last in runs:
            for match in kb.find_key(run, text):
                run_of.setdefault(match.concept, (share, is_last))
                if len(found) < most:
                    found.setdefault(match.concept, match._replace(similarity=0.0))
            for number in priors.find_string(run)[0][:3].tolist():
                self._add(number, found, most)
        return run_of

    def _from_words(self, words: tuple[str, ...], found: dict[int, Match]) -> None:
        """Adds what words and their stems are often a part of, and the commonest of all."""
        priors = self._priors
        most = len(found) + _MOST_FROM_WORDS
        rates: dict[int, float] = {}
        for numbers, counts in (
            *map(priors.find_string, [" ".join(words)]),
            *map(priors.find_word, words),
            *(priors.find_stem(word[:STEM]) for word in words),
        ):
            whole = float(counts.sum()) + 1.0
            for number, count in zip(numbers[:8].tolist(), counts[:8].tolist(), strict=True):
                rates[number] = max(rates.get(number, 0.0), count / whole)
        for number in sorted(rates, key=lambda number: (-rates[number], number)):
            self._add(number, found, most)
        for number in priors.commonest:
            self._add(number, found, len(found) + 1)

    def _add(self, number: int, found: dict[int, Match], most: int) -> None:
        row = self._row_of_number(number)
        if row is not None and len(found) < most and row not in found:
            found[row] = Match(row, self._kb.preferred_name(row), 0.0)

    def _of_names(
        self, text: str, string: str, words: tuple[str, ...], matches: Sequence[Match], equals: int
    ) -> Iterator[Any]:
        from rapidfuzz.distance import Indel
        from rapidfuzz.process import cdist

        kb = self._kb
        similarities = np.array([match.similarity for match in matches])
        kinds = [kb.kind(match) for match in matches]
        yield similarities
        yield similarities == 1.0
        yield kinds
        yield [
            case_agrees(text, kb.alias(match), symbol=kind is NameKind.ABBREVIATION)
            for match, kind in zip(matches, kinds, strict=True)
        ]
        yield equals
        place = np.empty(len(matches))
        place[np.argsort(-similarities, kind="stable")] = np.arange(len(matches))
        yield place
        yield similarities.max() - similarities
        aliases = [self._key_of_name(match.name) for match in matches]
        preferred = [self._key_of_name(kb.preferred_name(match.concept)) for match in matches]
        scorer: Callable[..., float] = Indel.normalized_similarity
        yield cdist([string], aliases, scorer=scorer)[0]
        yield cdist([string], preferred, scorer=scorer)[0]
        own = set(words)
        parts = [set(alias.split()) for alias in aliases]
        yield [len(own & part) / max(len(own | part), 1) for part in parts]
        yield len(words)
        yield [len(part) for part in parts]
        yield len(text)

    def _of_counts(self, string: str, numbers: NDArray[np.int64]) -> Iterator[Any]:
        """How often the string, and each concept at all, was seen."""
        priors = self._priors
        counts, whole = _counted(priors.find_string(string), numbers)
        yield np.log1p(counts)
        yield math.log1p(whole)
        yield counts / (whole + 0.5) if whole else -1.0
        yield (counts > 0) & (counts == counts.max())
        totals = np.where(numbers >= 0, priors.totals[numbers] if priors.ids else 0, 0)
        yield np.log1p(totals)

    def _of_runs(
        self,
        runs: list[tuple[str, float, bool]],
        run_of: dict[int, tuple[float, bool]],
        matches: Sequence[Match],
        numbers: NDArray[np.int64],
    ) -> Iterator[Any]:
        longest = [run_of.get(match.concept, (0.0, False)) for match in matches]
        yield [share for share, _ in longest]
        yield [is_last for _, is_last in longest]
        best = np.zeros((3, numbers.size))  # count, share and length of the run that says most
        for run, length, _ in runs:
            found = self._priors.find_string(run)
            if found[0].size:
                counts, whole = _counted(found, numbers)
                row = np.stack((np.log1p(counts), counts / (whole + 0.5), (counts > 0) * length))
                best = np.where(row[1] * row[2] > best[1] * best[2], row, best)
        yield from best

    def _of_words(self, words: tuple[str, ...], numbers: NDArray[np.int64]) -> Iterator[Any]:
        """How often each concept is what a word is a part of."""
        priors = self._priors
        rates = np.zeros((max(len(words), 1), numbers.size))
        stems = np.zeros(numbers.size)
        for row, word in zip(rates, words, strict=False):
            counts, whole = _counted(priors.find_word(word), numbers)
            row[:] = counts / (whole + 1.0)
            counts, whole = _counted(priors.find_stem(word[:STEM]), numbers)
            stems = np.maximum(stems, counts / (whole + 1.0))
        yield rates.max(0)
        yield rates.mean(0)
        yield rates[-1]
        yield stems


def _runs(words: tuple[str, ...]) -> Iterator[tuple[str, float, bool]]:
    """The runs of words but the whole, the longest first: text, share of the words, is it last."""
    count = len(words)
    if count > _MOST_WORDS:
        return
    for length in range(count - 1, 0, -1):
        for first in range(count - length + 1):
            run = " ".join(words[first : first + length])
            if len(run) > 1:
                yield run, length / count, first + length == count


def _counted(
    found: tuple[NDArray[np.uint32], NDArray[np.uint32]], numbers: NDArray[np.int64]
) -> tuple[NDArray[np.float64], float]:
    """The count of each of the concepts, and that of all."""
    known, counts = found
    if not known.size:
        return np.zeros(numbers.size), 0.0
    equal = numbers[:, None] == known
    return (equal * counts).sum(1).astype(np.float64), float(counts.sum())
