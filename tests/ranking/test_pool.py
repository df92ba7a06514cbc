"""The compiled pools beside their plain twin."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_pool import PlainPooling, likeness

from concept_linker.detection.dictionary import DictionaryDetector
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking import string_features as describing
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.first_stage import Pooling
from concept_linker.ranking.priors import PRIORS, Priors, Use
from concept_linker.ranking.ranker import ENCODER
from concept_linker.ranking.string_features import FEATURES
from concept_linker.runtime.resources import model_path

WORDS = st.sampled_from(
    "cold Common COLD liver cirrhosis of the dysfunction ß-cell β 2 sérum".split()
)
NAMES = st.lists(WORDS, min_size=1, max_size=4).map(" ".join) | st.sampled_from(
    ["Cirrhosis, Liver", "cold, common", "COLD", "twin"]
)
IDS = st.sampled_from(["C0000001", "C0000002", "C0000003", "X:1", "X:2"])
USES = st.builds(
    Use, st.sampled_from("123"), NAMES, IDS, st.sampled_from(["", "T033", "T047"]), WORDS, WORDS
)


def compare(kb: KnowledgeBase, priors: Priors, strings: list[str], most: int = 10) -> None:
    encoder = Encoder.open(model_path("ranker") / "weights" / ENCODER)
    pools = Pooling(kb, priors, encoder, most=most).pools(strings)
    plain = PlainPooling(kb, priors, encoder, most=most)
    ends = np.cumsum(pools.sizes)
    for text, begin, end in zip(strings, (ends - pools.sizes).tolist(), ends.tolist(), strict=True):
        expected = plain.pool(text)
        found = zip(
            pools.concepts[begin:end].tolist(), pools.names[begin:end].tolist(), strict=True
        )
        assert list(found) == [(concept, name) for concept, name, _ in expected], text
        wanted = np.array([[row[name] for name in FEATURES] for _, _, row in expected])
        same = np.isclose(pools.features[begin:end], wanted.reshape(-1, len(FEATURES)), atol=1e-5)
        assert same.all(), (text, [FEATURES[i] for i in np.flatnonzero(~same.all(0))])


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(IDS, NAMES), min_size=1, max_size=12, unique=True),
    st.lists(USES, max_size=20),
    st.lists(NAMES | st.text(max_size=20), unique=True, max_size=6),
)
def test_the_compiled_pools_are_the_plain_ones(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[tuple[str, str]],
    uses: list[Use],
    strings: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("pool") / "kb"
    rows = [(concept_id, name, i % 3, "X") for i, (concept_id, name) in enumerate(names)]
    source = SourceTables.from_rows(SourceInfo("test", "pool"), names=rows, types=[("X:1", "T047")])
    build_knowledge_base([source], folder)
    compare(KnowledgeBase.open(folder), Priors.count(uses), strings)


def test_strings_of_real_captions(open_base: KnowledgeBase, shared_data: Path) -> None:
    with gzip.open(shared_data / "captions/roco_cc_by.jsonl.gz", "rt", encoding="utf-8") as lines:
        captions = [json.loads(line)["caption"] for line, _ in zip(lines, range(30), strict=False)]
    strings = {
        caption[span.start : span.end + 9]
        for caption, spans in zip(
            captions, DictionaryDetector(open_base).detect(captions).spans, strict=True
        )
        for span in spans
    }
    priors = Priors.open(model_path("ranker") / PRIORS)
    for most in (10, 30):
        compare(open_base, priors, sorted(strings)[:30], most)


@given(st.text(max_size=200), st.text(max_size=200))
def test_likeness_is_that_of_rapidfuzz(a: str, b: str) -> None:
    left, right = (np.frombuffer(one.encode("utf-8", "replace"), np.uint8) for one in (a, b))
    row = np.zeros(256, np.uint64)
    found = describing.likeness(left, 0, left.size, right, 0, right.size, row)
    clean = (one.encode("utf-8", "replace").decode() for one in (a, b))
    assert found == pytest.approx(likeness(*clean))
    assert not row.any()
