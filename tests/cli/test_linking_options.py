"""The options of the linker are the same on every command that links."""

from __future__ import annotations

import json
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import typer

from concept_linker.cli import app
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.settings import LinkerSettings

Run = Callable[..., Any]
LINKING = ("link", "annotate", "evaluate", "pmc extract")
OPTIONS = ("--kb", "--detector", "--candidates", "--min-similarity", "--min-score")


def options_of(words: str) -> dict[str, Any]:
    """The options of a command by their long names."""
    command: Any = typer.main.get_command(app)
    for word in words.split():
        command = command.commands[word]
    with command.make_context(words, [], resilient_parsing=True) as context:
        return {name: one for one in command.get_params(context) for name in one.opts}


@pytest.mark.parametrize("words", LINKING)
def test_every_linking_command_has_the_same_options(words: str) -> None:
    first, here = options_of("link"), options_of(words)
    for name in OPTIONS:
        assert here[name].help
        assert here[name].help == first[name].help
        assert here[name].opts == first[name].opts
        assert here[name].metavar == first[name].metavar


@pytest.mark.parametrize("words", LINKING)
def test_every_setting_is_an_option(words: str) -> None:
    options = {one.name: one for one in options_of(words).values()}
    for name, field in LinkerSettings.model_fields.items():
        assert options[name].help == field.description
        default = 30 if (words, name) == ("evaluate", "k") else field.default  # R@30 needs them
        assert options[name].show_default == str(default)


def test_a_search_shares_three_of_them() -> None:
    search, link = options_of("kb search"), options_of("link")
    for name in ("--kb", "--candidates", "--min-similarity"):
        assert search[name].help == link[name].help
    assert not {"--detector", "--min-score"} & search.keys()
    defaults = signature(KnowledgeBase.search).parameters
    assert search["--candidates"].show_default == str(defaults["k"].default)
    assert search["--min-similarity"].show_default == str(defaults["min_similarity"].default)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {"lesion": "C0221198", "hippocampus": "C0019564"}),
        (["--min-score", "1.0"], {"lesion": None, "hippocampus": None}),
        (["--min-similarity", "1.0"], {"lesion": "C0221198", "hippocampus": "C0019564"}),
    ],
)
def test_link_uses_the_options(
    run: Run, base: Path, options: list[str], expected: dict[str, str | None]
) -> None:
    fixed = ["--kb", base, "--detector", "dictionary", "-k", "1", "--json", "-q"]
    done = run("link", "A lesion of the hippocampus.", *fixed, *options)
    assert (done.status, done.err) == (0, "")
    mentions = json.loads(done.out)["mentions"]
    found = {one["text"]: one["best"] and one["best"]["concept_id"] for one in mentions}
    assert found == expected
    assert all(len(one["candidates"]) <= 1 for one in mentions)


def test_evaluate_uses_the_options(run: Run, base: Path, tmp_path: Path) -> None:
    corpus = tmp_path / "gold.jsonl"
    mention = {"start": 2, "end": 8, "ids": ["C0221198"]}
    corpus.write_text(json.dumps({"text": "A lesion.", "mentions": [mention]}) + "\n")
    fixed = ["--kb", base, "--no-baselines", "--resamples", "0", "--json", "-", "-q"]
    linked = []
    for options in ([], ["--min-score", "1.0"]):
        done = run("evaluate", corpus, *fixed, *options)
        assert (done.status, done.err) == (0, "")
        linked.append(json.loads(done.out)["gold_mentions"][0]["linked"])
    assert linked == [1, 0]


@pytest.mark.parametrize("words", LINKING)
def test_a_value_out_of_range_is_an_error(run: Run, tmp_path: Path, words: str) -> None:
    caption = tmp_path / "a.jsonl"
    caption.write_text('{"caption": "A lesion.", "image": "a.jpg"}\n')
    arguments = {
        "link": ["A lesion."],
        "annotate": [caption, "-o", tmp_path / "out"],
        "evaluate": [caption],
        "pmc extract": [caption, "-o", tmp_path / "out.jsonl", "--link"],
    }
    done = run(*words.split(), *arguments[words], "-k", "many", "-q")
    assert done.status == 2
    assert "'-k'" in done.error
