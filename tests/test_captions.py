"""All real captions go through, and every offset is right."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from concept_linker import ConceptLinker, KnowledgeBase


@pytest.mark.parametrize(
    ("files", "count"),
    [
        (["captions/roco_cc_by.jsonl.gz"], 5898),
        (["craft_captions/train.jsonl.gz", "craft_captions/dev.jsonl.gz"], 436),
    ],
)
def test_real_captions(
    open_base: KnowledgeBase, shared_data: Path, files: list[str], count: int
) -> None:
    captions = []
    for file in files:
        with gzip.open(shared_data / file, "rt", encoding="utf-8") as stream:
            captions += [json.loads(line)["caption"] for line in stream]
    assert len(captions) == count
    linked = list(ConceptLinker.load(open_base).link_many(captions))
    for caption, annotation in zip(captions, linked, strict=True):
        assert annotation.text == caption
        end = 0
        for mention in annotation:
            assert end <= mention.start < mention.end
            assert caption[mention.start : mention.end] == mention.text
            end = mention.end
    share = sum(m.best is not None for a in linked for m in a) / sum(map(len, linked))
    assert share > 0.65  # what the detector doubts is not linked
    again = list(ConceptLinker.load(open_base).link_many(captions, batch_size=7))
    assert again == linked
