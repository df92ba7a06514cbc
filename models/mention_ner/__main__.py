"""Trains the mention NER and the hybrid detector.

    python -m models.mention_ner DATA [--workers 2] [--teachers FOLDER]

DATA is the folder with ``medmentions``, ``jats`` and ``captions``.  Writes ``weights/`` beside this
file, and the teachers, which the ranker's recipe needs, into a folder if asked.  The steps, which
README.md explains:

1.  Count the memory; make features.
2.  Train a teacher on four fifths of the whole documents, five times.
3.  Train the network on the whole documents, and on what the teachers say of all other texts.
4.  Fit the trees and choose the thresholds on what each teacher says of the fifth that it has not
    seen.
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

from . import data, deciding
from .data import FOLDS, Example
from .network import Network
from .teaching import raw_examples, taught, tempered
from .training import STUDENT, TEACHER, restored, train

HERE = Path(__file__).resolve().parent
TEACHERS = 5
#: How much of what the student learns of a whole document is a teacher's opinion.
TEMPER = 0.4
_logger = logging.getLogger(__name__)


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Train the mention NER.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=HERE / "weights")
    parser.add_argument("--teachers", type=Path, help="keep the teachers in this folder")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(processName)s %(message)s")
    with threadpool_limits(1):  # the order in which sums are added up depends on the threads
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
        folder: the data.
        output: where the weights go.
        workers: how many teachers are trained at a time.
        seed: of all that is random.
        keep: where the teachers go.
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
    others = taught([*partial, *raw], teachers)
    own = [
        one
        for number, teacher in enumerate(teachers)
        for one in tempered(unseen(whole, number), teacher, TEMPER)
    ]
    network = train(own, others, STUDENT._replace(seed=seed))
    _write(output, memory, network, *decide(whole, teachers, seed))


def prepare(folder: Path) -> tuple[Memory, list[Example], list[Example], list[Example]]:
    """Memory, whole documents, partial ones, raw texts."""
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
    seen = [one for one in whole if one.fold % TEACHERS != number]
    return train(seen, partial, TEACHER._replace(seed=100 * seed + number)).average.flat


def unseen(whole: list[Example], number: int) -> list[Example]:
    """The whole documents that a teacher has not seen."""
    return [one for one in whole if one.fold % TEACHERS == number]


def decide(whole: list[Example], teachers: list[Network], seed: int) -> tuple[Any, dict[str, Any]]:
    """The trees, and the thresholds with what they reach on folds left out."""
    texts: list[deciding.Judged] = []
    folds: list[int] = []
    for number, teacher in enumerate(teachers):
        some = unseen(whole, number)
        texts += deciding.judge_all(some, teacher.for_use())
        folds += [number] * len(some)
    trees = deciding.fit_trees(texts, seed=seed)
    of_network = SPAN_FEATURES.index("probability")
    chances = {
        "ner": [one.span_features[:, of_network].astype(np.float64) for one in texts],
        "hybrid": deciding.cross_chances(texts, folds, seed=seed),
    }
    options: dict[str, Any] = {}
    for name, some in chances.items():
        threshold = deciding.best_threshold(texts, some)
        options[f"{name}_threshold"] = threshold
        _logger.info(
            "%s: F1 %.4f at %.2f, left out", name, deciding.f1(texts, some, threshold), threshold
        )
    return trees, options


def _write(
    folder: Path, memory: Memory, network: Network, trees: Any, options: dict[str, Any]
) -> None:
    """Writes the model beside its place, then puts it there."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as beside:
        new = Path(beside) / "weights"
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
