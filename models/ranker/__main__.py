"""Counts the priors and trains the ranker, on MedMentions TRAIN.

    python -m models.ranker DATA

DATA has ``medmentions/`` and ``vocab/medmentions_kb.jsonl.gz``.  Needs lightgbm.  Writes
``priors/`` and ``weights/`` beside this file; takes about fifteen minutes.

A ranker must learn from mentions that its base and its priors have not seen.  So the documents are
dealt into five folds; those of one fold are ranked with a base and priors that were taught by the
other four.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from concept_linker.evaluation.concept_ids import ConceptIds
from concept_linker.evaluation.corpora import read_corpus
from concept_linker.evaluation.gold import GoldCorpus
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build
from concept_linker.ranking.priors import Priors
from concept_linker.teaching import uses

from .folds import FOLDS, base_sources, examples
from .training import calibrate, fit

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Train the ranker on MedMentions TRAIN.")
    parser.add_argument("data", type=Path)
    data = parser.parse_args().data
    full = read_corpus(data / "medmentions/full_train.jsonl.gz")
    subset = read_corpus(data / "medmentions/st21pv_train_sentences.jsonl.gz")
    own = {document.id for document in full.documents}
    others = tuple(document for document in subset.documents if document.id not in own)
    priors = Priors.count(uses((*full.documents, *others), ConceptIds()))
    priors.save(HERE / "priors")
    print(f"{int(priors.totals.sum()):,} mentions counted")

    parts = []
    with tempfile.TemporaryDirectory() as room:
        for fold in range(FOLDS):
            known = [d for i, d in enumerate(full.documents) if i % FOLDS != fold]
            asked = [d for i, d in enumerate(full.documents) if i % FOLDS == fold]
            folder = Path(room) / str(fold)
            known_corpus = GoldCorpus("known", (*known, *others))
            build(base_sources(data, full, others, known_corpus), folder)
            parts.append(examples(KnowledgeBase.open(folder), known_corpus, asked))
            print(f"fold {fold}: {len(parts[-1].sizes):,} mentions", flush=True)
    weights = HERE / "weights"
    weights.mkdir(exist_ok=True)
    calibration = calibrate(fit(parts[:-1]), parts[-1])
    calibration.save(weights / "calibration.json")
    print(f"calibrated on the last fold: {calibration}")
    fit(parts).save(weights)


if __name__ == "__main__":
    main()
