"""The boosted trees of the hybrid detector and the thresholds, fitted on held-out folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from concept_linker.detection.gazetteer import without_groups
from concept_linker.detection.ner.decoding import select_best
from concept_linker.detection.ner.model import NetworkOutput
from concept_linker.detection.ner.network import Network
from concept_linker.detection.span_features import candidate_spans
from concept_linker.trees import Trees

from .data import Example

Floats = NDArray[np.float64]

_UNTYPED = 5
_THRESHOLDS = np.arange(0.2, 0.51, 0.01)


class Labelled(NamedTuple):
    """The candidate spans of one text with their gold labels.

    Args:
        first, last: their first and last word.
        span_features: their features.
        right: whether each is a mention.
        gold: the number of mentions of the text.
        words: the number of words of the text.
    """

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    span_features: NDArray[np.float32]
    right: NDArray[np.bool_]
    gold: int
    words: int


def label(output: NetworkOutput, example: Example) -> Labelled:
    """Returns the labelled candidate spans of a text with gold mentions."""
    candidates = candidate_spans(output)
    gold = {(first, last) for first, last, _ in example.gold}
    spans = zip(candidates.first.tolist(), candidates.last.tolist(), strict=True)
    right = np.fromiter((span in gold for span in spans), np.bool_, candidates.first.size)
    return Labelled(
        candidates.first,
        candidates.last,
        candidates.features,
        right,
        len(gold),
        len(example.words),
    )


def label_all(examples: Sequence[Example], network: Network) -> list[Labelled]:
    """Returns the labelled candidate spans of held-out texts.

    Some get the features of a knowledge base without semantic types.
    """
    found = []
    for i, one in enumerate(examples):
        features = without_groups(one.features) if i % _UNTYPED == 0 else one.features
        found.append(label(NetworkOutput.of(features, network), one))
    return found


def fit_trees(texts: Sequence[Labelled], *, seed: int, rounds: int = 200) -> Trees:
    """Fits the trees."""
    model = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=0.06,
        max_leaf_nodes=24,
        min_samples_leaf=60,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(
        np.concatenate([one.span_features for one in texts]),
        np.concatenate([one.right for one in texts]),
    )
    nodes = [predictors[0].nodes for predictors in model._predictors]
    sizes = [len(one) for one in nodes]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    offsets = np.repeat(roots, sizes)
    table = np.concatenate(nodes)
    leaf = table["is_leaf"].astype(bool)
    return Trees.of(
        roots.astype(np.int32),
        np.where(leaf, -1, table["feature_idx"]).astype(np.int16),
        np.where(leaf, 0, table["num_threshold"]).astype(np.float64),
        np.where(leaf, 0, table["left"] + offsets).astype(np.int32),
        np.where(leaf, 0, table["right"] + offsets).astype(np.int32),
        np.where(leaf, table["value"], 0).astype(np.float32),
        np.array([model._baseline_prediction.item()], np.float32),
    )


def f1(texts: Sequence[Labelled], probabilities: Sequence[Floats], threshold: float) -> float:
    """Returns the strict F1 of the spans selected at a threshold."""
    right = found = gold = 0
    for one, probability in zip(texts, probabilities, strict=True):
        likely = probability >= threshold
        first, last = one.first[likely], one.last[likely]
        selected = select_best(first, last, probability[likely] - (threshold - 1e-3), one.words)
        right += int(one.right[likely][selected].sum())
        found += int(selected.sum())
        gold += one.gold
    return 2 * right / (found + gold)


def best_threshold(texts: Sequence[Labelled], probabilities: Sequence[Floats]) -> float:
    """Returns the threshold with the best F1."""
    best = max(_THRESHOLDS.tolist(), key=lambda threshold: f1(texts, probabilities, threshold))
    return round(float(best), 2)


def cross_probabilities(
    texts: Sequence[Labelled], folds: Sequence[int], *, seed: int
) -> list[Floats]:
    """Returns the probabilities of each text's spans by trees fitted on the other folds."""
    found: list[Floats] = [np.zeros(0)] * len(texts)
    for fold in sorted(set(folds)):
        trees = fit_trees(
            [one for one, other in zip(texts, folds, strict=True) if other != fold], seed=seed
        )
        for i, of_text in enumerate(folds):
            if of_text == fold:
                found[i] = trees.probabilities(texts[i].span_features)
    return found
