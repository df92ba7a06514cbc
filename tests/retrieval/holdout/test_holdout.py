"""Held-out sets: whole articles, fair samples, nothing nearly the same in the rest."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from collections_of_pairs import collection, main_group, record, sentence, write

from concept_linker.errors import InputError, SettingsError, SourceError
from concept_linker.retrieval.holdout import folder as folders
from concept_linker.retrieval.holdout.building import Built, build, checked_settings
from concept_linker.retrieval.holdout.folder import load_pairs, read_articles
from concept_linker.retrieval.holdout.leaks import ImageHashes
from concept_linker.retrieval.holdout.sampling import Tally
from concept_linker.retrieval.holdout.verifying import verify
from concept_linker.retrieval.near_duplicates.captions import RUN, plain_words
from concept_linker.retrieval.near_duplicates.hashing import (
    ImageHash,
    read_hashes,
    write_hashes,
)
from concept_linker.retrieval.pairs import Pair, read_pairs


def make(triplets: Path, output: Path, hashes: ImageHashes | None = None, **settings) -> Built:
    built = build(triplets, checked_settings(**settings), main_group, hashes)
    folders.write(built, output, triplets=triplets, main_group=main_group, hashes=hashes)
    return built


def hashes_of(tmp_path: Path, values: dict[str, int]) -> ImageHashes:
    write_hashes(tmp_path / "hashes.csv", [ImageHash(*one) for one in values.items()])
    return ImageHashes(read_hashes(tmp_path / "hashes.csv"))


def runs(caption: str) -> set[tuple[str, ...]]:
    words = plain_words(caption).split()
    return {tuple(words[i : i + RUN]) for i in range(max(1, len(words) - RUN + 1))}


@pytest.mark.parametrize("seed", range(4))
def test_nothing_leaks_by_the_definition(tmp_path: Path, seed: int) -> None:
    """Every held-out pair against every pair of the rest, compared directly."""
    records = collection(seed)
    triplets = write(tmp_path / "all.jsonl", records)
    built = make(triplets, tmp_path / "held", size=60, seed=seed)
    held = load_pairs(tmp_path / "held")
    articles = read_articles(tmp_path / "held")
    assert len(held) == len({pair.row for pair in held}) == 60
    assert {pair.article for pair in held} <= articles
    rest = [one for one in records if f"PMC{one['pmc']}" not in articles]
    for pair in held:
        own = runs(pair.caption)
        for other in rest:
            theirs = runs(other["caption"])
            assert len(own & theirs) / len(own | theirs) < 0.6
            assert pair.image != other["image"]
    # Every pair of a held-out article is held out, or named with a reason that holds.
    rows = {number: one for number, one in enumerate(records, start=1)}
    with (tmp_path / "held/removed.csv").open(newline="") as stream:
        removed = {int(one["row"]): one for one in csv.DictReader(stream)}
    taken = {row for row, one in rows.items() if f"PMC{one['pmc']}" in articles}
    assert taken == {pair.row for pair in held} | set(removed)
    assert built.removed_by_reason().keys() & {"equal caption", "similar caption"}
    for row, one in removed.items():
        if one["reason"] == "beyond the size":
            continue
        other = rows[int(one["other_row"])]
        assert f"PMC{other['pmc']}" not in articles
        a, b = runs(rows[row]["caption"]), runs(other["caption"])
        if one["reason"] == "same image":
            assert rows[row]["image"] == other["image"]
        else:
            assert float(one["measure"]) == pytest.approx(len(a & b) / len(a | b), abs=1e-4)
            assert (one["reason"] == "equal caption") == (
                plain_words(rows[row]["caption"]) == plain_words(other["caption"])
            )
    assert verify(tmp_path / "held", triplets) == []


def test_flat_images_are_no_leak(tmp_path: Path) -> None:
    """Half of all articles show an empty page; none of these is left out, nor grouped."""
    random = np.random.default_rng(0)
    records = [record(str(n), f"PMC{n}.jpg", sentence(random)) for n in range(60)]
    rows = [
        ImageHash(one["image"], None, flat=True)
        if number % 2
        else ImageHash(one["image"], int(random.integers(2**64, dtype=np.uint64)))
        for number, one in enumerate(records)
    ]
    write_hashes(tmp_path / "hashes.csv", rows)
    hashes = ImageHashes(read_hashes(tmp_path / "hashes.csv"))
    triplets = write(tmp_path / "all.jsonl", records)
    built = make(triplets, tmp_path / "held", hashes, size=20)
    held = load_pairs(tmp_path / "held")
    assert len(built.choice.articles) == 20  # one pair each, and none lost
    assert built.removed_by_reason() == {}
    assert built.flat == sum(int(pair.image[3:-4]) % 2 for pair in held) > 5
    with (tmp_path / "held/groups.csv").open(newline="") as stream:
        assert len({one["image"] for one in csv.DictReader(stream)}) == 20
    assert json.loads((tmp_path / "held/holdout.json").read_text())["flat_images"] == built.flat
    assert "all one grey" in (tmp_path / "held/README.md").read_text()
    assert verify(tmp_path / "held", triplets, hashes) == []


def test_the_same_seed_gives_the_same_bytes_whatever_the_order(tmp_path: Path) -> None:
    records = collection()
    triplets = write(tmp_path / "all.jsonl", records)
    for name in ("one", "two"):
        make(triplets, tmp_path / name, size=50, seed=3)
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name
    shuffled = [records[i] for i in np.random.default_rng(1).permutation(len(records))]
    write(tmp_path / "other.jsonl", shuffled)
    make(tmp_path / "other.jsonl", tmp_path / "three", size=50, seed=3)
    assert read_articles(tmp_path / "one") == read_articles(tmp_path / "three")
    make(triplets, tmp_path / "four", size=50, seed=4)
    assert read_articles(tmp_path / "one") != read_articles(tmp_path / "four")


def test_images_that_are_nearly_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    records = [record(str(n), f"PMC{n}.jpg", sentence(random)) for n in range(200)]
    values = {one["image"]: int(random.integers(2**64, dtype=np.uint64)) for one in records}
    images = list(values)
    for number in range(0, 200, 4):  # a twin for every fourth, up to eight bits away
        for bit in random.choice(64, number % 9, replace=False):
            values[images[number + 1]] = values[images[number]]
            values[images[number + 1]] ^= 1 << int(bit)
    del values["PMC7.jpg"]
    triplets = write(tmp_path / "all.jsonl", records)
    hashes = hashes_of(tmp_path, values)
    make(triplets, tmp_path / "held", hashes, size=80)
    held, articles = load_pairs(tmp_path / "held"), read_articles(tmp_path / "held")
    assert "PMC7.jpg" not in {pair.image for pair in held}
    for pair in held:
        for image, value in values.items():
            if image.removesuffix(".jpg") not in articles:
                assert (value ^ values[pair.image]).bit_count() > 8
    assert verify(tmp_path / "held", triplets, hashes) == []
    with (tmp_path / "held/groups.csv").open(newline="") as stream:
        groups = list(csv.DictReader(stream))
    assert [one["image"] for one in groups] == [f"{values[pair.image]:016x}" for pair in held]
    # The same set without a look at the pictures leaks, and verifying with a look says so.
    make(triplets, tmp_path / "blind", size=80)
    assert any("similar image" in line for line in verify(tmp_path / "blind", triplets, hashes))


def test_strata_are_held_out_in_proportion() -> None:
    """Over many seeds, each stratum's share of the sample is its share of the collection."""
    random = np.random.default_rng(0)
    tally = Tally(main_group)
    kinds = ["CT of it", "MRI of it", "Photograph of it", "nothing"]
    stratum: dict[str, str] = {}
    for number in range(400):
        kind = kinds[int(random.choice(4, p=[0.55, 0.3, 0.1, 0.05]))]
        stratum[f"PMC{number}"] = kind
        for figure in range(int(random.integers(1, 6))):
            tally.add(Pair(1, f"{number}/{figure}", kind, f"PMC{number}"))
    shares = []
    often: Counter[str] = Counter()
    for seed in range(60):
        survey = tally.survey(seed)
        some = int(np.searchsorted(np.cumsum(survey.sizes), survey.pairs // 5))
        often.update(survey.articles[:some])
        counts: Counter[str] = Counter()
        for article, size in zip(survey.articles[:some], survey.sizes[:some], strict=True):
            counts[stratum[article]] += int(size)
        shares.append([counts[kind] / counts.total() for kind in kinds])
    names = {"CT": 0, "MRI": 1, "photograph": 2, "other": 3}
    for (modality, _), pairs in survey.strata.items():
        own = np.array(shares)[:, names[modality]]
        assert own.mean() == pytest.approx(pairs / survey.pairs, abs=0.01)
        assert own.std() < 0.02
    # Each article is as likely as any other: about 12 of 60 times.
    assert np.mean([often[article] for article in stratum]) == pytest.approx(12, abs=0.5)
    assert max(often.values()) < 30


def test_what_is_written(tmp_path: Path) -> None:
    triplets = write(tmp_path / "all.jsonl", collection())
    make(triplets, tmp_path / "held", size=40)
    lines = (tmp_path / "held/holdout.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert list(records[0])[:5] == ["image", "caption", "pmc", "pmid", "fig_id"]
    assert pq.read_table(tmp_path / "held/holdout.parquet").to_pylist() == records
    pairs = {pair.row: pair for pair in read_pairs(triplets)}
    assert all(pairs[pair.row] == pair for pair in load_pairs(tmp_path / "held"))
    card = (tmp_path / "held/README.md").read_text()
    assert card.startswith("---\nlicense: other\n")
    assert "40 pairs of" in card
    assert "research only" in card
    make(triplets, tmp_path / "held", size=30)  # one that is there is replaced
    assert len(load_pairs(tmp_path / "held")) == 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl", "held"]


def test_rows_that_are_no_pairs_are_left_out_and_named(tmp_path: Path) -> None:
    records = collection()
    lines = [json.dumps(one) for one in records]
    lines[3:3] = ["{", json.dumps(record("1", "", "x")), json.dumps(record("", "a.jpg", "y"))]
    triplets = tmp_path / "all.jsonl"
    triplets.write_text("\n".join(lines) + "\n")
    make(triplets, tmp_path / "held", size=40)
    with (tmp_path / "held/refused.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(one["row"]) for one in rows] == [4, 5, 6]
    assert "not JSON" in rows[0]["reason"]
    assert rows[1]["reason"].startswith("image: is")
    assert "neither pmc nor pmid" in rows[2]["reason"]
    with pytest.raises(InputError, match=r"all\.jsonl, row 4: line: not JSON"):
        load_pairs(triplets)


def test_more_than_can_be_held_out(tmp_path: Path) -> None:
    records = [record(str(n), f"{n}.jpg", "one and the same caption") for n in range(9)]
    triplets = write(tmp_path / "all.jsonl", records)
    with pytest.raises(InputError, match="9 pairs of 9 articles, and not 5 of them"):
        make(triplets, tmp_path / "held", size=5)
    assert not (tmp_path / "held").exists()
    with pytest.raises(SettingsError, match="'size' is 0"):
        checked_settings(size=0)
    with pytest.raises(SettingsError, match="'image_distance' is 17"):
        checked_settings(size=1, image_distance=17)


def test_a_place_that_is_taken(tmp_path: Path) -> None:
    triplets = write(tmp_path / "all.jsonl", collection())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("years of work")
    with pytest.raises(InputError, match="exists and is not a held-out set"):
        make(triplets, tmp_path / "thesis", size=10)
    assert (tmp_path / "thesis/chapter.txt").read_text() == "years of work"


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triplets = write(tmp_path / "all.jsonl", collection())
    make(triplets, tmp_path / "held", size=10)
    before = {path.name: path.read_bytes() for path in (tmp_path / "held").iterdir()}

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "card", full)
    with pytest.raises(OSError, match="No space left"):
        make(triplets, tmp_path / "held", size=20)
    assert {path.name: path.read_bytes() for path in (tmp_path / "held").iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.jsonl", "held"]


def test_verifying_finds_what_was_changed(tmp_path: Path) -> None:
    records = collection()
    triplets = write(tmp_path / "all.jsonl", records)
    make(triplets, tmp_path / "held", size=40)
    held = load_pairs(tmp_path / "held")
    copy = record("999999", "new.jpg", held[0].caption)
    other = write(tmp_path / "other.jsonl", [*records, copy])
    [line] = verify(tmp_path / "held", other)
    assert "equal caption" in line
    assert "PMC999999" in line
    moved = write(tmp_path / "moved.jsonl", records[1:])
    assert any("is another pair" in line for line in verify(tmp_path / "held", moved))
    articles = tmp_path / "held/articles.txt"
    articles.write_text(articles.read_text().replace(f"{held[0].article}\n", "", 1))
    wrong = verify(tmp_path / "held", triplets)
    assert "articles.txt is not as it was written" in wrong
    assert any(f"{held[0].article} is not in articles.txt" in line for line in wrong)
    with pytest.raises(SourceError, match=r"holdout\.json: missing"):
        verify(tmp_path, triplets)
