"""``concept-linker evaluate``: what a user sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    assert "Mentions given: 3 with an id, 66.7% of them in the base" in done.out
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


def test_what_cannot_be_done_is_said_in_a_line(
    run: Run, corpus: Path, base: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text('{"text": "nothing", "mentions": []}\n')
    for arguments, problem in (
        (["--subset", "st21pv"], "no subset 'st21pv' in"),
        (["--format", "conll"], "no corpus format 'conll'"),
        (["--json", tmp_path / "none" / "a.json"], "cannot be written"),
        (["--html", tmp_path], "cannot be written"),
        (["--scispacy", tmp_path / "none"], "wanted"),
    ):
        done = run("evaluate", corpus, "--kb", base, "--quiet", *arguments)
        assert done.status == 2
        assert problem in done.error
    assert "no gold mention" in run("evaluate", empty, "--kb", base, "-q").error
    assert "no such file" in run("evaluate", tmp_path / "gone", "--kb", base, "-q").error
