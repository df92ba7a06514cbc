"""A folder of shards or a pattern can be given instead of a file of records."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collections_of_pairs import collection

from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record_files import find_records
from concept_linker.triplets.writing import open_writer

Run = Callable[..., Any]
ABOUT = Provenance(licence="CC BY", retrieved="2026-11-22").to_dict()


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    records = collection()
    cuis = ["C0019564", "C0221198", "C0030797"]
    for number, record in enumerate(records):
        spans = record["umls_meta_info"] = record["umls_meta_info"][:1]
        for span in spans:
            span["umls_cui"] = cuis[number % 3]
            span["tokens"] = [record["caption"][span["start_char"] : span["end_char"]].lower()]
    return records


@pytest.fixture
def whole(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    with open_writer(tmp_path / "all.jsonl", provenance=True) as writer:
        for row in rows:
            writer.write(row | {"provenance": ABOUT})
    return tmp_path / "all.jsonl"


@pytest.fixture
def shards(rows: list[dict[str, Any]], tmp_path: Path) -> Path:
    """The same rows in shards of each compression, next to the other files of a run."""
    folder = tmp_path / "run"
    cuts = [0, 7, 8, 150, len(rows)]
    endings = [".jsonl", ".parquet", ".jsonl.zst", ".jsonl.gz"]
    for number, (begin, end) in enumerate(itertools.pairwise(cuts)):
        path = folder / f"part-{number:05}{endings[number]}"
        with open_writer(path, provenance=True) as writer:
            for row in rows[begin:end]:
                writer.write(row | {"provenance": ABOUT})
    (folder / "progress.jsonl").write_text('{"shard": 0}\n')
    (folder / "manifest.json").write_text("{}")
    (folder / "quarantine").mkdir()
    (folder / "quarantine/part-00000.jsonl").write_text('{"problem": "a bad row"}\n')
    return folder


@pytest.fixture(params=["folder", "pattern", "files"])
def given(request: pytest.FixtureRequest, shards: Path) -> list[Path]:
    ways = {"folder": [shards], "pattern": [shards / "part-*"]}
    return ways.get(request.param) or find_records(shards)


def test_records_in_many_files_are_as_in_one(
    run: Run, whole: Path, given: list[Path], tmp_path: Path
) -> None:
    one, many = tmp_path / "one.jsonl", tmp_path / "many.jsonl"
    for command in (["convert"], ["minimise", "--max-tokens", "9"], ["repair"]):
        for path, files in ((one, [whole]), (many, given)):
            done = run("records", *command, *files, "-o", path, "-q")
            assert (done.status, done.err) == (0, "")
        assert one.read_bytes() == many.read_bytes()
        side_cars = [path.with_name(f"{path.stem}.provenance.jsonl") for path in (one, many)]
        assert side_cars[0].read_bytes() == side_cars[1].read_bytes()
    for command in (["validate"], ["stats", "--kb", "none"]):
        reported = [
            run("records", *command, *files, "-q", "--json").out for files in ([whole], given)
        ]
        assert json.loads(reported[0]) == json.loads(reported[1])
    pages = []
    for files in ([whole], given):
        done = run("view", *files, "-o", tmp_path / "a.html", "-q", "--kb", "none", "--title", "a")
        assert done.status == 0
        text = (tmp_path / "a.html").read_text("utf-8")
        pages.append(text[text.index('"records":') :])
    assert pages[0] == pages[1]


def test_the_card_of_a_folder(run: Run, shards: Path, tmp_path: Path) -> None:
    card = run("records", "card", shards, "--kb", "none", "-q").out
    assert 'pretty_name: "run"' in card
    assert 'path: "*"' in card
    page = tmp_path / "page.html"
    done = run("view", shards, "--against", shards, "-o", page, "-q", "--kb", "none")
    assert done.status == 0
    assert '"sources":["run","run"]' in page.read_text("utf-8")


def test_breaches_name_the_file_and_its_line(run: Run, shards: Path, tmp_path: Path) -> None:
    bad = shards / "part-00000.jsonl"
    lines = bad.read_text().splitlines(keepends=True)
    lines[2] = "{\n"
    bad.write_text("".join(lines))
    last = shards / "part-00099.jsonl"
    last.write_text("null\n")
    done = run("records", "validate", shards, "-q")
    assert done.status == 1
    reported = done.out.splitlines()
    assert reported[0].startswith(f"{bad}, line 3: line: not JSON")
    assert reported[1] == f"{last}, line 1: record: is null, expected an object"
    done = run("records", "convert", shards, "-o", tmp_path / "out.jsonl", "-q", "--json")
    aside = Path(json.loads(done.out)["quarantine"]).read_text().splitlines()
    assert [(row["file"], row["line"]) for row in map(json.loads, aside)] == [
        (str(bad), 3),
        (str(last), 1),
    ]


def test_an_output_among_the_inputs_is_refused(run: Run, shards: Path) -> None:
    output = shards / "part-00000.jsonl"
    before = output.read_bytes()
    done = run("records", "convert", shards, "-o", output, "-q")
    assert (done.status, output.read_bytes()) == (2, before)
    assert "is one of the 4 files to read" in done.error


def test_held_out_sets_and_vectors_of_many_files_are_those_of_one(
    run: Run, whole: Path, shards: Path, base: Path, tmp_path: Path
) -> None:
    options = ["--size", "60", "--kb", base, "--verify", "-q"]
    for name, files in (("one", whole), ("many", shards), ("pattern", shards / "part-*")):
        held, vectors = tmp_path / name, tmp_path / f"{name}-vectors"
        done = run("holdout", "build", files, "-o", held, *options)
        assert (done.status, done.err) == (0, "")
        assert run("holdout", "verify", held, files).status == 0
        done = run("encode", files, "--model", "concepts-halves", "-o", vectors, "-q")
        assert (done.status, done.err) == (0, "")
    for file in ("holdout.jsonl", "removed.csv", "groups.csv", "articles.txt"):
        for name in ("many", "pattern"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "one" / file).read_bytes()
    for file in ("images.npy", "texts.npy"):
        for name in ("many", "pattern"):
            made = (tmp_path / f"{name}-vectors" / file).read_bytes()
            assert made == (tmp_path / "one-vectors" / file).read_bytes()
    # A shard that has changed is another collection.
    manifests = [tmp_path / name / "holdout.json" for name in ("one", "many")]
    (shards / "part-00000.jsonl").write_text("")
    (shards / "part-00000.provenance.jsonl").unlink()
    before = [json.loads(path.read_text())["collection"]["sha256"] for path in manifests]
    run("holdout", "build", shards, "-o", tmp_path / "many", *options)
    after = [json.loads(path.read_text())["collection"]["sha256"] for path in manifests]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_a_gold_corpus_in_many_files(run: Run, base: Path, tmp_path: Path) -> None:
    row = {"doc_id": "1", "text": "The lesion.", "mentions": []}
    found = {"start": 4, "end": 10, "ids": ["C0221198"], "label": "DISO"}
    lines = [json.dumps(row | {"doc_id": str(n), "mentions": [found]}) + "\n" for n in range(4)]
    (tmp_path / "gold.jsonl").write_text("".join(lines))
    (tmp_path / "gold").mkdir()
    for number in range(2):
        part = tmp_path / f"gold/dev-{number}.jsonl"
        part.write_text("".join(lines[2 * number : 2 * number + 2]))
    reported = []
    for given in ("gold.jsonl", "gold", "gold/dev-*.jsonl"):
        options = ["--kb", base, "--gold-mentions", "--resamples", "0", "--json", "-", "-q"]
        done = run("evaluate", tmp_path / given, *options)
        assert (done.status, done.err) == (0, "")
        reported.append([one | {"seconds": 0} for one in json.loads(done.out)["gold_mentions"]])
    assert {one["mentions"] for one in reported[0]} == {4}
    assert reported[0] == reported[1] == reported[2]
    assert run("evaluate", tmp_path / "none-*", "--kb", base).status == 2
