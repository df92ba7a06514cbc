"""The commands for image-text pairs: from records to a report."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_of_pairs import collection, write

Run = Callable[..., Any]


@pytest.fixture
def triplets(tmp_path: Path) -> Path:
    """Three hundred pairs."""
    records = collection()
    for number, record in enumerate(records):
        for span in record["umls_meta_info"]:
            span["umls_cui"] = ["C0019564", "C0221198", "C0030797"][number % 3]
    return write(tmp_path / "all.jsonl", records)


@pytest.fixture
def arrays(tmp_path: Path) -> list[str]:
    """The options that name two files of embeddings."""
    random = np.random.default_rng(0)
    latent = random.normal(size=(50, 8))
    options: list[str] = []
    for name in ("images", "texts"):
        np.save(tmp_path / f"{name}.npy", latent + random.normal(size=latent.shape))
        options += [f"--{name}", str(tmp_path / f"{name}.npy")]
    return [*options, "--resamples", "20", "-q"]


def test_from_records_to_a_report(run: Run, triplets: Path, base: Path, tmp_path: Path) -> None:
    held, out = tmp_path / "held", tmp_path / "vectors"
    done = run(
        *("holdout", "build", triplets, "-o", held, "--size", "60", "--kb", base),
        *("--verify", "-q"),
    )
    assert (done.status, done.err) == (0, "")
    assert "60 pairs of" in done.out
    assert "verified" in done.out
    assert run("holdout", "verify", held, triplets).status == 0
    done = run("encode", held, "--model", "concepts-halves", "-o", out, "-q")
    assert (done.status, done.err) == (0, "")
    files = ["--images", out / "images.npy", "--texts", out / "texts.npy", "-q"]
    more = ["--groups", held / "groups.csv", "--triplets", held, "--kb", base]
    done = run("retrieval", *files, *more, "--html", tmp_path / "page.html")
    assert (done.status, done.err) == (0, "")
    assert "modality: CT" in done.out
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<h1>Cross-modal retrieval: concepts-halves 1024</h1>" in page
    assert ".npy" not in page
    assert done.out.startswith("Encoder concepts-halves 1024.\n")
    figures = json.loads(run("retrieval", *files, *more, "--json").out)
    assert figures["rows"] == 60
    assert {part["kind"] for part in figures["parts"]} == {"semantic group", "modality"}


def test_a_changed_collection_does_not_verify(
    run: Run, triplets: Path, base: Path, tmp_path: Path
) -> None:
    run("holdout", "build", triplets, "-o", tmp_path / "a", "--size", "9", "--kb", base, "-q")
    triplets.write_text("".join(triplets.read_text().splitlines(keepends=True)[1:]))
    done = run("holdout", "verify", tmp_path / "a", triplets)
    assert done.status == 1
    assert re.search(r": \d+ errors$", done.err.strip())


def test_as_published(run: Run, arrays: list[str], tmp_path: Path) -> None:
    done = run("retrieval", *arrays, "--profile", "conceptclip", "--json")
    figures = json.loads(done.out)
    assert (figures["profile"], figures["encoder"]) == ("conceptclip", tmp_path.name)
    assert "not to be read as confidence intervals" in figures["note"]
    assert {"image_to_text_R@1", "text_to_image_median_rank", "i2t_R@200_CI"} <= set(figures)
    shown = run("retrieval", *arrays, "--profile", "conceptclip").out
    assert shown.startswith(f"Published protocol of {tmp_path.name}: ")


def test_two_encoders(run: Run, arrays: list[str]) -> None:
    other = ["--other-images", arrays[3], "--other-texts", arrays[3]]
    assert "minus texts" in run("retrieval", *arrays, *other).out
    assert "must be given together" in run("retrieval", *arrays, *other[:2]).error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--profile", "clip"], "--profile is 'clip', expected conceptclip"),
        (["--profile", "conceptclip", "--groups", __file__], "--groups cannot be used with"),
        (["--triplets", "gone.jsonl"], "gone.jsonl"),
        (["--groups", "gone.csv"], "gone.csv"),
        (["--image-folder", "nowhere"], "--image-folder nowhere: expected a folder"),
    ],
)
def test_wrong_options_of_retrieval(
    run: Run, arrays: list[str], options: list[str], message: str
) -> None:
    done = run("retrieval", *arrays, *options)
    assert done.status == 2
    assert message in done.error


def test_rows_with_a_nan_are_named(run: Run, arrays: list[str]) -> None:
    texts = np.load(arrays[3])
    texts[7, 2] = np.nan
    np.save(arrays[3], texts)
    assert "texts.npy, row 7 (counted from 0) has a NaN" in run("retrieval", *arrays).error


def test_images(run: Run, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    pytest.importorskip("imagehash", reason="needs the extra images")
    folder = tmp_path / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        pixels = np.kron(random.integers(0, 256, (8, 8)), np.ones((16, 16))).astype(np.uint8)
        image.fromarray(pixels).save(folder / f"{name}.png")
    image.open(folder / "a.png").save(folder / "near a.jpg", quality=40)
    (folder / "torn.png").write_bytes(b"\x89PNG")
    hashes = tmp_path / "hashes.csv"
    done = run("images", "hash", folder, "-o", hashes, "-q")
    assert (done.status, done.out) == (1, f"{hashes}: 4 images\n")
    assert done.err.strip() == f"1 image cannot be read: listed in {hashes}.unreadable.csv"
    with Path(f"{hashes}.unreadable.csv").open(newline="") as stream:
        assert [row["path"] for row in csv.DictReader(stream)] == ["torn.png"]
    done = run("images", "duplicates", hashes)
    assert done.status == 0
    [_, row] = list(csv.reader(done.out.splitlines()))
    assert row[1:3] == ["a.png", "near a.jpg"]
    run("images", "duplicates", hashes, hashes, "-d", "0", "-o", tmp_path / "report.csv")
    with (tmp_path / "report.csv").open(newline="") as stream:
        rows = [row[1:3] for row in csv.reader(stream)][1:]
    assert ["a.png", "a.png"] in rows
    assert ["b.png", "b.png"] in rows


def test_uniform_images_and_old_files_are_noted(run: Run, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    pytest.importorskip("imagehash", reason="needs the extra images")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a", "b"):
        image.new("L", (40, 40), 255).save(folder / f"{name}.png")
    hashes, old = tmp_path / "hashes.csv", tmp_path / "old.csv"
    done = run("images", "hash", folder, "-o", hashes, "-q")
    assert done.status == 0
    assert done.err == "2 uniform images without a hash: a.png, b.png\n"
    done = run("images", "duplicates", hashes)
    assert len(done.out.splitlines()) == 1
    assert "2 uniform images not compared" in done.err
    old.write_text("Hash,PretrainingImagePath\n8000000000000000,a.png\n8000000000000000,b.png\n")
    done = run("images", "duplicates", old, hashes)
    assert len(done.out.splitlines()) == 1
    assert f"{old}: does not mark uniform images" in done.err
    assert f"{hashes}: does not" not in done.err
    done = run("holdout", "verify", tmp_path, hashes, "--hashes", old)
    assert f"{old}: does not mark uniform images" in done.err


def test_bad_rows_are_counted(run: Run, triplets: Path, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    pytest.importorskip("imagehash", reason="needs the extra images")
    for line in triplets.read_text().splitlines():
        path = tmp_path / json.loads(line)["image"]
        path.parent.mkdir(exist_ok=True)
        image.linear_gradient("L").resize((8, 8)).save(path)
    triplets.write_text("{\n" + triplets.read_text())
    done = run("images", "hash", tmp_path, "--triplets", triplets, "-o", tmp_path / "h.csv", "-q")
    assert done.status == 1
    assert done.err.startswith("1 bad row left out;")


def test_folders_without_images(run: Run, triplets: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        (("images", "hash", "nowhere"), "nowhere is not a folder"),
        (("images", "hash", tmp_path / "empty"), "has no images"),
        (
            ("images", "hash", "nowhere", "--triplets", triplets),
            "FOLDER nowhere: expected a folder",
        ),
        (("images", "hash", tmp_path, "--triplets", triplets), "has none of the"),
    ):
        done = run(*arguments, "-o", tmp_path / "out.csv", "-q")
        assert done.status == 2
        assert message in done.error
        assert not (tmp_path / "out.csv").exists()
