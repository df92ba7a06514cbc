"""Counts how often strings mean concepts in MedMentions TRAIN.

    python -m models.ranker MEDMENTIONS

Reads ``full_train.jsonl.gz`` and, for the documents that are not in it, the sentences of
``st21pv_train_sentences.jsonl.gz``.  A string that means a concept counts once a document: an
abstract repeats its own abbreviations, and that says nothing of other texts.  Writes ``priors/``
beside this file.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from concept_linker.candidates.normalise import key
from concept_linker.ranking.priors import Priors

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Count priors in MedMentions TRAIN.")
    parser.add_argument("medmentions", type=Path)
    folder = parser.parse_args().medmentions
    mentions = dict.fromkeys(_mentions(folder))
    Priors.count((text, cui) for _, text, cui in mentions).save(HERE / "priors")
    print(f"{len(mentions):,} counted")


def _mentions(folder: Path) -> Iterator[tuple[str, str, str]]:
    seen = set()
    for document in _rows(folder / "full_train.jsonl.gz"):
        seen.add(document["pmid"])
        for mention in document["mentions"]:
            yield document["pmid"], key(mention["text"]), mention["cui"]
    for document in _rows(folder / "st21pv_train_sentences.jsonl.gz"):
        if document["pmid"] not in seen:
            for sentence in document["sentences"]:
                for start, end, cui in sentence["mentions"]:
                    text = " ".join(sentence["tokens"][start:end])
                    yield document["pmid"], key(text), cui


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


if __name__ == "__main__":
    main()
