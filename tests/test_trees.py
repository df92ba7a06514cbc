"""The compiled walk against its plain twin."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_trees import Node, score

from concept_linker.trees import LEADING, OPENING, Trees

COLUMNS = 4


def grow(rng: np.random.Generator, nodes: list[Node], depth: int) -> int:
    """Adds a tree to the nodes, (feature, threshold, left, right, value); returns its root."""
    at = len(nodes)
    nodes.append([-1, 0.0, 0, 0, float(np.float32(rng.normal()))])
    if depth and rng.random() < 0.8:
        nodes[at][:2] = [int(rng.integers(COLUMNS)), float(rng.choice([0.1, 0.5, rng.normal()]))]
        nodes[at][2] = grow(rng, nodes, depth - 1)
        nodes[at][3] = grow(rng, nodes, depth - 1)
    return at


def forest(seed: int, trees: int) -> tuple[Trees, list[int], list[Node]]:
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []
    roots = [grow(rng, nodes, int(rng.integers(9))) for _ in range(trees)]
    features, thresholds, lefts, rights, values = np.array(nodes).T
    return (
        Trees.of(
            np.array(roots, np.int32),
            features.astype(np.int16),
            thresholds,
            lefts.astype(np.int32),
            rights.astype(np.int32),
            values.astype(np.float32),
            np.array([0.25], np.float32),
        ),
        roots,
        nodes,
    )


def rows_of(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, COLUMNS)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.3] = np.float32(0.1)  # on a threshold, as near as it gets
    return rows


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(0, 600))
def test_scores_equal_those_of_the_plain_twin(seed: int, count: int, rows: int) -> None:
    trees, roots, nodes = forest(seed, count)
    values = rows_of(seed, rows)
    expected = [score(roots, nodes, row, 0.25) for row in values]
    assert trees.scores(values) == pytest.approx(expected)
    assert trees.probabilities(values) == pytest.approx(1 / (1 + np.exp(-np.array(expected))))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 40), max_size=6))
def test_only_the_leading_rows_walk_all_trees(seed: int, sizes: list[int]) -> None:
    trees, _, _ = forest(seed, OPENING + 20)
    rows = rows_of(seed, sum(sizes))
    found = trees.ranks(rows, np.array(sizes, np.int64))
    whole, opening = trees.scores(rows), trees._replace(roots=trees.roots[:OPENING]).scores(rows)
    ends = np.cumsum([0, *sizes])
    for begin, end in itertools.pairwise(ends):
        order = begin + np.argsort(-opening[begin:end], kind="stable")
        leading, others = order[:LEADING], order[LEADING:]
        assert np.array_equal(found[leading], whole[leading])
        if others.size:
            behind = found[leading].min() - found[others]
            assert behind == pytest.approx(opening[leading[-1]] - opening[others])


def test_saved_and_opened(tmp_path: Path) -> None:
    trees, _, _ = forest(1, 3)
    trees.save(tmp_path)
    for one, other in zip(Trees.open(tmp_path), trees, strict=True):
        assert np.array_equal(one, other)
        assert one.dtype == other.dtype
