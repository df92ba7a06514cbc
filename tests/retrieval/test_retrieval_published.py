"""The published protocol, against the protocol carried out as published: sort, and sort again."""

from __future__ import annotations

import numpy as np
import pytest

from concept_linker.errors import SettingsError
from concept_linker.retrieval import paired, published_figures, score

CUTOFFS = (1, 5, 10, 50, 200)


def positions(logits, right):
    """Where the right item stands in each row, from 0, in a stable descending sort."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return np.argwhere(order == right[:, None])[:, 1]


def as_published(images, texts, resamples, seed):
    """The protocol's own steps: the whole matrix, drawn by rows and columns, sorted every time."""
    images, texts = (
        (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4") for x in (images, texts)
    )
    logits = np.float32(100) * images @ texts.T
    own = np.arange(len(logits))
    random = np.random.default_rng(seed)
    draws = [random.integers(0, len(own), len(own)) for _ in range(resamples)]
    figures = {}
    for long, short, matrix in (
        ("image_to_text", "i2t", logits),
        ("text_to_image", "t2i", logits.T),
    ):
        found = positions(matrix, own)
        figures[f"{long}_mean_rank"] = found.mean() + 1
        figures[f"{long}_median_rank"] = np.sort(found)[(len(found) - 1) // 2] + 1
        drawn = [positions(matrix[draw][:, draw], own) for draw in draws]
        for k in CUTOFFS:
            figures[f"{long}_R@{k}"] = (found < k).mean()
            rates = [(one < k).mean() for one in drawn]
            figures[f"{short}_R@{k}_CI"] = list(np.percentile(rates, [2.5, 97.5]))
    return figures


def pairs(seed, rows=260, noise=1.0):
    random = np.random.default_rng(seed)
    latent = random.normal(size=(rows, 12))
    return (latent + noise * random.normal(size=latent.shape) for _ in range(2))


@pytest.mark.parametrize("seed", range(3))
def test_the_published_numbers_come_out(seed: int) -> None:
    images, texts = pairs(seed)
    wanted = as_published(images, texts, 40, seed)
    found = published_figures(*paired(images, texts), resamples=40, seed=seed)
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=0, atol=1e-12, err_msg=key)


def test_its_interval_misses_its_own_figure() -> None:
    """The fault that the format notes measured: R@1 shrinks by 1 - 1/e."""
    images, texts = pairs(0, rows=1200, noise=0.1)
    found = published_figures(*paired(images, texts), resamples=100)
    figure, (low, high) = found["image_to_text_R@1"], found["i2t_R@1_CI"]
    assert figure > 0.97
    assert 0.60 < low < high < 0.66
    right = score(images, texts).figures(resamples=100)["one_positive"]
    assert right["image_to_text_R@1"] == pytest.approx(figure, abs=1e-12)
    low, high = right["i2t_R@1_CI"]
    assert low <= figure <= high


def test_copies_stand_in_the_order_of_rows() -> None:
    images, texts = pairs(1, rows=60)
    texts[1:40:2] = texts[:39:2]
    wanted = as_published(images, texts, 1, 0)
    found = published_figures(*paired(images, texts), resamples=1)
    for key in ("image_to_text_R@1", "image_to_text_R@5", "image_to_text_mean_rank"):
        assert found[key] == pytest.approx(wanted[key], abs=0.1)


def test_at_least_one_draw() -> None:
    with pytest.raises(SettingsError, match="resamples is 0"):
        published_figures(*paired(np.eye(2), np.eye(2)), resamples=0)
