"""Trains the mention NER and the hybrid detector.

    python -m models.mention_ner DATA [--workers 2] [--teachers FOLDER]

DATA is the folder with ``medmentions``, ``jats`` and ``captions``.  Writes ``weights/`` next to
this file and, with ``--teachers``, the teachers, which the ranker's recipe needs.  README.md
explains the steps:

1.  Count the memory; make features.
2.  Train five teachers, each on four fifths of the fully annotated documents.
3.  Train the network on these documents, and on the teachers' predictions for all other texts.
4.  Fit the trees and choose the thresholds on each teacher's predictions for its held-out fifth.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from concept_linker.detection.gazetteer import Gazetteer, Memory
from concept_linker.detection.span_features import SPAN_FEATURES
from concept_linker.knowledge_base.base import KnowledgeBase

from . import data, span_trees
from .data import FOLDS, Example
from .distillation import raw_examples, with_mixed_targets, with_teachers
from .network import Network
from .training import STUDENT, TEACHER, restored, train

HERE = Path(__file__).resolve().parent
TEACHERS = 5
#: The share of a teacher's prediction in the student's targets for a fully annotated document.
TEACHER_SHARE = 0.4
_logger = logging.getLogger(__name__)


def main() -> None:
    """Runs the training."""
    parser = argparse.ArgumentParser(description="Train the mention NER.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE / "weights")
    parser.add_argument("--teachers", type=Path, help="keep the teachers in this folder")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(message)s")
    with threadpool_limits(1):  # the order of summation depends on the threads
        run(
            arguments.data,
            arguments.output,
            workers=arguments.workers,
            seed=arguments.seed,
            keep=arguments.teachers,
        )


def run(folder: Path, output: Path, *, workers: int, seed: int, keep: Path | None = None) -> None:
    """Trains everything and writes it.

    Args:
        folder: the folder of the data.
        output: the folder for the weights.
        workers: the number of teachers that are trained at a time.
        seed: the random seed.
        keep: the folder for the teachers.
    """
    memory, whole, partial, raw = prepare(folder)
    context = multiprocessing.get_context("fork")
    with context.Pool(workers, _share, ((whole, partial),)) as pool:
        tasks = [(number, seed) for number in range(TEACHERS)]
        flats = pool.map(_teacher, tasks, chunksize=1)
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
        for number, flat in enumerate(flats):
            np.save(keep / f"teacher{number}.npy", flat)
    teachers = [restored(TEACHER, flat) for flat in flats]
    others = with_teachers([*partial, *raw], teachers)
    annotated = [
        one
        for number, teacher in enumerate(teachers)
        for one in with_mixed_targets(held_out(whole, number), teacher, TEACHER_SHARE)
    ]
    network = train(annotated, others, STUDENT._replace(seed=seed))
    _write(output, memory, network, *decide(whole, teachers, seed))


def prepare(folder: Path) -> tuple[Memory, list[Example], list[Example], list[Example]]:
    """Returns the memory and the examples: whole documents, partial ones, raw texts."""
    kb = KnowledgeBase.open()
    medmentions = folder / "medmentions"
    documents = data.whole_documents(medmentions / "full_train.jsonl.gz")
    documents += data.partial_documents(medmentions, kb)
    counts = data.remember(documents, kb)
    memory = counts.memory()
    gazetteer = Gazetteer(kb, memory)
    never = data.never_inside(documents, gazetteer)
    complete = data.wholly_covered(documents)
    without = [counts.without(fold) for fold in range(FOLDS)]
    examples = [
        data.example(one, gazetteer, never, complete, memory=without[one.fold]) for one in documents
    ]
    whole = [one for one in examples if one.whole]
    partial = [one for one in examples if not one.whole]
    raw = raw_examples(folder, gazetteer)
    _logger.info(
        "%d strings; words: %d whole, %d partial, %d raw",
        memory.hashes.size,
        *(sum(len(one.words) for one in some) for some in (whole, partial, raw)),
    )
    return memory, whole, partial, raw


_shared: tuple[list[Example], list[Example]]


def _share(examples: tuple[list[Example], list[Example]]) -> None:
    global _shared
    _shared = examples
    threadpool_limits(1)


def _teacher(task: tuple[int, int]) -> NDArray[np.float32]:
    number, seed = task
    whole, partial = _shared
    training = [one for one in whole if one.fold % TEACHERS != number]
    return train(training, partial, TEACHER._replace(seed=100 * seed + number)).average.flat


def held_out(whole: list[Example], number: int) -> list[Example]:
    """The fully annotated documents that a teacher is not trained on."""
    return [one for one in whole if one.fold % TEACHERS == number]


def decide(whole: list[Example], teachers: list[Network], seed: int) -> tuple[Any, dict[str, Any]]:
    """Fits the trees and chooses the thresholds, both on held-out folds."""
    texts: list[span_trees.Labelled] = []
    folds: list[int] = []
    for number, teacher in enumerate(teachers):
        some = held_out(whole, number)
        texts += span_trees.label_all(some, teacher.for_use())
        folds += [number] * len(some)
    trees = span_trees.fit_trees(texts, seed=seed)
    of_network = SPAN_FEATURES.index("probability")
    probabilities = {
        "ner": [one.span_features[:, of_network].astype(np.float64) for one in texts],
        "hybrid": span_trees.cross_probabilities(texts, folds, seed=seed),
    }
    options: dict[str, Any] = {}
    for name, some in probabilities.items():
        threshold = span_trees.best_threshold(texts, some)
        options[f"{name}_threshold"] = threshold
        _logger.info(
            "%s: F1 %.4f at %.2f, held out", name, span_trees.f1(texts, some, threshold), threshold
        )
    return trees, options


def _write(
    folder: Path, memory: Memory, network: Network, trees: Any, options: dict[str, Any]
) -> None:
    """Writes the model into a temporary folder, then renames it."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        new = Path(temporary) / "weights"
        new.mkdir()
        memory.save(new)
        trees.save(new)
        network.save(new)
        text = json.dumps(options, indent=1) + "\n"
        (new / "decoding.json").write_text(text, encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)


if __name__ == "__main__":
    main()
