"""Every pair within the distance, and no other, whichever way costs least."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.errors import SettingsError
from concept_linker.retrieval.near_duplicates import hamming
from concept_linker.retrieval.near_duplicates.hamming import HashIndex


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Bits that differ, by writing them out."""
    bits = [np.unpackbits(x.view(np.uint8).reshape(-1, 8), axis=1) for x in (one, other)]
    return (bits[0][:, None, :] != bits[1][None, :, :]).sum(axis=2)


def plant(random: np.random.Generator, hashes: np.ndarray, most: int) -> np.ndarray:
    """The same hashes with up to so many bits changed."""
    near = hashes.copy()
    for i in range(len(near)):
        for bit in random.choice(64, random.integers(0, most + 1), replace=False):
            near[i] ^= np.uint64(1) << np.uint64(bit)
    return near


def expected(matrix: np.ndarray, distance: int) -> list[list[int]]:
    rows, columns = np.nonzero(matrix <= distance)
    return [[int(r), int(c), int(matrix[r, c])] for r, c in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("distance", [0, 1, 2, 3, 5, 8, 11, 16])
@pytest.mark.parametrize("cut", [None, 4, 6, 9])
def test_all_pairs(monkeypatch: pytest.MonkeyPatch, distance: int, cut: int | None) -> None:
    if cut is not None:
        monkeypatch.setattr(hamming, "_cheapest", lambda n, d: hamming._parts(cut, d))
    random = np.random.default_rng(distance)
    hashes = random.integers(0, 2**64, 300, dtype=np.uint64)
    hashes[:60] = plant(random, hashes[100:160], 16)
    hashes = np.unique(hashes)
    queries = np.concatenate([plant(random, hashes[:150], 16), hashes[:5]])
    index = HashIndex(hashes, distance)
    assert index.near(queries, threads=2).tolist() == expected(apart(queries, hashes), distance)
    among = apart(hashes, hashes)
    among[np.tril_indices(len(hashes))] = 99
    assert index.pairs(threads=3).tolist() == expected(among, distance)


@given(st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=20), st.integers(0, 16))
@settings(max_examples=60, deadline=None)
def test_any_hashes(values: list[int], distance: int) -> None:
    hashes = np.array(values, np.uint64)
    found = HashIndex(hashes, distance).near(hashes, threads=1)
    wanted = [
        [i, j, (a ^ b).bit_count()]
        for i, a in enumerate(values)
        for j, b in enumerate(values)
        if (a ^ b).bit_count() <= distance
    ]
    assert found.tolist() == wanted


@pytest.mark.parametrize("distance", range(17))
@pytest.mark.parametrize("count", range(2, 17))
def test_the_parts_cover_every_way_to_differ(distance: int, count: int) -> None:
    """The pigeonhole: the most bits that can differ without any part being near is below it."""
    parts = hamming._parts(count, distance)
    whole = {part.shift: part.width for part in parts}
    radii = [part.radius for part in parts] + [-1] * (count - len(parts))
    assert sum(radius + 1 for radius in radii) > distance
    assert all(width <= 32 for width in whole.values())
    for one, other in pairwise(parts):
        assert one.shift + one.width == other.shift


def test_large_lists_are_probed() -> None:
    assert [part.radius for part in hamming._cheapest(23_000_000, 8)] == [2, 2, 2]
    assert hamming._cheapest(30, 8) == []


@pytest.mark.parametrize("distance", [-1, 17])
def test_distances_out_of_range(distance: int) -> None:
    with pytest.raises(SettingsError, match=f"distance is {distance}, expected 0 to 16"):
        HashIndex(np.zeros(1, np.uint64), distance)
