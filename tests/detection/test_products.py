"""The compiled matrix product equals its plain twin."""

from __future__ import annotations

import numpy as np
import plain_products
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.detection.ner.products import packed, product, room


@given(
    rows=st.integers(0, 20),
    inner=st.integers(1, 40),
    columns=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_products_equal_those_of_numpy(rows: int, inner: int, columns: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    left = np.zeros((room(rows), inner), np.float32)
    left[:rows] = chance.integers(-2000, 2000, (rows, inner)) / 128
    right = (chance.integers(-400, 400, (inner, columns)) / 512).astype(np.float32)
    out = np.full((len(left), -(-columns // 16) * 16), np.nan, np.float32)
    product(left, packed(right), out)
    assert np.array_equal(out[:rows, :columns], plain_products.product(left[:rows], right))
    assert not out[rows:].any()
    assert not out[:, columns:].any()
