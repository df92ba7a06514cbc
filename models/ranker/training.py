"""Fits the trees of both stages with LightGBM, turns them into flat arrays, and calibrates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.cache import are_decided
from concept_linker.ranking.calibration import (
    CALIBRATION_INPUTS,
    Calibration,
    fill_calibration_inputs,
)
from concept_linker.ranking.coherence import add_coherence, split_texts
from concept_linker.ranking.contextual_features import contextual_features
from concept_linker.ranking.features import (
    FIRST_STAGE_FEATURES,
    SECOND_STAGE_FEATURES,
    Stage,
    column,
)
from concept_linker.ranking.first_stage import StringTable, select_best
from concept_linker.ranking.second_stage import ranges
from concept_linker.trees import Trees

from .folds import LIMIT, Examples, remaining

_FIRST_STAGE_ROUNDS, _SECOND_STAGE_ROUNDS = 300, 80
_SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 5,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    # If all candidates of a leaf are surely wrong, the gradient is almost flat, and without
    # regularization the step is unbounded: the ranker then puts such a candidate first in every
    # fifth mention.
    "lambda_l2": 50.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
# The share of the commonest concepts that the first stage learns from.
_OF_THE_COMMONEST = 0.5
# The second stage runs for every mention, so its trees are small.
_SMALL = {"num_leaves": 15}


class Part(NamedTuple):
    """The mentions of a fold of a corpus.

    Args:
        fold: its number.
        examples: the mentions.
        counts: the weight of each.
    """

    fold: int
    examples: Examples
    counts: int


class Cases(NamedTuple):
    """Candidates of mentions, mention by mention.

    Args:
        features: float32, one row for each candidate.
        right: whether each candidate is right.
        sizes: the number of candidates of each mention.
        weights: the weight of each mention.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    weights: NDArray[np.int64]


def joined(parts: Sequence[Cases]) -> Cases:
    """Concatenates cases."""
    return Cases(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def first_stage_cases(examples: Examples, counts: int = 1) -> Cases:
    """Returns the cases of the first stage; a string that means the same twice is one case."""
    equal = Counter(
        (string, right.tobytes())
        for string, right in zip(examples.strings.tolist(), examples.right, strict=True)
    )
    described = examples.described
    strings = np.array([string for string, _ in equal])
    all_sizes = described.candidates.sizes
    sizes = all_sizes[strings]
    begins = (np.cumsum(all_sizes) - all_sizes)[strings]
    right = np.frombuffer(b"".join(one for _, one in equal), np.bool_)
    weights = np.array(list(equal.values())) * counts
    return _thinned(Cases(described.features[ranges(begins, sizes)], right, sizes, weights))


def _thinned(cases: Cases) -> Cases:
    """Drops a part of the commonest concepts, which are candidates of every string."""
    position, own = (
        cases.features[:, column(name, Stage.FIRST)] for name in ("position", "candidate_count")
    )
    kept = np.random.default_rng(1).random(len(position)) < _OF_THE_COMMONEST
    kept |= cases.right | (position < own)
    sizes = remaining(cases.sizes, kept)
    return Cases(cases.features[kept], cases.right[kept], sizes, cases.weights)


def second_stage_cases(part: Part, first: Trees) -> Cases:
    """Returns the cases of the second stage, after a first stage trained without the part."""
    examples, described = part.examples, part.examples.described
    scores = first.ranks(described.features, described.candidates.sizes)
    best, sizes, words = select_best(described, scores, LIMIT)
    begins = np.cumsum(sizes) - sizes
    table = StringTable(best, begins, sizes, words)
    decided = are_decided(best, begins, sizes)[examples.strings]
    together = _in_context(part, table, split_texts(examples.texts.tolist()), ~decided)
    each = np.arange(len(examples.strings) + 1)
    return joined([together, _in_context(_without_context(part), table, each, decided)])


def _without_context(part: Part) -> Part:
    """Returns the same mentions with unknown contexts."""
    examples = part.examples
    nothing = [""] * len(examples.strings)
    groups = np.full_like(examples.groups, -1.0)
    return part._replace(examples=examples._replace(lefts=nothing, rights=nothing, groups=groups))


def _in_context(
    part: Part, table: StringTable, bounds: NDArray[np.int64], selected: NDArray[np.bool_]
) -> Cases:
    """Returns the cases of the selected mentions, among the others of their texts."""
    examples = part.examples
    found = add_coherence(examples.strings, bounds, selected, table, limit=LIMIT)
    begins, sizes = found.begins[found.of], found.sizes[found.of]
    chosen = np.flatnonzero(selected).tolist()
    lefts, rights = ([column_[i] for i in chosen] for column_ in (examples.lefts, examples.rights))
    features = contextual_features(
        found, examples.priors, lefts, rights, examples.groups[chosen], examples.group_of
    )
    right = [
        np.isin(found.concepts[begin : begin + size], examples.meant[i])
        for i, begin, size in zip(chosen, begins.tolist(), sizes.tolist(), strict=True)
    ]
    counts = np.full(sizes.size, part.counts)
    return Cases(features, np.concatenate([np.zeros(0, np.bool_), *right]), sizes, counts)


def fit(cases: Cases, rounds: int, names: Sequence[str], **settings: Any) -> Trees:
    """Fits trees that put the right candidate first."""
    data = lightgbm.Dataset(
        cases.features,
        cases.right.astype(float),
        group=cases.sizes[cases.sizes > 0],
        weight=np.repeat(cases.weights, cases.sizes),
        feature_name=list(names),
    )
    booster = lightgbm.train({**_SETTINGS, **settings}, data, rounds)
    trees = flat(booster.dump_model()["tree_info"])
    part = cases.features[:1000]
    if not np.allclose(trees.scores(part), booster.predict(part), atol=1e-4):
        raise RuntimeError("the flat trees and LightGBM's differ")
    return trees


def fit_first_stage(parts: Sequence[Part]) -> Trees:
    """Fits the first stage."""
    cases = [first_stage_cases(part.examples, part.counts) for part in parts]
    return fit(joined(cases), _FIRST_STAGE_ROUNDS, FIRST_STAGE_FEATURES)


def fit_second_stage(parts: Sequence[Cases]) -> Trees:
    """Fits the second stage."""
    return fit(joined(parts), _SECOND_STAGE_ROUNDS, SECOND_STAGE_FEATURES, **_SMALL)


def flat(tree_info: Sequence[dict[str, Any]]) -> Trees:
    """Returns LightGBM's trees as one table; only numeric splits without missing values occur."""
    roots: list[int] = []
    rows: list[list[float]] = []

    def add(node: dict[str, Any]) -> int:
        at = len(rows)
        if "leaf_value" in node:
            rows.append([-1, 0.0, 0, 0, node["leaf_value"]])
            return at
        rows.append([node["split_feature"], node["threshold"], 0, 0, 0.0])
        rows[at][2] = add(node["left_child"])
        rows[at][3] = add(node["right_child"])
        return at

    for tree in tree_info:
        roots.append(add(tree["tree_structure"]))
    features, thresholds, lefts, rights, values = np.array(rows).T
    return Trees.of(
        np.array(roots, np.int32),
        features.astype(np.int16),
        thresholds,
        lefts.astype(np.int32),
        rights.astype(np.int32),
        values.astype(np.float32),
        np.zeros(1, np.float32),
    )


def calibrate(parts: Sequence[tuple[Trees, Cases]]) -> Calibration:
    """Fits temperature and weights by maximum likelihood.

    Args:
        parts: cases, each with trees of the second stage trained without them.
    """
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    mentions = [mention for trees, cases in parts for mention in _scored(trees, cases)]
    counts = np.array([mention.counts for mention in mentions])

    def loss(temperature: float) -> float:
        total = 0.0
        for own, _, right, count in mentions:
            if right.any():
                total -= count * np.log(_softmax(own, temperature)[right].sum() + 1e-12)
        return total

    temperature = float(minimize_scalar(loss, bounds=(0.1, 5.0), method="bounded").x)
    rows = np.empty((len(mentions), CALIBRATION_INPUTS))
    for row, (own, features, _, _) in zip(rows, mentions, strict=True):
        fill_calibration_inputs(own, _softmax(own, temperature), features, row)
    found = np.array([right[own.argmax()] for own, _, right, _ in mentions])
    scale = np.std(rows, axis=0)
    scale[scale == 0.0] = 1.0
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=5000)
    model.fit(rows / scale, found, counts)
    return Calibration(temperature, model.coef_[0] / scale)


class _Scored(NamedTuple):
    """Scores and features of one mention's candidates, and which are right."""

    scores: NDArray[np.float64]
    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    counts: int


def _scored(trees: Trees, cases: Cases) -> Iterator[_Scored]:
    """Yields the mentions that have candidates."""
    scores = trees.scores(cases.features)
    ends = np.cumsum(cases.sizes).tolist()
    for begin, end, counts in zip([0, *ends], ends, cases.weights.tolist(), strict=False):
        if begin < end:
            own = slice(begin, end)
            yield _Scored(scores[own], cases.features[own], cases.right[own], counts)


def _softmax(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    softmax: NDArray[np.float64] = np.exp((scores - scores.max()) / temperature)
    softmax /= softmax.sum()
    return softmax
