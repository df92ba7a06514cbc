"""Measures which names are everyday words.

    python -m models.dictionary MEDMENTIONS

Runs the dictionary, without its list, over the text of MedMentions TRAIN, whose annotators marked
every concept that they saw, however general; a name that they marked in less than a fifth of the
places where the dictionary finds it is no mention.  Writes ``everyday.txt`` beside this file, and
in front of what was counted what ``captions.txt`` adds by hand: words of captions that
MedMentions' abstracts do not have.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from pathlib import Path

from concept_linker.candidates.normalise import key
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.mentions.dictionary import DictionaryDetector

HERE = Path(__file__).resolve().parent
_LEAST_COUNT = 3
_LEAST_SHARE = 0.2


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Measure which names are everyday words.")
    parser.add_argument("medmentions", type=Path)
    arguments = parser.parse_args()
    detector = DictionaryDetector(KnowledgeBase.open(), everyday=frozenset())
    found: Counter[str] = Counter()
    marked: Counter[str] = Counter()
    with gzip.open(arguments.medmentions / "full_train.jsonl.gz", "rt", encoding="utf-8") as stream:
        for document in map(json.loads, stream):
            covered = bytearray(len(document["text"]))
            for mention in document["mentions"]:
                covered[mention["start"] : mention["end"]] = b"\1" * len(mention["text"])
            for start, end, *_ in detector.detect(document["text"]):
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
