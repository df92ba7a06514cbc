"""Measures which names are everyday words, and counts which words are written as one.

    python -m models.dictionary MEDMENTIONS CAPTIONS

Runs the dictionary, without its list, over the text of MedMentions TRAIN, whose annotators marked
every concept that they saw, however general; a name that they marked in less than a fifth of the
places where the dictionary finds it is not a mention.  Writes ``everyday.txt``; its first
part comes from ``captions.txt``, which lists words by hand: those of captions that
MedMentions' abstracts do not have.  ``words.txt`` is counted in both texts of MedMentions TRAIN and
in captions (``roco_cc_by.jsonl.gz``).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from concept_linker.detection.dictionary import DictionaryDetector
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.search.normalise import key
from models.dictionary.words import written_as_one

HERE = Path(__file__).resolve().parent
_LEAST_COUNT = 3
_LEAST_SHARE = 0.2


def _rows(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def main() -> None:
    """Counts and writes all lists."""
    parser = argparse.ArgumentParser(description="Measure which names are everyday words.")
    parser.add_argument("medmentions", type=Path, help="folder of MedMentions TRAIN")
    parser.add_argument("captions", type=Path, help="gzipped JSON Lines with a key 'caption'")
    arguments = parser.parse_args()
    _measure_everyday(arguments.medmentions / "full_train.jsonl.gz")
    _count_words(arguments.medmentions, arguments.captions)


def _count_words(medmentions: Path, captions: Path) -> None:
    texts = [document["text"] for document in _rows(medmentions / "full_train.jsonl.gz")]
    for document in _rows(medmentions / "st21pv_train_sentences.jsonl.gz"):
        texts.append(" ".join(t for one in document["sentences"] for t in one["tokens"]))
    texts += [row["caption"] for row in _rows(captions)]
    words = written_as_one(texts)
    (HERE / "words.txt").write_text("\n".join([*words, ""]), encoding="utf-8")
    print(f"{len(words)} words in {len(texts)} texts")


def _measure_everyday(train: Path) -> None:
    detector = DictionaryDetector(KnowledgeBase.open(), everyday=frozenset())
    found: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    for document in _rows(train):
        covered = bytearray(len(document["text"]))
        for mention in document["mentions"]:
            covered[mention["start"] : mention["end"]] = b"\1" * len(mention["text"])
        for start, end, *_ in detector.detect([document["text"]]).spans[0]:
            name = document["text"][start:end]
            if not name.isupper():
                found[key(name)] += 1
                marked[key(name)] += all(
                    inside or not c.isalnum()
                    for inside, c in zip(covered[start:end], name, strict=True)
                )
    counted = sorted(
        name
        for name, count in found.items()
        if count >= _LEAST_COUNT and marked[name] < _LEAST_SHARE * count
    )
    added = (HERE / "captions.txt").read_text(encoding="utf-8").splitlines()
    by_hand = sorted({key(line) for line in added if line and not line.startswith("#")})
    head = "# Written by `python -m models.dictionary`: keys of names that are no mentions.\n"
    text = head + "\n".join(["# by hand:", *by_hand, "# counted:", *counted]) + "\n"
    (HERE / "everyday.txt").write_text(text, encoding="utf-8")
    print(f"{len(by_hand)} by hand, {len(counted)} of {len(found)} counted")


if __name__ == "__main__":
    main()
