"""Candidates, string features and the choice of the best, against their plain twins."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_candidates import PlainGenerator
from plain_first_stage import best_of
from plain_string_features import PlainStringFeatures, edit_ratio
from plain_words import plain_hashes

from concept_linker.detection.dictionary import DictionaryDetector
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.ranking.candidates import Candidates
from concept_linker.ranking.encoder import Encoder
from concept_linker.ranking.features import FIRST_STAGE_FEATURES as NAMES
from concept_linker.ranking.features import SECOND_STAGE_FEATURES
from concept_linker.ranking.first_stage import (
    PASSED_ON,
    DescribedStrings,
    StringDescriber,
    select_best,
)
from concept_linker.ranking.priors import PRIORS, Priors, Use
from concept_linker.ranking.ranker import ENCODER
from concept_linker.ranking.string_features import edit_ratio as compiled_ratio
from concept_linker.ranking.words import Texts
from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import key

WORDS = st.sampled_from(
    "cold Common COLD liver cirrhosis of the dysfunction ß-cell β 2 sérum".split()
)
STRINGS = st.lists(WORDS, min_size=1, max_size=4).map(" ".join) | st.sampled_from(
    ["Cirrhosis, Liver", "cold, common", "COLD", "twin"]
)
IDS = st.sampled_from(["C0000001", "C0000002", "C0000003", "X:1", "X:2"])
USES = st.builds(
    Use, st.sampled_from("123"), STRINGS, IDS, st.sampled_from(["", "T033", "T047"]), WORDS, WORDS
)


def compare(kb: KnowledgeBase, priors: Priors, strings: list[str], k: int = 10) -> None:
    """Compares candidates and features with those of the plain twins."""
    encoder = Encoder.open(model_path("ranker") / "weights" / ENCODER)
    described = StringDescriber(kb, priors, encoder, k=k).describe(strings)
    candidates = described.candidates
    generator, features = PlainGenerator(kb, priors, k=k), PlainStringFeatures(kb, priors, encoder)
    ends = np.cumsum(candidates.sizes)
    begins = ends - candidates.sizes
    for number, (text, begin, end) in enumerate(
        zip(strings, begins.tolist(), ends.tolist(), strict=True)
    ):
        expected, specific = generator.generate(text)
        assert candidates.specific[number] == specific
        found = zip(*(column[begin:end].tolist() for column in candidates[2:]), strict=True)
        assert [(*one[:3], one[4]) for one in found] == [
            (*one[:3], one.run_is_last) for one in expected
        ], text
        rows = features.compute(text, expected, specific)
        correct = np.array([[row[name] for name in NAMES] for row in rows])
        same = np.isclose(described.features[begin:end], correct.reshape(-1, len(NAMES)), atol=1e-5)
        assert same.all(), (text, [NAMES[i] for i in np.flatnonzero(~same.all(0))])
        types = [
            features.type_of(one.concept, features.number.get(one.concept, -1)) for one in expected
        ]
        assert described.types[begin:end].tolist() == types


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(IDS, STRINGS), min_size=1, max_size=12, unique=True),
    st.lists(USES, max_size=20),
    st.lists(STRINGS | st.text(max_size=20), unique=True, max_size=6),
)
def test_candidates_and_features_equal_those_of_the_plain_twins(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[tuple[str, str]],
    uses: list[Use],
    strings: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("described") / "kb"
    rows = [(concept_id, name, i % 3, "X") for i, (concept_id, name) in enumerate(names)]
    source = SourceTables.from_rows(
        SourceInfo("test", "described"), names=rows, types=[("X:1", "T047")]
    )
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
    for k in (10, 30):
        compare(open_base, priors, sorted(strings)[:30], k)


@given(st.text(max_size=200), st.text(max_size=200))
def test_edit_ratio_equals_that_of_rapidfuzz(a: str, b: str) -> None:
    left, right = (np.frombuffer(one.encode("utf-8", "replace"), np.uint8) for one in (a, b))
    row = np.zeros(256, np.uint64)
    found = compiled_ratio(left, 0, left.size, right, 0, right.size, row)
    clean = (one.encode("utf-8", "replace").decode() for one in (a, b))
    assert found == pytest.approx(edit_ratio(*clean))
    assert not row.any()


@given(st.lists(st.text("abc dé", max_size=30) | st.text(max_size=200), max_size=4))
def test_word_hashes_equal_those_of_the_plain_twin(strings: list[str]) -> None:
    keys = [key(text) for text in strings]
    assert Texts.encode(keys).hash_words().tolist() == [plain_hashes(one) for one in keys]


@given(st.lists(st.lists(st.integers(-3, 3), max_size=5), max_size=4), st.integers(1, 6))
def test_the_best_equal_those_of_the_plain_twin(scores: list[list[int]], limit: int) -> None:
    """Ties keep their order; the passed-on features are those of the same name."""
    sizes = np.array([len(one) for one in scores], np.int64)
    count = int(sizes.sum())
    rows = np.arange(count)
    features = (rows[:, None] * 100 + np.arange(len(NAMES))).astype(np.float32)
    candidates = Candidates(
        sizes, sizes, rows, rows + 7, rows / 2, np.zeros(count, np.float32), rows < 0
    )
    words = np.zeros((len(scores), 2, 9), np.uint64)
    described = DescribedStrings(candidates, rows.astype(np.int16), features, words)
    flat = np.array([score for one in scores for score in one], np.float64)
    best, best_sizes, _ = select_best(described, flat, limit)
    expected = [best_of(one, limit) for one in scores]
    assert best_sizes.tolist() == [len(one) for one in expected]
    at = 0
    for begin, own in zip((np.cumsum(sizes) - sizes).tolist(), expected, strict=True):
        for row, *outputs in own:
            assert best.concepts[at] == best.types[at] == best.names[at] - 7 == begin + row
            assert best.similarities[at] == (begin + row) / 2
            assert best.features[at, :4].tolist() == pytest.approx(outputs)
            for column, name in enumerate(SECOND_STAGE_FEATURES[4:PASSED_ON], 4):
                assert best.features[at, column] == features[begin + row, NAMES.index(name)]
            at += 1
