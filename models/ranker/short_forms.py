"""Trains the judge of short forms: how likely the best candidate of a short form is right.

    python -m models.ranker.short_forms CAPTIONS

CAPTIONS is the training set of captions annotated by reading (``captions_gold/train.jsonl``).  The
linker finds and ranks the short forms that a caption does not explain; a gold mention that touches
one says whether its best candidate is right.  Small trees are fitted on the features
(:mod:`concept_linker.ranking.short_form_judge`) and written to ``weights/short_forms``.  The
printed figures come from five-fold cross-validation by caption.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lightgbm
import numpy as np
from numpy.typing import NDArray

from concept_linker.linker import ConceptLinker
from concept_linker.ranking.features import SHORT_FORM_FEATURES
from concept_linker.ranking.ranker import SHORT_FORMS
from concept_linker.trees import Trees
from models.ranker.training import flat

HERE = Path(__file__).resolve().parent
_FOLDS = 5
_ROUNDS = 60
_SETTINGS = {
    "objective": "binary",
    "num_leaves": 7,
    "learning_rate": 0.08,
    "min_data_in_leaf": 20,
    "lambda_l2": 5.0,
    "num_threads": 2,
    "seed": 1,
    "deterministic": True,
    "verbosity": -1,
}


class Cases(NamedTuple):
    """Short forms that a gold mention touches.

    Args:
        features: float32 of shape (cases, :data:`~.features.SHORT_FORM_FEATURES`).
        right: whether the best candidate is the gold concept.
        captions: the number of the caption of each.
    """

    features: NDArray[np.float32]
    right: NDArray[np.bool_]
    captions: NDArray[np.int64]


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Train the judge of short forms.")
    parser.add_argument("captions", type=Path, help="captions annotated by reading, JSON Lines")
    captions = parser.parse_args().captions.read_text(encoding="utf-8").splitlines()
    cases = collect_cases([json.loads(line) for line in captions])
    folds = cases.captions % _FOLDS
    probabilities = np.zeros(len(folds))
    for fold in range(_FOLDS):
        trees = fit(cases, folds != fold)
        probabilities[folds == fold] = trees.probabilities(cases.features[folds == fold])
    print(f"{len(folds)} short forms, {cases.right.mean():.3f} right")
    print(f"calibration error in folds {calibration_error(probabilities, cases.right):.3f}")
    for least in (0.38, 0.8):
        above = probabilities >= least
        precision, recall = cases.right[above].mean(), cases.right[above].sum() / cases.right.sum()
        print(f"above {least}: {above.sum()}, precision {precision:.3f}, recall {recall:.3f}")
    folder = HERE / "weights" / SHORT_FORMS
    folder.mkdir(exist_ok=True)
    fit(cases, np.ones(len(folds), np.bool_)).save(folder)


def collect_cases(gold: list[Any]) -> Cases:
    """Returns the cases of all captions."""
    rows, right, captions = [], [], []
    linker = ConceptLinker.load()
    for number, caption in enumerate(gold):
        for row, is_right in _of_caption(linker, caption):
            rows.append(row)
            right.append(is_right)
            captions.append(number)
    return Cases(np.array(rows, np.float32), np.array(right), np.array(captions, np.int64))


def _of_caption(linker: ConceptLinker, caption: Any) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Yields features and correctness of the caption's short forms that a gold mention touches."""
    required = [mention for mention in caption["mentions"] if not mention["optional"]]
    mentions = linker.queries(caption["caption"])
    examples = linker.ranker.describe_short_forms([mention.query for mention in mentions])
    for (start, end, _), example in zip(mentions, examples, strict=True):
        if example is None:
            continue
        concept_id, row = example
        meant = [one["id"] for one in required if start < one["end"] and one["start"] < end]
        if meant:
            yield row, concept_id in meant


def fit(cases: Cases, chosen: NDArray[np.bool_]) -> Trees:
    """Fits trees on some of the cases."""
    data = lightgbm.Dataset(
        cases.features[chosen],
        cases.right[chosen].astype(float),
        feature_name=list(SHORT_FORM_FEATURES),
    )
    booster = lightgbm.train(_SETTINGS, data, _ROUNDS)
    trees = flat(booster.dump_model()["tree_info"])
    rows = cases.features[:1000]
    if not np.allclose(trees.scores(rows), booster.predict(rows, raw_score=True), atol=1e-4):
        raise RuntimeError("the flat trees and LightGBM's differ")
    return trees


def calibration_error(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Returns the expected calibration error, in ten bins."""
    bins = np.minimum((probabilities * 10).astype(int), 9)
    gaps = (probabilities - right)[np.newaxis, :] * (bins == np.arange(10)[:, np.newaxis])
    return float(np.abs(gaps.sum(1)).sum() / len(probabilities))


if __name__ == "__main__":
    main()
