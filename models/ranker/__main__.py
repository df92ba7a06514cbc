"""Counts the priors in MedMentions TRAIN, and trains the encoder and the ranker.

    python -m models.ranker DATA --teachers FOLDER

DATA has ``medmentions/``, ``bc5cdr/``, ``ncbi_disease/`` and ``vocab/``; FOLDER the networks that
``python -m models.mention_ner DATA --teachers FOLDER`` has written.  Needs lightgbm.  Writes
``priors/`` and ``weights/`` next to this file.

A ranker must learn from mentions that are unknown to its base, its priors and the mention network.
So the documents are split into five folds.  Those of one fold are ranked with a base, priors and a
network made from the other four.  The second stage learns from the output of a first stage trained
without the fold.  The documents with ST21pv mentions only are split in the same way, for the first
stage.  The encoder is trained on synonyms of the open base that come from no corpus, so it is the
same for all folds.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from concept_linker.corpora import read_corpus
from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.detection.detector import GROUPS
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.priors import PRIORS, Priors
from concept_linker.ranking.ranker import ENCODER, FIRST_STAGE, SECOND_STAGE
from concept_linker.training import train, uses

from .alignment import train_encoder
from .folds import FOLDS, base_sources, examples, split, subset_types
from .groups import Groups, left_out
from .training import (
    Cases,
    Part,
    calibrate,
    fit_first_stage,
    fit_second_stage,
    joined,
    second_stage_cases,
)

HERE = Path(__file__).resolve().parent
# There are eight times as many mentions in MedMentions, and as many again for the first stage.
_MESH_COUNTS = 5


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Train the ranker on MedMentions TRAIN.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--teachers", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=HERE)
    arguments = parser.parse_args()
    data, output = arguments.data, arguments.output
    full = read_corpus(data / "medmentions/full_train.jsonl.gz")
    subset = read_corpus(data / "medmentions/st21pv_train_sentences.jsonl.gz")
    own = {document.id for document in full.documents}
    others = tuple(document for document in subset.documents if document.id not in own)
    priors = Priors.count(uses((*full.documents, *others), ConceptIds()))
    priors.save(output / PRIORS)
    print(f"{int(priors.totals.sum()):,} mentions counted")
    encoder = train_encoder(KnowledgeBase.open("default"))
    encoder.save(output / "weights" / ENCODER)
    groups = left_out(data, arguments.teachers, full.documents)

    with tempfile.TemporaryDirectory() as room:
        parts = [
            *medmentions(data, full, others, groups, encoder, Path(room)),
            *mesh(data, encoder, Path(room)),
        ]
        subset_only = list(partial(data, full, others, encoder, Path(room)))
    fit(parts, subset_only, output / "weights")


def medmentions(
    data: Path,
    full: GoldCorpus,
    others: tuple[GoldDocument, ...],
    groups: Groups,
    encoder: Encoder,
    room: Path,
) -> Iterator[Part]:
    """The folds of MedMentions, with its closed base."""
    for fold in range(FOLDS):
        known, unknown = split(full.documents, fold)
        folder = room / f"medmentions{fold}"
        build_knowledge_base(
            base_sources(data, full, others, GoldCorpus("", (*known, *others))), folder
        )
        kb = KnowledgeBase.open(folder)
        found = examples(kb, (*known, *others), unknown, groups, encoder)
        print(f"MedMentions, fold {fold}: {len(found.strings):,} mentions", flush=True)
        yield Part(fold, found, 1)


def partial(
    data: Path, full: GoldCorpus, others: tuple[GoldDocument, ...], encoder: Encoder, room: Path
) -> Iterator[Part]:
    """The folds of the documents of which only the mentions of the subset ST21pv are known."""
    types = subset_types(full)
    for fold in range(FOLDS):
        known, unknown = split(others, fold)
        folder = room / f"partial{fold}"
        build_knowledge_base(
            base_sources(data, full, others, GoldCorpus("", (*full.documents, *known))), folder
        )
        kb = KnowledgeBase.open(folder)
        found = examples(kb, (*full.documents, *known), unknown, blind(unknown), encoder, types)
        print(f"ST21pv, fold {fold}: {len(found.strings):,} mentions", flush=True)
        yield Part(fold, found, 1)


def mesh(data: Path, encoder: Encoder, room: Path) -> Iterator[Part]:
    """The folds of BC5CDR and NCBI Disease, with MeSH; without types no group is of use."""
    build_knowledge_base([read_source("jsonl", data / "vocab/mesh_kb.jsonl.gz")], room / "mesh")
    kb = KnowledgeBase.open(room / "mesh")
    for name in ("bc5cdr", "ncbi_disease"):
        corpus = read_corpus(data / name / "train.pubtator.txt.gz")
        for fold in range(FOLDS):
            known, unknown = split(corpus.documents, fold)
            folder = room / f"{name}{fold}"
            train(GoldCorpus(name, tuple(known)), folder, kb=kb)
            found = examples(KnowledgeBase.open(folder), known, unknown, blind(unknown), encoder)
            print(f"{name}, fold {fold}: {len(found.strings):,} mentions", flush=True)
            yield Part(fold, found, _MESH_COUNTS)


def blind(documents: Sequence[GoldDocument]) -> Groups:
    """That no network has read the documents."""
    return {
        document.id: np.full((len(document.mentions), len(GROUPS)), -1, np.float32)
        for document in documents
    }


def fit(parts: list[Part], subset_only: list[Part], weights: Path) -> None:
    """Fits both stages and calibrates; writes them.

    Args:
        parts: the folds.
        subset_only: more for the first stage, in which no mention of the folds is unknown for.
        weights: the folder.
    """
    cases: list[list[Cases]] = []
    for fold in range(FOLDS):
        first = fit_first_stage([*(part for part in parts if part.fold != fold), *subset_only])
        cases.append([second_stage_cases(part, first) for part in parts if part.fold == fold])
        print(f"first stage without fold {fold}", flush=True)
    calibration = calibrate(
        [
            (fit_second_stage(list(chain(*cases[:fold], *cases[fold + 1 :]))), joined(cases[fold]))
            for fold in range(FOLDS)
        ]
    )
    weights.mkdir(exist_ok=True)
    calibration.save(weights / "calibration.json")
    print(f"calibrated: {calibration}")
    for stage, trees in (
        (FIRST_STAGE, fit_first_stage([*parts, *subset_only])),
        (SECOND_STAGE, fit_second_stage(list(chain(*cases)))),
    ):
        (weights / stage).mkdir(exist_ok=True)
        trees.save(weights / stage)


if __name__ == "__main__":
    main()
