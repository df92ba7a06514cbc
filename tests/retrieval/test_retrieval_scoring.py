"""Ranks and figures against brute force, and what cannot be scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brute_force import bounds, expected, right_answers, similarities
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_linker.errors import InputError
from concept_linker.reporting.intervals import Interval, PairedTest
from concept_linker.retrieval import (
    Embeddings,
    Positives,
    compare,
    read_array,
    read_ids,
    score,
)
from concept_linker.retrieval import ranks as ranking
from concept_linker.retrieval.measures import MEASURES, per_query


def check(images, texts, image_ids, text_ids):
    result = score(images, texts, Positives.by_ids(image_ids, text_ids))
    matrix, right = similarities(images, texts), right_answers(image_ids, text_ids)
    own = np.eye(len(images), dtype=bool)
    for direction, m, r in (
        (result.image_to_text, matrix, right),
        (result.text_to_image, matrix.T, right.T),
    ):
        for ranks, wanted in ((direction.best, r), (direction.own, own)):
            np.testing.assert_allclose(per_query(ranks), expected(m, wanted), rtol=0, atol=1e-12)
            best, worst = bounds(m, wanted)
            column = MEASURES.index("mean_rank")
            assert (per_query(ranks, "optimistic")[:, column] == best).all()
            assert (per_query(ranks, "pessimistic")[:, column] == worst).all()
        assert (direction.first == m.argmax(axis=1)).all()
    return result


small = st.integers(0, 2)


@given(st.data(), st.integers(1, 6), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_every_order_of_ties_by_hand(data, rows, dimensions):
    """Coordinates of 0, 1 and 2 give ties, zeros and copies in plenty."""
    table = st.lists(st.lists(small, min_size=dimensions, max_size=dimensions), min_size=rows)
    ids = st.lists(st.integers(0, 3), min_size=rows, max_size=rows)
    images, texts = (np.array(data.draw(table)[:rows]) for _ in range(2))
    check(images, texts, data.draw(ids), data.draw(ids))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_argsort_agrees(seed: int, dtype: str) -> None:
    random = np.random.default_rng(seed)
    latent = random.normal(size=(300, 24))
    images = (latent + random.normal(size=latent.shape)).astype(dtype)
    texts = (latent + random.normal(size=latent.shape)).astype(dtype)
    result = score(images, texts)
    matrix = similarities(images, texts)
    for direction, m in ((result.image_to_text, matrix), (result.text_to_image, matrix.T)):
        order = np.argsort(-m, axis=1)
        rank = np.argwhere(order == np.arange(300)[:, None])[:, 1] + 1
        assert (direction.best.above + 1 == rank).all()
        assert not direction.best.tied.any()
    figures = result.figures(resamples=20)["all_positives"]
    assert figures["text_to_image_R@10"] == pytest.approx((rank <= 10).mean(), abs=1e-12)
    assert figures["text_to_image_MRR"] == pytest.approx((1 / rank).mean(), abs=1e-12)
    assert figures["text_to_image_mean_rank"] == pytest.approx(rank.mean(), abs=1e-9)
    assert figures["text_to_image_median_rank"] == sorted(rank)[149]


def test_copies_in_large_blocks_tie_whatever_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    texts = random.normal(size=(40, 33)).astype("f4")[random.integers(0, 40, 500)]
    images = (texts + 2 * random.normal(size=texts.shape)).astype("f4")
    names = [row.tobytes() for row in texts]
    tables = []
    for tile, threads in ((4096, 1), (37, 3), (1, 2)):
        monkeypatch.setattr(ranking, "TILE", tile)
        rows = 500 if tile > 1 else 60
        left, right = (Embeddings.of(one[:rows], "x") for one in (images, texts))
        positives = Positives.by_ids(range(rows), names[:rows])
        both = ranking.rank_both(left, right, positives, threads=threads)
        tables.append([per_query(one)[:60] for way in both for one in (way.best, way.own)])
        if tile > 1:
            assert all((a == b).all() for a, b in zip(tables[0], tables[-1], strict=True))
    wanted = right_answers(range(60), names[:60])
    best, _ = bounds(similarities(images[:60], texts[:60]), wanted)
    assert (tables[-1][0][:, MEASURES.index("mean_rank")] == best).all()


def test_several_positives_by_ids() -> None:
    """An image is right for a text that another row of the same image has, and no further."""
    random = np.random.default_rng(1)
    check(random.normal(size=(4, 3)), random.normal(size=(4, 3)), "AABC", "wxxy")
    positives = Positives.by_ids("AABC", "wxxy")
    assert positives.units().tolist() == [0, 0, 0, 1]
    found = {pair for rows, items in positives.image_to_text() for pair in zip(rows, items)}  # noqa: B905
    assert found == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (3, 3)}


def test_one_huge_group_is_never_held_as_pairs() -> None:
    images = np.random.default_rng(0).normal(size=(1500, 4))
    result = score(images, images, Positives.by_ids(["same"] * 1500, ["same"] * 1500))
    assert result.figures(resamples=3)["all_positives"]["image_to_text_R@1"] == 1.0
    assert sum(len(rows) for rows, _ in result.positives.image_to_text()) == 1500**2


def test_an_encoder_that_knows_nothing_is_ranked_in_the_middle() -> None:
    figures = score(np.zeros((101, 8)), np.zeros((101, 8))).figures(resamples=5)
    assert figures["zero_images"] == 101
    assert figures["all_positives"]["image_to_text_mean_rank"] == 51
    assert figures["all_positives"]["image_to_text_R@10"] == pytest.approx(10 / 101)
    assert figures["bounds"]["optimistic"]["image_to_text_R@1"] == 1
    assert figures["bounds"]["pessimistic"]["image_to_text_R@50"] == 0


def test_memory_order_and_scale_change_nothing(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    images, texts = random.normal(size=(2, 200, 16))
    wanted = score(images, texts).figures(resamples=50)
    assert score(np.asfortranarray(images), texts[:, ::-1][:, ::-1]).figures(resamples=50) == wanted
    scaled = images * 10.0 ** random.integers(-200, 200, (200, 1))
    assert score(scaled, texts * 1e-300).figures(resamples=50) == wanted
    np.save(tmp_path / "images.npy", np.asfortranarray(images))
    assert score(read_array(tmp_path / "images.npy"), texts).figures(resamples=50) == wanted


def broken(value: float) -> np.ndarray:
    array = np.ones((5000, 4), "f2")
    array[4321, 2] = value
    return array


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (broken(np.nan), "images, row 4321 .* NaN"),
        (broken(np.inf), "images, row 4321 .* NaN or an infinity"),
        (np.ones((4999, 4)), "4,999 rows and texts 5,000"),
        (np.ones((5000, 3)), "3 dimensions and texts 4"),
        (np.ones(5000), r"shape \(5000,\)"),
        (np.ones((0, 4)), "not empty"),
        (np.ones((5000, 4), complex), "complex128"),
        ([["a", "b"]], "<U1"),
    ],
)
def test_what_cannot_be_scored_is_said(images: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        score(images, np.ones((5000, 4)))


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"no array")
    with pytest.raises(InputError, match=r"a\.npy: no \.npy file"):
        read_array(path)
    np.save(path, np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"a\.npy: no \.npy file"):
        read_array(path)
    np.savez(tmp_path / "b.npz", np.ones(3))
    with pytest.raises(InputError, match="archive"):
        read_array(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\na\nb\n", "columns name; expected group"),
        ("", "columns none"),
        ("group\na\n", "1 lines, expected 2: one per row"),
        ("image,caption\na,b\nc,\n", "line 3: caption is empty"),
    ],
)
def test_ids_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ids.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_ids(path, 2)


def test_ids_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ids.csv"
    path.write_text(
        '\ufeffimage,caption,article\na,"x\ny",1\nb,"x\ny",2\na,z,2\n', encoding="utf-8"
    )
    table = read_ids(path, 3)
    assert table.positives.images.tolist() == [0, 1, 0]
    assert table.positives.texts.tolist() == [0, 0, 1]
    assert table.articles is not None
    assert table.articles.tolist() == [0, 1, 1]


def test_articles_are_drawn_together() -> None:
    random = np.random.default_rng(3)
    latent = np.repeat(random.normal(size=(20, 8)), 10, axis=0)
    images, texts = latent + random.normal(size=(2, 200, 8))
    articles = np.repeat(np.arange(20), 10)
    apart, together = (score(images, texts, articles=one) for one in (None, articles))
    assert apart.figures(resamples=5)["units"] == 200
    assert together.figures(resamples=5)["units"] == 20


def test_compare() -> None:
    random = np.random.default_rng(4)
    latent = random.normal(size=(400, 16))
    good, bad, texts = (latent + s * random.normal(size=latent.shape) for s in (0.5, 1.5, 0.5))
    better = compare(score(good, texts), score(bad, texts))["image_to_text"]["R@1"]
    assert better.difference.value > 0.1
    assert better.difference.low > 0
    assert better.p_value == pytest.approx(1 / 10_001)
    same = compare(score(good, texts), score(good, texts))["image_to_text"]["MRR"]
    assert same == PairedTest(Interval(0.0, 0.0, 0.0), 1.0)
    with pytest.raises(InputError, match="the same queries"):
        compare(score(good, texts), score(good[:9], texts[:9]))


@pytest.mark.parametrize("spread", [1.0, 1e-2, 1e-5])
def test_single_and_double_precision_tiles_count_the_same(
    monkeypatch: pytest.MonkeyPatch, spread: float
) -> None:
    """An encoder that maps everything to nearly one point is told apart all the same."""
    random = np.random.default_rng(7)
    centre = np.zeros(48)
    centre[0] = 1
    latent = random.normal(size=(700, 48))
    images, texts = (
        Embeddings.of(centre + spread * (latent + random.normal(size=latent.shape)), "x")
        for _ in range(2)
    )
    texts.values[100:200] = texts.values[300:400]
    texts = Embeddings.of(texts.values, "x")
    positives = Positives.by_ids(range(700), [row.tobytes() for row in texts.values])
    found = []
    for most in (1.0, -1.0):  # never double precision, always
        monkeypatch.setattr(ranking, "_MOST_NEAR", most)
        both = ranking.rank_both(images, texts, positives)
        found.append(
            [x for way in both for x in (per_query(way.best), per_query(way.own), way.first)]
        )
    for single, double in zip(*found, strict=True):
        assert (single == double).all()
