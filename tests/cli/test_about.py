"""``concept-linker about``, ``--version`` and ``completion``."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import concept_linker
from concept_linker.runtime.resources import model_path

Run = Callable[..., Any]


def test_version(run: Run) -> None:
    done = run("--version")
    assert (done.status, done.err) == (0, "")
    assert done.out == f"concept-linker {concept_linker.__version__}\n"


def test_about(run: Run, base: Path) -> None:
    facts = json.loads(run("about", "--kb", base, "--json").out)
    manifest = (base / "manifest.json").read_bytes()
    assert facts["kb"]["sha256"] == hashlib.sha256(manifest).hexdigest()
    assert facts["packages"]["numpy"]
    assert facts["extras"].keys() >= {"pmc", "ray", "plots"}
    assert not facts["extras"].keys() & {"dev", "test", "training"}
    done = run("about", "--kb", base)
    assert (done.status, done.err) == (0, "")
    for value in (*facts["models"].values(), facts["kb"]["sha256"], facts["concept_linker"]):
        assert value in done.out


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs sha256sum")
def test_the_checksum_of_a_model_equals_that_of_sha256sum(run: Run, base: Path) -> None:
    facts = json.loads(run("about", "--kb", base, "--json").out)
    script = "sha256sum everyday.txt | sha256sum"
    reported = subprocess.run(
        ["sh", "-c", script],
        cwd=model_path("dictionary"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert reported.stdout.split()[0] == facts["models"]["dictionary"]


Complete = Callable[..., list[str]]


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """The completions for a line with an unfinished last word."""

    def complete(shell: str, *words: str) -> list[str]:
        line = shlex.join(["concept-linker", *words])
        asked = {
            "COMP_WORDS": "\n".join(["concept-linker", *words]),
            "COMP_CWORD": str(len(words)),
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_CONCEPT_LINKER_COMPLETE": f"complete_{shell}",
        }
        with monkeypatch.context() as patched:
            for name, value in asked.items():
                patched.setenv(name, value)
            done = run()
        assert (done.status, done.err) == (0, "")
        lines: list[str] = done.out.splitlines()
        return lines

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_is_typed_is_completed(complete: Complete, shell: str) -> None:
    assert any("evaluate" in line for line in complete(shell, "eval"))


def test_commands_options_and_values(
    complete: Complete, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert complete("bash", "kb", "s") == ["search"]
    assert complete("bash", "link", "--js") == ["--json"]
    assert complete("bash", "kb", "build", "--source", "ob") == ["obo=", "obographs="]
    assert complete("bash", "records", "convert", "--profile", "med") == ["medconcept23m"]
    monkeypatch.chdir(base.parent)
    assert complete("bash", "link", "x", "--kb", "") == ["default", base.name]
    assert not any(complete("bash", "records", "validate", "fig"))  # files, by the shell itself


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_the_script_works_in_bash(tmp_path: Path) -> None:
    program = tmp_path / "concept-linker"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m concept_linker "$@"\n')
    program.chmod(0o755)
    script = """
        source <(concept-linker completion bash)
        function=$(complete -p concept-linker | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
        COMP_WORDS=(concept-linker records m) COMP_CWORD=2
        $function concept-linker
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("minimise\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish", "powershell"])
def test_a_script_for_each_shell(run: Run, shell: str) -> None:
    done = run("completion", shell)
    assert (done.status, done.err) == (0, "")
    assert "_CONCEPT_LINKER_COMPLETE" in done.out
    assert f"complete_{shell}" in done.out
