"""Fits the trees of both stages with LightGBM, turns them into flat arrays, and calibrates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.context import IN_PLACE, Calibration, Shelf, certainty, keep, see
from concept_linker.ranking.describing import FEATURES
from concept_linker.ranking.ranker import encoded
from concept_linker.trees import Trees

from .folds import KEPT, Examples, spread

_ROUNDS = {"by_string": 300, "in_its_place": 80}
_SETTINGS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 5,
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 100,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
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
    ends = np.cumsum(part.sizes).tolist()
    alike: Counter[tuple[int, bytes]] = Counter()
    for string, begin, end in zip(part.strings.tolist(), [0, *ends], ends, strict=False):
        alike[string, part.right[begin:end].tobytes()] += 1
    strings = np.array([string for string, _ in alike])
    sizes = part.pools.sizes[strings]
    begins = (np.cumsum(part.pools.sizes) - part.pools.sizes)[strings]
    right = np.frombuffer(b"".join(one for _, one in alike), np.bool_)
    weights = np.array(list(alike.values())) * counts
    return Cases(part.pools.features[spread(begins, sizes)], right, sizes, weights)


def in_its_place(whole: Part, first: Trees) -> Cases:
    """What the second stage sees behind a first stage that has not seen the part."""
    part = whole.examples
    pools = part.pools
    shelf = Shelf.empty(int(np.minimum(pools.sizes, KEPT).sum()))
    kept = np.empty(pools.sizes.size, np.int64)
    numbers = first.ranks(pools.features, pools.sizes)
    keep(pools, numbers, KEPT, shelf, kept)
    ends, kept_ends = np.cumsum(pools.sizes), np.cumsum(kept)
    begins, sizes = (kept_ends - kept)[part.strings], kept[part.strings]
    features = np.empty((int(sizes.sum()), len(IN_PLACE)), np.float32)
    see(
        shelf, begins, sizes, part.learned, *encoded(part.lefts), *encoded(part.rights),
        part.groups, part.group_of, features,
    )  # fmt: skip
    right = np.zeros(len(features), np.bool_)
    at = from_ = 0
    for string in part.strings.tolist():
        size, few = pools.sizes[string], kept[string]
        own = part.right[from_ : from_ + size]
        if own.any():
            concepts = pools.concepts[ends[string] - size : ends[string]]
            there = shelf.concepts[kept_ends[string] - few : kept_ends[string]]
            right[at : at + few] = np.isin(there, concepts[own])
        at += few
        from_ += size
    return Cases(features, right, sizes, np.full(sizes.size, whole.counts))


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


def calibrate(trees: Trees, cases: Cases) -> Calibration:
    """Temperature and weights that make what the cases show most likely."""
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    numbers = trees.odds(cases.features)
    ends = np.cumsum(cases.sizes)
    mentions = [
        (numbers[begin:end], cases.features[begin:end], cases.right[begin:end])
        for begin, end in zip((ends - cases.sizes).tolist(), ends.tolist(), strict=True)
        if begin < end
    ]

    def surprise(temperature: float) -> float:
        total = 0.0
        for own, _, right in mentions:
            if right.any():
                total -= np.log(_softmax(own, temperature)[right].sum() + 1e-12)
        return total

    temperature = float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)
    rows = np.empty((len(mentions), 9))
    for row, (own, features, _) in zip(rows, mentions, strict=True):
        certainty(own, _softmax(own, temperature), features, row)
    found = np.array([right.any() for _, _, right in mentions])
    scale = np.std(rows, axis=0) + (np.arange(rows.shape[1]) == 0)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit(rows / scale, found)
    return Calibration(temperature, model.coef_[0] / scale)


def _softmax(numbers: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp((numbers - numbers.max()) / temperature)
    shares /= shares.sum()
    return shares
