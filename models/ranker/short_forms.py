"""Teaches how likely the best candidate of a short form is right.

    python -m models.ranker.short_forms CAPTIONS

CAPTIONS is the training set of captions annotated by reading (``captions_gold/train.jsonl``).  The
linker finds and ranks the short forms that a caption does not explain; where a mention of the gold
touches one, its best candidate is right or not.  Small trees are fitted on the evidence
(:mod:`concept_linker.ranking.short_forms`) and written to ``weights/short_forms``.  What is
printed comes from five folds of captions, each judged by trees that have not seen it.
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
from concept_linker.ranking.ranker import SHORT_FORMS
from concept_linker.ranking.short_forms import EVIDENCE
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
    """Short forms that a mention of the gold touches.

    Args:
        evidence: float32 of shape (cases, evidence).
        right: whether the best candidate is what the gold says.
        captions: the number of the caption of each.
    """

    evidence: NDArray[np.float32]
    right: NDArray[np.bool_]
    captions: NDArray[np.int64]


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Teach how sure to be of a short form.")
    parser.add_argument("captions", type=Path, help="captions annotated by reading, JSON Lines")
    captions = parser.parse_args().captions.read_text(encoding="utf-8").splitlines()
    cases = gathered([json.loads(line) for line in captions])
    folds = cases.captions % _FOLDS
    chances = np.zeros(len(folds))
    for fold in range(_FOLDS):
        trees = fit(cases, folds != fold)
        chances[folds == fold] = 1 / (1 + np.exp(-trees.odds(cases.evidence[folds == fold])))
    print(f"{len(folds)} short forms, {cases.right.mean():.3f} right")
    print(f"calibration error in folds {calibration_error(chances, cases.right):.3f}")
    for least in (0.38, 0.8):
        above = chances >= least
        precision, recall = cases.right[above].mean(), cases.right[above].sum() / cases.right.sum()
        print(f"above {least}: {above.sum()}, precision {precision:.3f}, recall {recall:.3f}")
    folder = HERE / "weights" / SHORT_FORMS
    folder.mkdir(exist_ok=True)
    fit(cases, np.ones(len(folds), np.bool_)).save(folder)


def gathered(gold: list[Any]) -> Cases:
    """The cases of all captions."""
    rows, right, captions = [], [], []
    linker = ConceptLinker.load()
    for number, caption in enumerate(gold):
        for row, is_right in _of_caption(linker, caption):
            rows.append(row)
            right.append(is_right)
            captions.append(number)
    return Cases(np.array(rows, np.float32), np.array(right), np.array(captions, np.int64))


def _of_caption(linker: ConceptLinker, caption: Any) -> Iterator[tuple[NDArray[np.float32], bool]]:
    required = [mention for mention in caption["mentions"] if not mention["optional"]]
    mentions = linker.queries(caption["caption"])
    cases = linker.ranker.short_form_cases([mention.query for mention in mentions])
    for (start, end, _), judged in zip(mentions, cases, strict=True):
        meant = [one["id"] for one in required if start < one["end"] and one["start"] < end]
        if judged is not None and meant:
            concept_id, row = judged
            yield row, concept_id in meant


def fit(cases: Cases, chosen: NDArray[np.bool_]) -> Trees:
    """Trees fitted on some of the cases."""
    data = lightgbm.Dataset(
        cases.evidence[chosen], cases.right[chosen].astype(float), feature_name=list(EVIDENCE)
    )
    booster = lightgbm.train(_SETTINGS, data, _ROUNDS)
    trees = flat(booster.dump_model()["tree_info"])
    rows = cases.evidence[:1000]
    if not np.allclose(trees.odds(rows), booster.predict(rows, raw_score=True), atol=1e-4):
        raise RuntimeError("the flat trees do not say what LightGBM's say")
    return trees


def calibration_error(chances: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The expected difference between probability and share right, in ten bins."""
    bins = np.minimum((chances * 10).astype(int), 9)
    gaps = (chances - right)[np.newaxis, :] * (bins == np.arange(10)[:, np.newaxis])
    return float(np.abs(gaps.sum(1)).sum() / len(chances))


if __name__ == "__main__":
    main()
