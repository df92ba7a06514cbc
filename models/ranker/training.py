"""Fits the trees with LightGBM, turns them into flat arrays, and calibrates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from concept_linker.ranking.ranker import ALL_FEATURES, Calibration, certainty
from concept_linker.trees import Trees

from .folds import Examples

_ROUNDS = 250
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


def fit(parts: Sequence[Examples]) -> Trees:
    """Trees that put the right candidate first."""
    data = lightgbm.Dataset(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.right for part in parts]).astype(float),
        group=np.concatenate([part.sizes for part in parts]),
        feature_name=list(ALL_FEATURES),
    )
    booster = lightgbm.train(_SETTINGS, data, _ROUNDS)
    trees = flat(booster.dump_model()["tree_info"])
    part = parts[-1].features[:1000]
    if not np.allclose(trees.odds(part), booster.predict(part), atol=1e-4):
        raise RuntimeError("the flat trees do not say what LightGBM's say")
    return trees


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
    return Trees(
        np.array(roots, np.int32),
        features.astype(np.int16),
        thresholds,
        lefts.astype(np.int32),
        rights.astype(np.int32),
        values.astype(np.float32),
        np.zeros(1, np.float32),
    )


def calibrate(trees: Trees, part: Examples) -> Calibration:
    """Temperature and weights that make what the part shows most likely."""
    from scipy.optimize import minimize_scalar
    from sklearn.linear_model import LogisticRegression

    cases = list(_cases(trees, part))

    def surprise(temperature: float) -> float:
        total = 0.0
        for numbers, _, right in cases:
            if right.any():
                shares = _softmax(numbers, temperature)
                total -= np.log(shares[right].sum() + 1e-12)
        return total

    temperature = float(minimize_scalar(surprise, bounds=(0.1, 5.0), method="bounded").x)
    rows = [
        certainty(numbers, _softmax(numbers, temperature), features)
        for numbers, features, _ in cases
    ]
    found = np.array([right.any() for _, _, right in cases])
    spread = np.std(rows, axis=0) + (np.arange(len(rows[0])) == 0)
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=1000)
    model.fit(np.array(rows) / spread, found)
    return Calibration(temperature, tuple((model.coef_[0] / spread).tolist()))


def _cases(
    trees: Trees, part: Examples
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]]:
    ends = np.cumsum(part.sizes)
    numbers = trees.odds(part.features)
    for begin, end in zip(ends - part.sizes, ends, strict=True):
        if begin < end:
            yield numbers[begin:end], part.features[begin:end], part.right[begin:end]


def _softmax(numbers: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp((numbers - numbers.max()) / temperature)
    shares /= shares.sum()
    return shares
