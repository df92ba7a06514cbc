from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


@pytest.fixture
def captions(tmp_path: Path) -> Path:
    path = tmp_path / "captions.csv"
    path.write_text(
        "id,text\n1.jpg,A lesion of the hippocampus.\n2.jpg,Pelvis\n3.jpg,\n", encoding="utf-8"
    )
    return path


def test_the_summary(run: Run, base: Path, captions: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["annotate", captions, "-o", out, "--kb", base, "--detector", "dictionary"]
    done = run(*arguments, "--image", "id", "--format", "jsonl", "--workers", "1")
    assert done.status == 1  # a caption is empty
    first, second, third = done.out.splitlines()
    assert first == f"{out}: 2 captions in 1 shard"
    assert second == "3 mentions, 100.0% linked to a concept, 3 in records (those with a CUI)"
    assert "captions/s with 1 worker, " in third
    assert "Annotating: 100%" in done.err
    aside = f"1 bad row set aside in {out / 'quarantine'}; first {captions}, line 4: text: is empty"
    assert done.err.endswith(f"{aside}\n")
    again = run(*arguments, "--image", "id", "--format", "jsonl", "--quiet")
    assert (again.status, again.out) == (1, "")
    last = run(*arguments, "--image", "id", "--format", "jsonl", "--json", "--quiet")
    assert json.loads(last.out)["captions"] == 2
    [record, _] = (out / "part-00000.jsonl").read_text().splitlines()
    cuis = [span["umls_cui"] for span in json.loads(record)["umls_meta_info"]]
    assert cuis == ["C0221198", "C0019564"]
    changed = run(*arguments, "--image", "id", "--format", "jsonl", "--min-score", "0.9")
    assert changed.status == 2
    assert "linker.settings.min_score was" in changed.error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "0"], "'k' is 0"),
        (["--timeout", "0"], "timeout is 0.0, expected a number of seconds > 0"),
        (["--negated", "mark"], "--negated is 'mark', expected drop or keep"),
        (["--no-images", "--image", "id"], "image is 'id', but images is False"),
        (["--format", "xml"], "format is 'xml', expected parquet"),
        ([], "no column is named image, image_path, file_name; it has id, text; name the image"),
        (["--engine", "spark"], "--engine is 'spark', expected local or ray"),
    ],
)
def test_a_wrong_call_is_one_line(
    run: Run, base: Path, captions: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    done = run("annotate", captions, "-o", tmp_path / "out", "--kb", base, "--quiet", *options)
    assert done.status == 2
    assert message in done.error


def test_negated_mentions_are_counted(run: Run, base: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text\nNo lesion of the hippocampus.\n")
    arguments = ["annotate", path, "--no-images", "--kb", base, "--detector", "dictionary"]
    arguments += ["--workers", "1", "--quiet"]
    for options, done in (([], "left out of"), (["--negated", "keep"], "kept in")):
        out = tmp_path / done
        reported = run(*[one for one in arguments if one != "--quiet"], "-o", out, *options)
        assert f"1 negated mention with a CUI {done} records" in reported.out.splitlines()
    as_published = ["--profile", "medconcept23m", "--json"]
    summary = json.loads(run(*arguments, "-o", tmp_path / "out", *as_published).out)
    assert (summary["spans"], summary["negated"]) == (2, 1)


def test_a_pipe_is_not_an_input(run: Run, captions: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    problem = f"concept-linker: {pipe}: is a pipe or a device, expected a file"
    done = run("annotate", pipe, "-o", tmp_path / "out")
    assert done.error.startswith(problem)
    assert done.error.endswith("'-' reads standard input")
    done = run("annotate", captions, "--image", "id", "-o", tmp_path / "out", "--tokenizer", pipe)
    assert done.error == problem


def test_a_missing_input_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("annotate", tmp_path / "none.jsonl", "-o", tmp_path / "out")
    assert done.error == f"concept-linker: {tmp_path / 'none.jsonl'}: no such file or folder"
    assert not (tmp_path / "out").exists()
