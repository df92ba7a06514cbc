"""Fits the trees of both stages with LightGBM, turns them into flat arrays, and calibrates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.cache import settled
from concept_linker.ranking.coherence import gathered, passages, seen
from concept_linker.ranking.contextual_features import (
    CERTAINTY,
    IN_PLACE,
    Calibration,
    Shelf,
    certainty,
    keep,
    spread,
)
from concept_linker.ranking.string_features import FEATURES
from concept_linker.trees import Trees

from .folds import KEPT, Examples, remaining

_ROUNDS = {"by_string": 300, "in_its_place": 80}
_SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 5,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    # Where all candidates of a leaf are sure to be wrong the slope is all but flat, and the step
    # that it asks for without bounds: the ranker then puts such a one first in every fifth mention.
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
# Of the second stage, which is asked for every mention anew.
_SMALL = {"num_leaves": 15}


class Part(NamedTuple):
    """The mentions of a fold of a corpus.

    Args:
        fold: which.
        examples: the mentions.
        counts: how much each counts.
    """

    fold: int
    examples: Examples
    counts: int


class Cases(NamedTuple):
    """Candidates of mentions, mention by mention.

    Args:
        features: float32, one row a candidate.
        right: bool, one a candidate.
        sizes: how many candidates each mention has.
        weights: how many mentions each stands for.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    weights: NDArray[np.int64]


def joined(parts: Sequence[Cases]) -> Cases:
    """Several as one."""
    return Cases(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def by_string(part: Examples, counts: int = 1) -> Cases:
    """What the first stage sees: a string that means the same twice is one case."""
    alike = Counter(
        (string, right.tobytes())
        for string, right in zip(part.strings.tolist(), part.right, strict=True)
    )
    strings = np.array([string for string, _ in alike])
    sizes = part.pools.sizes[strings]
    begins = (np.cumsum(part.pools.sizes) - part.pools.sizes)[strings]
    right = np.frombuffer(b"".join(one for _, one in alike), np.bool_)
    weights = np.array(list(alike.values())) * counts
    return _thinned(Cases(part.pools.features[spread(begins, sizes)], right, sizes, weights))


def _thinned(cases: Cases) -> Cases:
    """Of the commonest concepts, which are candidates of every string, a part will do."""
    place, own = (cases.features[:, FEATURES.index(name)] for name in ("place", "candidates"))
    kept = np.random.default_rng(1).random(len(place)) < _OF_THE_COMMONEST
    kept |= cases.right | (place < own)
    sizes = remaining(cases.sizes, kept)
    return Cases(cases.features[kept], cases.right[kept], sizes, cases.weights)


def in_its_place(whole: Part, first: Trees) -> Cases:
    """What the second stage sees behind a first stage that has not seen the part."""
    part, pools = whole.examples, whole.examples.pools
    shelf = Shelf.empty(int(np.minimum(pools.sizes, KEPT).sum()))
    sizes = np.empty(pools.sizes.size, np.int64)
    keep(pools, first.ranks(pools.features, pools.sizes), KEPT, shelf, sizes)
    begins = np.cumsum(sizes) - sizes
    alone = settled(shelf, begins, sizes)[part.strings]
    candidates = Candidates(shelf, begins, sizes)
    together = _seen(whole, candidates, passages(part.texts.tolist()), ~alone)
    each = np.arange(len(part.strings) + 1)
    return joined([together, _seen(_out_of_place(whole), candidates, each, alone)])


def _out_of_place(whole: Part) -> Part:
    """The same mentions, of which no place is known."""
    part = whole.examples
    nothing = [""] * len(part.strings)
    groups = np.full_like(part.groups, -1.0)
    return whole._replace(examples=part._replace(lefts=nothing, rights=nothing, groups=groups))


class Candidates(NamedTuple):
    """Those of all strings, by the first stage."""

    shelf: Shelf
    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]


def _seen(
    whole: Part, own: Candidates, bounds: NDArray[np.int64], asked: NDArray[np.bool_]
) -> Cases:
    """The mentions that are asked, among the others of their texts."""
    part = whole.examples
    met = gathered(
        part.strings, bounds, asked, own.begins, own.sizes, part.pools.words, own.shelf, KEPT
    )
    begins, sizes = met.begins[met.of], met.sizes[met.of]
    wanted = np.flatnonzero(asked).tolist()
    lefts, rights = ([column[i] for i in wanted] for column in (part.lefts, part.rights))
    features = seen(met, part.learned, lefts, rights, part.groups[wanted], part.group_of)
    right = [
        np.isin(met.concepts[begin : begin + size], part.meant[i])
        for i, begin, size in zip(wanted, begins.tolist(), sizes.tolist(), strict=True)
    ]
    counts = np.full(sizes.size, whole.counts)
    return Cases(features, np.concatenate([np.zeros(0, np.bool_), *right]), sizes, counts)


def fit(cases: Cases, rounds: int, names: Sequence[str], **settings: Any) -> Trees:
    """Trees that put the right candidate first."""
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
    if not np.allclose(trees.odds(part), booster.predict(part), atol=1e-4):
        raise RuntimeError("the flat trees do not say what LightGBM's say")
    return trees


def fit_by_string(parts: Sequence[Part]) -> Trees:
    """The first stage."""
    cases = [by_string(part.examples, part.counts) for part in parts]
    return fit(joined(cases), _ROUNDS["by_string"], FEATURES)


def fit_in_its_place(parts: Sequence[Cases]) -> Trees:
    """The second stage."""
    return fit(joined(parts), _ROUNDS["in_its_place"], IN_PLACE, **_SMALL)


def flat(tree_info: Sequence[dict[str, Any]]) -> Trees:
    """LightGBM's trees as one table; only plain numeric splits occur, and no value is missing."""
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
    """Temperature and weights that make what the cases show most likely.

    Args:
        parts: cases, each with trees of the second stage that have not seen them.
    """
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    mentions = [mention for trees, cases in parts for mention in _answered(trees, cases)]
    counts = np.array([mention.counts for mention in mentions])

    def surprise(temperature: float) -> float:
        total = 0.0
        for own, _, right, count in mentions:
            if right.any():
                total -= count * np.log(_softmax(own, temperature)[right].sum() + 1e-12)
        return total

    temperature = float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)
    rows = np.empty((len(mentions), CERTAINTY))
    for row, (own, features, _, _) in zip(rows, mentions, strict=True):
        certainty(own, _softmax(own, temperature), features, row)
    found = np.array([right[own.argmax()] for own, _, right, _ in mentions])
    scale = np.std(rows, axis=0)
    scale[scale == 0.0] = 1.0
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=5000)
    model.fit(rows / scale, found, counts)
    return Calibration(temperature, model.coef_[0] / scale)


class _Answered(NamedTuple):
    """What the trees say of one mention's candidates, their features, which are right."""

    numbers: NDArray[np.float64]
    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    counts: int


def _answered(trees: Trees, cases: Cases) -> Iterator[_Answered]:
    """The mentions that have candidates."""
    numbers = trees.odds(cases.features)
    ends = np.cumsum(cases.sizes).tolist()
    for begin, end, counts in zip([0, *ends], ends, cases.weights.tolist(), strict=False):
        if begin < end:
            own = slice(begin, end)
            yield _Answered(numbers[own], cases.features[own], cases.right[own], counts)


def _softmax(numbers: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp((numbers - numbers.max()) / temperature)
    shares /= shares.sum()
    return shares
