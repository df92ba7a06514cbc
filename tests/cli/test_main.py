"""All commands: help, exit status, errors of one line."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import typer

from concept_linker.cli import app
from concept_linker.errors import InputError

Run = Callable[..., Any]
COMMAND = [sys.executable, "-m", "concept_linker"]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command without subcommands."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
        return
    for name, one in inner.items():
        yield from commands(one, (*path, name))


ROOT: Any = typer.main.get_command(app)
COMMANDS = sorted(commands(ROOT))


def test_the_commands_exist() -> None:
    assert {("link",), ("kb", "build"), ("kb", "info"), ("kb", "search")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_examples_that_can_be_called(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"Usage: concept-linker {' '.join(words)} ")
    examples = [line.strip() for line in done.out.splitlines() if line.startswith("    concept-")]
    own = [line for line in examples if line.startswith(" ".join(("concept-linker", *words)))]
    assert own
    for example in examples:
        parse(example)
    if words[1:]:
        assert own[0] in run(words[0], "--help").out
    else:
        assert run("-h").out.count(f"\n  {words[0]} ") == 1


def parse(example: str) -> None:
    """Parses a call as the shell and the parser do; its files need not exist."""
    call = re.split(" [<>|]", example)[0]
    command, arguments = ROOT, shlex.split(call)[1:]
    while inner := getattr(command, "commands", None):
        command, arguments = inner[arguments[0]], arguments[1:]
    with suppress(InputError):
        command.make_context("example", arguments)


def test_the_main_help_is_for_newcomers(run: Run) -> None:
    done = run("--help")
    assert done == run("-h")
    assert (done.status, done.err) == (0, "")
    assert "research only" in done.out
    assert "Commands:" not in done.out, "a command that is under no heading"
    examples = [line.strip() for line in done.out.splitlines() if line.startswith("    concept-")]
    assert 4 <= len(examples) <= 8
    for example in examples:
        parse(example)
    for group in ([], ["kb"]):
        nothing = run(*group)
        assert (nothing.status, nothing.out) == (2, "")
        assert nothing.err == run(*group, "--help").out


def test_help_fits_the_terminal(run: Run) -> None:
    for columns in (60, 200):
        for words in COMMANDS:
            for line in run(*words, "--help", columns=columns).out.splitlines():
                assert len(line) < min(columns, 101) or line.startswith("    concept-linker")


def test_the_real_command_shows_its_help() -> None:
    done = subprocess.run([*COMMAND, "--help"], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("Usage: concept-linker COMMAND")
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--nonsense"], "no such option --nonsense; see `concept-linker --help`"),
        (["lnik", "x"], "no such command 'lnik', did you mean `link`?"),
        (["kb", "serch"], "no such command 'serch', did you mean `kb search`?"),
        (["holdout", "biuld"], "no such command 'biuld', did you mean `holdout build`?"),
        (["validate"], "no such command 'validate', did you mean `records validate`?"),
        (["CT shows an effusion"], "no such command 'CT shows an effusion'; see"),
        (["link", "--jsno", "x"], "no such option --jsno, did you mean `--json`?; see"),
        (["link"], "missing argument 'TEXT'; see `concept-linker link --help`"),
        (["kb", "build", "-o", "x"], "missing option '--source'; see"),
        (["kb", "search", "x", "-k", "many"], "invalid value for '-k' / '--candidates': "),
        (["annotate", "x", "-o", "x", "--workers", "0"], "invalid value for '--workers': "),
        (["completion", "tcsh"], "shell is 'tcsh', expected bash, zsh, fish or powershell"),
        (["--\x1b[2J"], "no such option --\\x1b[2J; see"),
    ],
)
def test_called_wrongly(run: Run, arguments: list[str], problem: str) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert done.error.startswith(f"concept-linker: {problem}")


def test_an_error_of_the_system_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("concept_linker.knowledge_base.base.KnowledgeBase.open", fail)
    done = run("kb", "info")
    assert done.status == 2
    assert done.error == "concept-linker: somewhere: permission denied"


def test_an_error_in_the_code_is_not_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("concept_linker.knowledge_base.base.KnowledgeBase.open", fail)
    done = run("kb", "info")
    assert (done.status, done.out) == (3, "")
    assert "ZeroDivisionError" in done.err
    assert "please report" in done.err.splitlines()[-1]


def test_an_argument_with_a_line_feed_is_reported_in_one_line(run: Run) -> None:
    assert "'a\\nb'" in run("a\nb").error
    assert r"a\nb: no such file" in run("records", "validate", "a\nb").error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_and_a_closed_reader(base: Path) -> None:
    """A full disk and a closed reader are noticed even at the last flush."""
    command = " ".join(shlex.quote(word) for word in [*COMMAND, "kb", "info", str(base)])
    for redirected, status, error in (
        ("> /dev/full", "2", "concept-linker: no space left on device\n"),
        ("| true", "141", ""),
        (">&-", "0", ""),
    ):
        script = f"exec 3>&1; {{ {command}; echo $? >&3; }} {redirected}"
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == (status, error)


@pytest.mark.skipif(os.name == "nt", reason="needs sh")
def test_standard_input_that_is_closed_is_empty(base: Path) -> None:
    command = " ".join(shlex.quote(word) for word in [*COMMAND, "link", "-", "--kb", str(base)])
    done = subprocess.run(["sh", "-c", f"{command} <&-"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, "", False)


def test_interrupted(tmp_path: Path) -> None:
    source, bad = tmp_path / "source.jsonl", tmp_path / "kb.quarantine.jsonl"
    concept = '{{"concept_id": "X:{}", "canonical_name": "lesion"}}\n'
    source.write_text("bad\n" + "".join(map(concept.format, range(300_000))))
    options = ["-q", "--skip-bad", "--source", f"jsonl={source}", "-o", str(tmp_path / "kb")]
    command = [*COMMAND, "kb", "build", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not bad.exists() and process.poll() is None:  # it is there once the build reads
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert process.returncode == 130
    assert out == b""
    assert errors == b"concept-linker: interrupted\n"
    assert sorted(tmp_path.iterdir()) == [bad, source]


def test_no_socket_is_opened(tmp_path: Path, jsonl: Path) -> None:
    """Every command, in one process in which opening a socket raises."""
    kb = str(tmp_path / "kb")
    runs = [
        ["kb", "build", "--source", f"jsonl={jsonl}", "-o", kb],
        ["kb", "info", kb, "--verify"],
        ["kb", "search", "lesions", "--kb", kb],
        ["link", "a lesion of the pelvis", "--kb", kb],
    ]
    code = f"""
import sys
def forbid(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(f"{{event}} {{arguments}}")
sys.addaudithook(forbid)
import socket
try:
    socket.socket()
except RuntimeError:
    pass
else:
    sys.exit("the guard does not work")
from concept_linker.cli import main
for arguments in {runs!r}:
    sys.argv = ["concept-linker", *arguments]
    try:
        main()
    except SystemExit as exit:
        if exit.code:
            raise
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1.000  C0221198  lesion" in done.stdout
    assert "pelvis" in done.stdout
