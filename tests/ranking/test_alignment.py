"""The training of the encoder, on a base whose synonyms are made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from plain_encoder import features, vector

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from models.ranker import alignment


def test_names_of_a_concept_come_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two languages: each concept has a word of both, and some names have two words."""
    random = np.random.default_rng(0)
    words = ["".join(random.choice(list("bcdfgaeiou"), 6)) for _ in range(600)]
    pairs = list(zip(words[:300], words[300:], strict=True))
    rows = [
        (f"X:{number}", name, 0, "X")
        for number, (one, other) in enumerate(pairs)
        for name in (one, other)
    ]
    # The same words in compounds, whose concepts have both languages too.
    joined = [(pairs[i], pairs[j]) for i, j in random.integers(0, 300, (400, 2)) if i != j]
    for number, ((a, b), (c, d)) in enumerate(joined, len(pairs)):
        rows += [(f"X:{number}", f"{a} {c}", 0, "X"), (f"X:{number}", f"{b} {d}", 0, "X")]
    # What a corpus has taught does not count.
    rows += [(f"X:{number}", words[300 + number - 1], 1, "MEDMENTIONS") for number in range(1, 50)]
    folder = tmp_path / "kb"
    build_knowledge_base([SourceTables.from_rows(SourceInfo("test", "small"), names=rows)], folder)
    kb = KnowledgeBase.open(folder)
    names = alignment.Names.of(kb)
    assert len(names.keys) == len(rows) - 49
    assert names.sizes.sum() == len(names.keys)
    assert (names.owners[names.begins[names.sizes > 0]] == np.flatnonzero(names.sizes > 0)).all()
    data = np.frombuffer("".join(names.keys).encode(), np.uint8)
    rows_of, firsts = alignment._features(data, np.cumsum([0, *map(len, names.keys)]))
    for at, key in enumerate(names.keys):
        assert rows_of[firsts[at] : firsts[at + 1]].tolist() == features(key)

    monkeypatch.setattr(alignment, "_EPOCHS", 40)
    encoder = alignment.train_encoder(kb)
    left, right = (
        np.array([vector(one, encoder) for one in side]) for side in zip(*pairs, strict=True)
    )
    found = ((left @ right.T).argmax(1) == np.arange(len(pairs))).mean()
    assert found > 0.9


def test_the_slopes_are_those_of_the_loss() -> None:
    """Beside finite differences; names of one concept are not each other's wrong answers."""
    random = np.random.default_rng(1)
    one, other = random.standard_normal((2, 6, 5))
    owners = np.array([0, 1, 2, 2, 3, 4])

    def loss(one: np.ndarray, other: np.ndarray) -> float:
        a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (one, other))
        alike = a @ b.T / alignment._TEMPERATURE
        alike[2, 3] = alike[3, 2] = -1e4
        there = alike - np.log(np.exp(alike).sum(1, keepdims=True))
        back = alike - np.log(np.exp(alike).sum(0))
        return float(-(np.diag(there) + np.diag(back)).sum() / 2)

    slopes, _ = alignment._contrast(one, other, owners)
    for side in range(2):
        for place in np.ndindex(6, 5):
            step = np.zeros((6, 5))
            step[place] = 1e-6
            ends = [
                loss(*(s + sign * step * (i == side) for i, s in enumerate((one, other))))
                for sign in (1, -1)
            ]
            assert slopes[side][place] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-3)
