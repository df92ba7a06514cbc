"""The encoder against its plain twin, and what it has learned."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from plain_encoder import features, vector

from concept_linker.errors import InputError
from concept_linker.ranking.encoder import (
    MAX_FEATURES,
    ROWS,
    SIZE,
    Encoder,
    NameVectors,
    best_cosines,
    hash_features,
)
from concept_linker.ranking.ranker import ENCODER
from concept_linker.runtime.resources import model_path
from concept_linker.search.normalise import key

FOLDER = model_path("ranker") / "weights" / ENCODER


@given(st.text(max_size=60) | st.text("ab c", max_size=900))
def test_features_equal_those_of_the_plain_twin(text: str) -> None:
    data = np.frombuffer(f"x{key(text)}".encode(), np.uint8)
    rows = np.empty(MAX_FEATURES, np.int64)
    count = hash_features(data, 1, data.size, rows)
    assert rows[:count].tolist() == features(key(text))


@pytest.mark.parametrize(
    ("name", "nearer", "farther"),
    [
        ("kidney disease", "renal disorder", "kidney stone"),
        ("heart failure", "cardiac insufficiency", "heart murmur"),
        ("liver cancer", "hepatic carcinoma", "lung cancer"),
        ("low blood sugar", "hypoglycemia", "hyperglycemia"),
    ],
)
def test_synonyms_that_share_no_word_are_near(name: str, nearer: str, farther: str) -> None:
    encoder = Encoder.open(FOLDER)
    one, near, far = (vector(key(text), encoder) for text in (name, nearer, farther))
    assert one @ near > one @ far


@given(st.integers(0, 2**32))
def test_rounding_keeps_the_vectors(seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors = np.zeros((8, SIZE), np.float32)
    vectors[:7] = random.standard_normal((7, SIZE)) * 10.0 ** random.integers(-3, 3, (7, 1))
    encoder = Encoder.of(vectors)
    found = encoder.rows * encoder.scales[:, None]
    assert (np.abs(found - vectors) <= np.abs(vectors).max(1, keepdims=True) / 250).all()


def test_a_damaged_encoder_or_another_version_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read an encoder"):
        Encoder.open(tmp_path)
    shutil.copytree(FOLDER, tmp_path / "cut")
    rows = tmp_path / "cut" / "rows.npy"
    rows.write_bytes(rows.read_bytes()[:-100])
    with pytest.raises(InputError, match="cannot read an encoder"):
        Encoder.open(tmp_path / "cut")
    Encoder(np.zeros((ROWS // 2, SIZE), np.int8), np.ones(ROWS // 2, np.float32)).save(tmp_path)
    with pytest.raises(InputError, match="train the encoder again"):
        Encoder.open(tmp_path)


@given(
    st.lists(st.text("abc de", min_size=1, max_size=9), min_size=1, max_size=9), st.integers(0, 3)
)
def test_cosines_are_right_though_the_cache_has_few_slots(names: list[str], bits: int) -> None:
    keys = [key(name) for name in names]
    raw = "".join(keys).encode()
    ends = np.cumsum([0, *map(len, keys)])
    # Two concepts: one has the first name, the other has the rest.
    base = SmallBase(
        np.frombuffer(raw, np.uint8), ends, np.arange(len(keys)), np.array([0, 1, len(keys)])
    )
    encoder = Encoder.open(FOLDER)
    cached = NameVectors(np.zeros(1 << bits, np.uint32), np.zeros((1 << bits, SIZE), np.int8))
    concepts = np.array([0, 1, 0] if len(keys) > 1 else [0, 0])
    vectors = [vector(one, encoder) for one in keys]
    for text in ("a bc", *keys):
        data = np.frombuffer(text.encode(), np.uint8)
        found = np.empty(len(concepts))
        best_cosines(data, 0, data.size, base, concepts, encoder, cached, found)
        cosines = [float(vector(text, encoder) @ one) / 127**2 for one in vectors]
        expected = [cosines[0] if concept == 0 else max(cosines[1:]) for concept in concepts]
        assert found.tolist() == pytest.approx(expected, abs=1e-9)


class SmallBase(NamedTuple):
    keys: NDArray[np.uint8]
    key_begins: NDArray[np.int64]
    name_keys: NDArray[np.int64]
    concept_names: NDArray[np.int64]
