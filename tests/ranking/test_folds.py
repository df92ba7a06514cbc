"""Training examples where only mentions of some semantic types are annotated."""

from __future__ import annotations

import numpy as np
import pytest

from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.ranking.candidates import Candidates
from concept_linker.ranking.features import FIRST_STAGE_FEATURES
from concept_linker.ranking.first_stage import DescribedStrings
from concept_linker.ranking.words import COMPARED_WORDS
from models.ranker import folds


def test_types_of_the_subset_are_those_whose_mentions_are_mostly_in_it() -> None:
    subset = frozenset({"st21pv"})
    mentions = [
        GoldMention(((0, 4),), ("C1",), ("T047",), subset),
        GoldMention(((0, 4),), ("C1",), ("T047",), subset),
        GoldMention(((0, 4),), ("C2",), ("T047", "T081")),
        GoldMention(((0, 4),), ("C3",), ("T081",), subset),
        GoldMention(((0, 4),), ("C4",), ("T078",)),
    ]
    corpus = GoldCorpus("made up", (GoldDocument("1", "cold", tuple(mentions)),))
    assert folds.subset_types(corpus) == {"T047"}


@pytest.mark.parametrize("seed", range(5))
def test_the_candidates_that_are_left_keep_their_mentions(seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(0, 5, 8)
    count = int(sizes.sum())
    numbers = np.arange(count)
    words = np.zeros((8, 2, COMPARED_WORDS + 1), np.uint64)
    features = np.repeat(numbers[:, None], len(FIRST_STAGE_FEATURES), 1).astype(np.float32)
    shares = (numbers / 9).astype(np.float32)
    candidates = Candidates(sizes, sizes, numbers, numbers + 100, numbers / 7, shares, shares > 0.5)
    described = DescribedStrings(candidates, numbers.astype(np.int16), features, words)
    dropped = random.random(count) < 0.4
    found = folds.without(described, dropped)
    ends = np.cumsum(sizes).tolist()
    expected = [
        [i for i in range(begin, end) if not dropped[i]]
        for begin, end in zip([0, *ends], ends, strict=False)
    ]
    assert found.candidates.sizes.tolist() == [len(one) for one in expected]
    flat = [i for one in expected for i in one]
    assert found.candidates.concepts.tolist() == flat
    assert found.candidates.names.tolist() == [i + 100 for i in flat]
    assert found.types.tolist() == flat
    assert (found.features[:, 0] == flat).all()
    assert found.candidates.similarities.tolist() == [i / 7 for i in flat]
