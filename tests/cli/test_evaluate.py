"""``concept-linker evaluate``: tables, files and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concept_linker.cli.options import CORPUS_HELP
from concept_linker.corpora import FORMATS

Run = Callable[..., Any]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two captions, one with a mention of a subset."""
    path = tmp_path / "dev.jsonl"
    rows = [
        {
            "id": "1",
            "text": "A lesion in the hippocampus.",
            "mentions": [
                {"start": 2, "end": 8, "ids": ["C0221198"], "label": "T033", "flags": ["small"]},
                {"start": 16, "end": 27, "ids": ["C0019564"], "label": "T023"},
            ],
        },
        {
            "id": "2",
            "text": "The pelvis.",
            "mentions": [{"start": 4, "end": 10, "ids": ["C9999999"], "label": "T023"}],
        },
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_tables_json_and_page(run: Run, corpus: Path, base: Path, tmp_path: Path) -> None:
    figures, html = tmp_path / "figures.json", tmp_path / "page.html"
    done = run(
        "evaluate", corpus, "--kb", base, "--train", corpus, "--json", figures, "--html", html,
    )  # fmt: skip
    assert done.status == 0
    assert "dev: 2 documents, 3 gold mentions" in done.out
    assert "Mentions given: 3 with an id, 66.7% of them in the knowledge base" in done.out
    for word in ("concept_linker", "exact match", "scispaCy's method", "End to end", "seen"):
        assert word in done.out
    read = json.loads(figures.read_text("utf-8"))
    own = read["gold_mentions"][0]
    assert own["recall_at"]["strict"]["1"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert own["recall_at_in_base"]["strict"]["1"]["value"] == 1.0
    assert read["end_to_end"][0]["measures"]["strict mention"]["recall"]["value"] == 1.0
    assert html.read_text("utf-8").startswith("<!DOCTYPE html>")


def test_gold_mentions_of_a_subset_quietly(run: Run, corpus: Path, base: Path) -> None:
    done = run(
        "evaluate", corpus, "--kb", base, "--subset", "small", "--gold-mentions",
        "--no-baselines", "--quiet",
    )  # fmt: skip
    assert done.status == 0
    assert done.err == ""
    assert "dev small: 2 documents, 1 gold mention;" in done.out
    assert "End to end" not in done.out
    assert "exact match" not in done.out


def test_an_error_is_one_line(run: Run, corpus: Path, base: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"text": "nothing", "mentions": []}\n')
    for arguments, problem in (
        (["--subset", "st21pv"], "--subset is 'st21pv', but "),
        (["--format", "conll"], "corpus format is 'conll', expected brat"),
        (["--json", tmp_path / "none" / "a.json"], "cannot be written"),
        (["--html", tmp_path], "cannot be written"),
        (["--scispacy", tmp_path / "none"], "expected"),
    ):
        done = run("evaluate", corpus, "--kb", base, "--quiet", *arguments)
        assert done.status == 2
        assert problem in done.error
    assert "no gold mention" in run("evaluate", empty, "--kb", base, "-q").error
    empty.write_text("")
    assert "is empty" in run("evaluate", empty, "--kb", base, "-q").error
    folder, out = tmp_path / "folder", tmp_path / "out"
    folder.mkdir()
    for options in (
        ["evaluate", folder],
        ["evaluate", corpus, "--train", empty],
        ["train", "--corpus", folder, "-o", out],
    ):
        done = run(*options, "--kb", base, "-q")
        assert done.status == 2
        assert "contains no documents" in done.error or "is empty" in done.error
    assert "no such file" in run("evaluate", tmp_path / "gone", "--kb", base, "-q").error


@pytest.fixture
def half_bad(corpus: Path) -> Path:
    """The corpus with a mention at a wrong offset, and a line that is not JSON."""
    lines = corpus.read_text("utf-8").splitlines()
    off = {"start": 3, "end": 9, "ids": ["C0221198"], "text": "lesion", "label": "T033"}
    row = json.loads(lines[0])
    row["mentions"].append(off)
    corpus.write_text("\n".join([json.dumps(row), "{", lines[1]]) + "\n", encoding="utf-8")
    return corpus


def test_the_error_mentions_skip_bad(run: Run, half_bad: Path, base: Path, tmp_path: Path) -> None:
    for arguments in (
        ["evaluate", half_bad],
        ["train", "--corpus", half_bad, "-o", tmp_path / "t"],
    ):
        done = run(*arguments, "--kb", base, "-q")
        assert done.status == 2
        assert "dev.jsonl, line 1: mentions.2: the text at 3 is 'esion '" in done.error
        assert "--skip-bad" in done.error
    assert "--skip-bad" in run("evaluate", half_bad, "--train", half_bad, "-q").error


def test_bad_rows_are_set_aside_and_counted(
    run: Run, half_bad: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    always = ["evaluate", half_bad, "--kb", base, "-q", "--skip-bad", "--resamples", "5"]
    done = run(*always)
    assert done.status == 1
    assert "dev: 2 documents, 3 gold mentions, 2 bad rows left out" in done.out
    assert done.err == "2 bad rows set aside in dev.jsonl.quarantine.jsonl\n"
    kept = Path("dev.jsonl.quarantine.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(row)["line"] for row in kept] == [1, 2]
    done = run(*always, "--train", half_bad, "--json", "figures.json", "--html", "page.html")
    assert done.err == "4 bad rows set aside in figures.json.quarantine.jsonl\n"
    assert json.loads(Path("figures.json").read_text())["corpus"]["bad"] == 2
    assert "2 bad rows left out" in Path("page.html").read_text("utf-8")
    done = run(*always, "--json", "-")
    assert (done.status, json.loads(done.out)["corpus"]["bad"]) == (1, 2)


def test_training_continues_after_bad_rows(
    run: Run, half_bad: Path, base: Path, tmp_path: Path
) -> None:
    taught = tmp_path / "taught"
    done = run(
        "train", "--corpus", half_bad, "--kb", base, "-o", taught, "-q", "--skip-bad", "--json"
    )
    facts = json.loads(done.out)
    assert (done.status, facts["gold_mentions"], facts["bad"]) == (1, 3, 2)
    assert len(Path(facts["quarantine"]).read_text().splitlines()) == 2
    assert run("kb", "info", taught).status == 0


def test_good_corpora_leave_no_quarantine(
    run: Run, corpus: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dev.jsonl.quarantine.jsonl").write_text("of an earlier run\n")
    done = run("evaluate", corpus, "--kb", base, "-q", "--skip-bad", "--no-baselines")
    assert (done.status, done.err) == (0, "")
    assert not list(tmp_path.glob("*.quarantine.jsonl"))


def test_undefined_figures_are_blank(run: Run, base: Path, tmp_path: Path) -> None:
    """If nothing is linked, precision is undefined: neither 0 nor 1."""
    path, figures, html = (tmp_path / name for name in ("c.jsonl", "f.json", "p.html"))
    row = {"text": "Zzyzx.", "mentions": [{"start": 0, "end": 5, "ids": ["C0221198"]}]}
    path.write_text(json.dumps(row) + "\n")
    done = run("evaluate", path, "--kb", base, "-q", "--json", figures, "--html", html)
    assert done.status == 0
    assert "nan" not in done.out
    [line] = [one for one in done.out.splitlines() if one.startswith("strict concept    concept_l")]
    assert line.split()[3:] == 2 * ["0.000", "(0.000", "to", "0.000)"]  # recall, F1
    text = figures.read_text()
    assert "NaN" not in text
    read = json.loads(text)
    assert read["gold_mentions"][0]["precision"] == {"value": None, "low": None, "high": None}
    found = read["end_to_end"][0]["measures"]["strict concept"]
    assert found["precision"]["value"] is None
    assert (found["recall"]["value"], found["f1"]["value"]) == (0.0, 0.0)
    assert read["end_to_end"][0]["thresholds"][-1]["precision"] is None
    page = html.read_text("utf-8")
    assert "nan" not in page
    assert '<td class="text">concept_linker</td><td>0</td><td></td>' in page


def test_a_corpus_without_ids_has_no_recall(run: Run, base: Path, tmp_path: Path) -> None:
    path, figures = tmp_path / "c.jsonl", tmp_path / "f.json"
    row = {"text": "A lesion.", "mentions": [{"start": 2, "end": 8, "ids": []}]}
    path.write_text(json.dumps(row) + "\n")
    done = run("evaluate", path, "--kb", base, "-q", "--json", figures)
    assert done.status == 0
    assert "nan" not in done.out
    read = json.loads(figures.read_text())
    assert read["gold_mentions"][0]["recall_at"]["strict"]["1"]["value"] is None
    assert read["tests"]["gold_mentions"]["exact match"]["p_value"] is None


def test_the_help_names_every_format() -> None:
    names = {name.split("_")[0].removesuffix("l") for name in FORMATS}
    assert {name for name in names if name not in CORPUS_HELP.lower()} == set()
