"""``pmc fetch`` and ``pmc extract`` as a user calls them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "pmc"))  # the server lies with the tests of pmc

from cloud_server import Cloud, jats

from concept_linker.cli import pmc
from concept_linker.pmc.settings import ENDPOINT, FetchSettings

Run = Callable[..., Any]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Cloud() as cloud:
        yield cloud


def fetch(run: Run, cloud: Cloud, *arguments: Any, stdin: bytes = b"") -> Any:
    polite = ["--endpoint", cloud.endpoint, "--rate", "1000", "--back-off", "0.01"]
    return run("pmc", "fetch", *polite, *arguments, stdin=stdin)


def test_fetch_then_extract(
    run: Run, cloud: Cloud, tmp_path: Path, documented: dict[str, set[str]]
) -> None:
    cloud.add("PMC1")
    cloud.add("PMC2", is_retracted=True)
    cloud.add("PMC3", license_code="CC BY-NC")
    cloud.faults["list PMC4."].extend(["403"])
    listed = tmp_path / "ids.txt"
    listed.write_text("PMC1\nPMC2\n")
    folder = tmp_path / "articles"
    done = fetch(run, cloud, listed, "PMC3", "-", "-o", folder, "-q", stdin=b"PMC4\n")
    assert done.status == 1
    assert (
        done.err
        == f"PMC4: {cloud.endpoint}/?list-type=2&prefix=PMC4.&delimiter=/: HTTP 403 Forbidden\n"
    )
    assert [line.split(maxsplit=1) for line in done.out.splitlines()] == [
        ["4", "asked"],
        ["1", "fetched"],
        ["1", "left out: retracted"],
        ["1", "left out: licence CC BY-NC"],
        ["1", "failed"],
        ["3", "files fetched"],
        ["2", "images there"],
    ]
    done = run("pmc", "extract", folder, "-o", tmp_path / "records.jsonl", "--json", "-q")
    assert (done.status, done.err) == (0, "")
    summary = json.loads(done.out)
    assert (summary["articles"], summary["records"], summary["set_aside"]) == (1, 2, 0)
    assert summary.keys() == documented["pmc extract"]
    assert len((tmp_path / "records.jsonl").read_text().splitlines()) == 2


def test_fetch_again(
    run: Run, cloud: Cloud, tmp_path: Path, documented: dict[str, set[str]]
) -> None:
    cloud.add("PMC1")
    assert fetch(run, cloud, "PMC1", "-o", tmp_path / "x", "-q").status == 0
    done = fetch(run, cloud, "pmc1", "-o", tmp_path / "x", "--json", "-q")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["already_there"] == 1
    assert json.loads(done.out).keys() == documented["pmc fetch"]


def test_a_bar(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    cloud.add("PMC1")
    assert "1 of 1 articles" in fetch(run, cloud, "PMC1", "-o", tmp_path / "x").err


def test_records(run: Run, cloud: Cloud, tmp_path: Path) -> None:
    cloud.add("PMC1")
    (tmp_path / "r.jsonl").write_text('{"pmc": "1", "href": "gr1", "image": "0a.jpg"}\n')
    done = fetch(run, cloud, "--records", tmp_path / "r.jsonl", "-o", tmp_path / "x", "-q")
    assert (done.status, done.err) == (0, "")
    assert "1  records written" in done.out
    [line] = (tmp_path / "x/records.jsonl").read_text().splitlines()
    assert json.loads(line)["image"] == "PMC1.1/gr1.jpg"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "expected either PMCIDs"),
        (["PMC1", "--records", __file__], "or --records FILE"),
        (["PMCx"], "'PMCx' is not a PMCID"),
        (["9" * 5000], f"'{'9' * 100}…' is not a PMCID"),
        (["-"], "no PMCIDs"),
        (["PMC1", "--licence", "MIT"], "licence is 'MIT', expected CC0"),
        (["PMC1", "--rate", "0"], "setting 'rate' is 0.0"),
        (["--records", "none"], "none: no such file"),
    ],
)
def test_fetch_called_wrongly(
    run: Run, cloud: Cloud, tmp_path: Path, arguments: list[str], error: str
) -> None:
    done = fetch(run, cloud, *arguments, "-o", tmp_path / "x", "-q")
    assert done.status == 2
    assert error in done.error
    assert cloud.requests == []
    assert not (tmp_path / "x").exists()


def test_extract_sets_aside(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(jats("PMC1"))
    (tmp_path / "b.xml").write_bytes(b"no")
    done = run("pmc", "extract", tmp_path / "a.xml", tmp_path / "b.xml", "-o", tmp_path / "o.jsonl")
    assert done.status == 1
    assert "1  set aside" in done.out
    assert "o.jsonl.quarantine.jsonl" in done.err


def test_extract_links(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(jats("PMC1"))
    done = run("pmc", "extract", tmp_path / "a.xml", "-o", tmp_path / "o.jsonl", "--link", "-q")
    assert (done.status, done.err) == (0, "")
    record = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    words = [
        record["caption"][span["start_char"] : span["end_char"]]
        for span in record["umls_meta_info"]
    ]
    assert "lesion" in words
    about = json.loads((tmp_path / "o.provenance.jsonl").read_text().splitlines()[0])
    assert len(about["kb_sha256"]) == 64
    assert json.loads(about["settings"])["offsets"] == "caption"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["none", "-o", "o.jsonl"], "none: no such file or folder"),
        (["9" * 5000, "-o", "o.jsonl"], f"{'9' * 100}…: no such file or folder"),
        (["a.xml", "-o", "o.txt"], "expected a name that ends in .jsonl"),
        (["a.xml", "-o", "o.jsonl", "--profile", "x"], "profile is 'x', expected"),
        (["a.xml", "-o", "o.jsonl", "--link", "--detector", "x"], "detector is 'x'"),
        (["a.xml", "-o", "o.parquet", "--with-images"], "without a folder of images"),
        (["a.xml", "-o", "o.jsonl", "--mentions"], "add --link"),
        (["a.xml", "-o", "o.jsonl", "--link", "--negated", "mark"], "negated is 'mark', expected"),
        (["a.xml", "-o", "o.jsonl", "--min-score", "0.5"], "add --link"),
        (["a.xml", "-o", "o.jsonl", "--link", "-k", "0"], "setting 'k' is 0"),
    ],
)
def test_extract_called_wrongly(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.xml").write_bytes(jats("PMC1"))
    done = run("pmc", "extract", *arguments, "-q")
    assert done.status == 2
    assert error in done.error
    assert [path.name for path in tmp_path.iterdir()] == ["a.xml"]


def test_defaults_are_those_of_the_library() -> None:
    assert pmc.ENDPOINT == ENDPOINT == FetchSettings().endpoint


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["empty"], "empty: no JATS in this folder, expected JATS (.xml"),
        (["a.xml", "empty"], "empty: no JATS in this folder"),
        (["a.xml", "--images", "nowhere"], "nowhere: no such folder, expected a folder of images"),
        (["a.xml", "--images", "a.xml"], "a.xml: no such folder, expected a folder of images"),
        (["a.xml", "--images", "empty"], "empty: has no image of the 2 figures, expected PMC<id>/"),
    ],
)
def test_a_path_without_articles_or_images(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.xml").write_bytes(jats("PMC1"))
    done = run("pmc", "extract", *arguments, "-o", "o.jsonl", "-q")
    assert done.status == 2
    assert error in done.error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.xml", "empty"]


def test_an_article_without_figures_is_not_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(jats("PMC1", ()))
    done = run("pmc", "extract", tmp_path / "a.xml", "-o", tmp_path / "o.jsonl")
    assert done.status == 0
    assert [line.split() for line in done.out.splitlines()] == [["1", "articles"], ["0", "records"]]


ABSENT = "No lesion of the pelvis. Normal hippocampus"


@pytest.fixture
def base(run: Run, tmp_path: Path) -> Path:
    """A base in which one concept has no CUI."""
    names = {"C0221198": "lesion", "C0030797": "pelvis", "MY:1": "hippocampus"}
    lines = [
        json.dumps({"concept_id": id, "canonical_name": name, "aliases": [], "types": []})
        for id, name in names.items()
    ]
    (tmp_path / "my.jsonl").write_text("\n".join(lines) + "\n")
    source = f"jsonl={tmp_path / 'my.jsonl'}"
    assert run("kb", "build", "-q", "--source", source, "-o", tmp_path / "my").status == 0
    return tmp_path / "my"


def extract(run: Run, base: Path, *arguments: str, to: str = "o.jsonl") -> Any:
    folder = base.parent
    (folder / "a.xml").write_bytes(jats("PMC1", ("gr1",), ABSENT))
    linked = ["--link", "--kb", base, "--detector", "dictionary", "--min-score", "0"]
    return run("pmc", "extract", folder / "a.xml", "-o", folder / to, "-q", *linked, *arguments)


def extracted(run: Run, base: Path, *arguments: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The summary and the record."""
    done = extract(run, base, "--json", *arguments)
    assert (done.status, done.err) == (0, "")
    [line] = (base.parent / "o.jsonl").read_text().splitlines()
    return json.loads(done.out), json.loads(line)


def words(record: dict[str, Any]) -> list[str]:
    return [" ".join(one["tokens"]) for one in record["umls_meta_info"]]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], ["pelvis"]),
        (["--negated", "keep"], ["lesion", "pelvis"]),
        (["--profile", "medconcept23m"], ["lesion", "pelvis"]),
        (["--profile", "medconcept23m", "--negated", "drop"], ["pelvis"]),
    ],
)
def test_negated_mentions_are_left_out_or_kept(
    run: Run, base: Path, arguments: list[str], found: list[str]
) -> None:
    summary, record = extracted(run, base, *arguments)
    assert words(record) == found
    assert (summary["negated_mentions"], summary["mentions_without_cui"]) == (1, 1)
    assert (summary["mentions"], summary["concepts"]) == (3, len(found))
    lines = [line.split(maxsplit=1) for line in extract(run, base, *arguments).out.splitlines()]
    done = "kept" if "lesion" in found else "left out"
    assert lines[-3:] == [
        ["3", "mentions"],
        ["1", "mentions of concepts without a CUI, which records cannot hold"],
        ["1", f"negated mentions, {done}"],
    ]


def test_the_column_of_mentions(run: Run, base: Path) -> None:
    _, record = extracted(run, base, "--mentions")
    reported = [(one["text"], one["concept_id"], one["negated"]) for one in record["mentions"]]
    assert reported == [
        ("lesion", "C0221198", True), ("pelvis", "C0030797", False), ("hippocampus", "MY:1", False)
    ]  # fmt: skip
    assert extract(run, base, "--mentions", to="o.parquet").status == 0
    [row] = pq.read_table(base.parent / "o.parquet").to_pylist()
    assert [one["text"] for one in row["mentions"]] == ["lesion", "pelvis", "hippocampus"]


def test_settings_of_the_linker(run: Run, base: Path) -> None:
    summary, _ = extracted(run, base, "--min-score", "1.0", "-k", "3")
    assert (summary["concepts"], summary["mentions"]) == (0, 3)
    about = json.loads((base.parent / "o.provenance.jsonl").read_text())
    settings = json.loads(about["settings"])
    assert (settings["min_score"], settings["k"], settings["negated"]) == (1.0, 3, "drop")
