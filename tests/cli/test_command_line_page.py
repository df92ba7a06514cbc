"""docs/command-line.md agrees with the commands."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from concept_linker.cli import app

Run = Callable[..., Any]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
WITHOUT_JSON = {"records card", "completion"}


def commands(command: Any, path: str = "") -> list[str]:
    inner = getattr(command, "commands", None)
    if inner is None:
        return [path]
    return [leaf for name, one in inner.items() for leaf in commands(one, f"{path} {name}".strip())]


ROOT: Any = typer.main.get_command(app)
COMMANDS = commands(ROOT)


def options_of(name: str) -> set[str]:
    command = ROOT
    for word in name.split():
        command = command.commands[word]
    return {option for one in command.get_params(typer.Context(command)) for option in one.opts}


def test_every_command_is_on_the_page_and_has_json(documented: dict[str, set[str]]) -> None:
    assert documented.keys() - {"last line"} == set(COMMANDS) - WITHOUT_JSON
    first_table = PAGE.read_text(encoding="utf-8").partition("## Options of the linker")[0]
    for name in COMMANDS:
        group, _, last = name.rpartition(" ")
        assert re.search(rf"`(?:{group} )?{last}[ `]", first_table), name
        assert ("--json" in options_of(name)) == (name not in WITHOUT_JSON)


def test_every_command_with_a_bar_has_quiet() -> None:
    silent = {"completion", "images duplicates", "holdout verify"}
    assert {name for name in COMMANDS if "--quiet" not in options_of(name)} == silent


@pytest.fixture
def records(run: Run, base: Path, tmp_path: Path) -> Path:
    """Records of twelve articles, made with ``annotate``."""
    path = tmp_path / "captions.csv"
    kinds = ("CT", "MRI", "radiograph", "ultrasound")
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "caption", "pmc"))
        for number in range(12):
            text = f"{kinds[number % 4]} number {number * 977} of a lesion in case {number * 31}"
            writer.writerow((f"{number}.jpg", text, str(number)))
    out = tmp_path / "annotated"
    options = ("--detector", "dictionary", "--workers", "1", "--format", "jsonl", "-q")
    done = run("annotate", path, "-o", out, "--kb", base, *options, "--json")
    assert (done.status, done.err) == (0, "")
    (tmp_path / "annotate.json").write_text(done.out)
    return out / "part-00000.jsonl"


def test_the_keys_of_json(
    run: Run, base: Path, records: Path, jsonl: Path, tmp_path: Path, documented: dict[str, Any]
) -> None:
    gold = tmp_path / "gold.jsonl"
    mention = {"start": 2, "end": 8, "ids": ["C0221198"], "label": "T033"}
    gold.write_text(json.dumps({"id": "1", "text": "A lesion.", "mentions": [mention]}) + "\n")
    articles, held, vectors = (tmp_path / name for name in ("articles", "held", "vectors"))
    articles.mkdir()
    (articles / "a.xml").write_text("<article/>")
    kb = ("--kb", base)
    calls: dict[str, tuple[Any, ...]] = {
        "link": ("A lesion", *kb),
        "kb build": ("--source", f"jsonl={jsonl}", "-o", tmp_path / "other"),
        "kb info": (base,),
        "kb search": ("lesion", *kb),
        "train": ("--corpus", gold, *kb, "-o", tmp_path / "taught"),
        "view": (records, "-o", tmp_path / "page.html", *kb),
        "records repair": (records, "-o", tmp_path / "repaired.jsonl"),
        "records minimise": (records, "-o", tmp_path / "minimised.jsonl"),
        "records convert": (records, "-o", tmp_path / "converted.jsonl"),
        "records stats": (records, *kb),
        "pmc extract": (articles, "-o", tmp_path / "extracted.jsonl"),
        "evaluate": (gold, *kb, "--no-baselines", "--resamples", "0"),
        "holdout build": (records, "-o", held, "--size", "3", *kb),
        "holdout verify": (held, records),
        "encode": (held, "--model", "concepts", "-o", vectors),
        "retrieval": (
            *("--images", vectors / "images.npy", "--texts", vectors / "texts.npy"),
            *("--resamples", "5"),
        ),
        "about": kb,
    }
    for name, arguments in calls.items():
        quiet = ["-q"] if "--quiet" in options_of(name) else []
        json_option = ["--json", "-"] if name == "evaluate" else ["--json"]
        done = run(*name.split(), *arguments, *quiet, *json_option)
        assert (done.status, done.err) == (0, ""), name
        assert parsed(done.out)[0].keys() == documented[name], name
    annotated = (tmp_path / "annotate.json").read_text()
    assert parsed(annotated)[0].keys() == documented["annotate"]
    records.write_text(records.read_text() + "{}\n")
    done = run("records", "validate", records, "--json", "-q")
    breach, *_, summary = parsed(done.out)
    assert done.status == 1
    assert breach.keys() == documented["records validate"]
    assert summary.keys() == documented["last line"]


def parsed(text: str) -> list[dict[str, Any]]:
    """One JSON value, or one per line."""
    if "\n " in text:
        return [json.loads(text)]
    return [json.loads(line) for line in text.splitlines()]


def test_the_keys_of_json_of_images(
    run: Run, tmp_path: Path, documented: dict[str, set[str]]
) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    pytest.importorskip("imagehash", reason="needs the extra images")
    (tmp_path / "images").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    for name in ("a.png", "b.png"):
        image.fromarray(pixels).save(tmp_path / "images" / name)
    hashes = tmp_path / "hashes.csv"
    done = run("images", "hash", tmp_path / "images", "-o", hashes, "--json", "-q")
    assert json.loads(done.out).keys() == documented["images hash"]
    assert (done.status, json.loads(done.out)["images"]) == (0, 2)
    done = run("images", "duplicates", hashes, "--json")
    assert json.loads(done.out).keys() == documented["images duplicates"]
    assert done.err == "2 images: 1 pair within 8 bits, 1 of them equal\n"
