"""The training of the NER: gradients by differences, and what the annotation allows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from concept_linker.detection.detector import GROUPS
from concept_linker.detection.gazetteer import Gazetteer
from concept_linker.detection.ner.network import Network as NetworkForUse
from concept_linker.knowledge_base.base import KnowledgeBase
from models.mention_ner import data
from models.mention_ner.distillation import marginals
from models.mention_ner.network import Network
from models.mention_ner.training import Lexicon, Options, encode, make_batch, train

ANAT, DISO, CONC = (GROUPS.index(one) for one in ("ANAT", "DISO", "CONC"))
TEXTS = [
    ("MRI shows lesions of the left hippocampus.", [("lesions", DISO), ("left hippocampus", ANAT)]),
    ("No lesion, 2.5 mm", [("lesion", DISO)]),
]
COMPLETE = frozenset({ANAT, DISO})


def documents(*, whole: bool) -> list[data.Document]:
    return [
        data.Document(
            str(i),
            text,
            [(text.index(m), text.index(m) + len(m), group, True) for m, group in mentions],
            whole,
            i,
        )
        for i, (text, mentions) in enumerate(TEXTS)
    ]


def examples(kb: KnowledgeBase, *, whole: bool) -> list[data.Example]:
    gazetteer = Gazetteer(kb, data.remember(documents(whole=whole), kb).memory())
    never = frozenset({"of", "the"})
    return [data.example(one, gazetteer, never, COMPLETE) for one in documents(whole=whole)]


def test_allowed_tags(small_kb: KnowledgeBase) -> None:
    whole, partial = (examples(small_kb, whole=one)[0] for one in (True, False))
    assert whole.words == ["MRI", "shows", "lesions", "of", "the", "left", "hippocampus", "."]
    tag = data.tag
    gold = [0, 0, tag(3, DISO), 0, 0, tag(0, ANAT), tag(2, ANAT), 0]
    assert whole.gold == [(2, 2, DISO), (5, 6, ANAT)]
    for i, one in enumerate(gold):
        assert np.flatnonzero(whole.allowed[i]).tolist() == [one]
        assert partial.allowed[i, one] == 1
    # Known words in mentions, and those never in one, are certain; elsewhere only groups that
    # ST21pv does not cover may stand.
    assert [int(one) for one in partial.allowed.sum(1)] == [53, 53, 1, 1, 1, 1, 1, 53]
    assert partial.allowed[0, tag(0, CONC)] == 1
    assert partial.allowed[0, tag(0, DISO)] == 0


def test_gradients_are_those_of_the_loss(small_kb: KnowledgeBase) -> None:
    rng = np.random.default_rng(0)
    network = Network(width=6, slot_width=3, reaches=(1, 2), seed=3)
    network.value.flat[:] += rng.normal(0, 0.3, network.value.flat.shape).astype(np.float32)
    lexicon = Lexicon()
    some = examples(small_kb, whole=True) + examples(small_kb, whole=False)
    targets = rng.dirichlet(np.ones(data.TAGS), len(some[1].words)).astype(np.float16)
    some[1] = some[1]._replace(targets=targets)
    items = encode(some, lexicon)
    batch = make_batch(items, lexicon.arrays(), 2, None, Options())

    def loss() -> float:
        scores, _ = network.forward(batch, network.value)
        return float(network.chain_loss(batch, scores)[0])

    scores, memo = network.forward(batch, network.value)
    _, words, gradient = network.chain_loss(batch, scores)
    assert words == sum(len(one.words) for one in some)
    network.backward(batch, gradient, memo)
    for name, values in network.value.views.items():
        found = network.gradient[name].reshape(-1)
        for at in np.argsort(-np.abs(found))[:3]:
            if found[at] == 0 and name in ("names", "groups", "buckets"):
                assert not network.gradient[name][0].any()  # no label, no effect
                continue
            flat = values.reshape(-1)
            kept = flat[at]
            flat[at] = kept + 1e-2
            above = loss()
            flat[at] = kept - 1e-2
            slope = (above - loss()) / 2e-2
            flat[at] = kept
            assert found[at] == pytest.approx(slope, rel=0.1, abs=0.02), name


def test_marginals_obey_what_is_allowed(small_kb: KnowledgeBase) -> None:
    for one in examples(small_kb, whole=False):
        scores = np.random.default_rng(1).normal(0, 2, one.allowed.shape).astype(np.float32)
        found = marginals(scores, one.allowed)
        assert found.sum(1) == pytest.approx(1, abs=1e-4)
        assert not found[one.allowed == 0].any()
    # Nothing is allowed: a mention that begins and never ends.
    impossible = np.zeros((2, data.TAGS), np.uint8)
    impossible[:, data.tag(0, ANAT)] = 1
    assert not marginals(np.zeros((2, data.TAGS), np.float32), impossible).any()


def test_training_learns_repeatably_and_what_is_written_is_what_is_read(
    small_kb: KnowledgeBase, tmp_path: Path
) -> None:
    options = Options(width=16, slot_width=8, steps=60, words=20, rate=0.02, warmup=5, blend=0.2)
    whole = examples(small_kb, whole=True)
    network, again = (train(whole, [], options) for _ in range(2))
    assert np.array_equal(network.average.flat, again.average.flat)
    network.save(tmp_path)
    features = whole[0].features
    scores, places = NetworkForUse.open(tmp_path).scores(features)
    targets, _ = network.for_use().scores(features)
    assert np.array_equal(scores, targets)
    gold = [np.flatnonzero(row)[0] for row in whole[0].allowed]
    assert scores[places].argmax(1).tolist() == gold


def test_strings_are_counted_by_fold(small_kb: KnowledgeBase) -> None:
    counts = data.remember(documents(whole=True), small_kb)
    texts = ["lesion hippocampus"]
    everything, without = counts.memory(), counts.without(1)
    lesion = Gazetteer(small_kb, everything).find(texts).runs
    assert lesion.memory.annotated.tolist() == [2, 0]
    assert lesion.memory.occurred.tolist() == [2, 0]
    assert lesion.memory.groups.tolist() == [DISO, -1]
    less = without.recall(lesion.numbers)
    assert less.documents.tolist() == [1, 0]
    assert counts.without(0).recall(lesion.numbers).annotated.tolist() == [1, 0]
