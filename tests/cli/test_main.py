"""What holds of every command: help, exit status, one line where it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from concept_linker.cli import app

Run = Callable[..., Any]
COMMAND = [sys.executable, "-m", "concept_linker"]


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""
    inner = getattr(command, "commands", None)
    if inner is None:
        yield path
        return
    for name, one in inner.items():
        yield from commands(one, (*path, name))


COMMANDS = sorted(commands(typer.main.get_command(app)))


def test_the_commands_are_there() -> None:
    assert {("link",), ("kb", "build"), ("kb", "info"), ("kb", "search")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_an_example(run: Run, words: tuple[str, ...]) -> None:
    example = " ".join(("concept-linker", *words)) + " "
    for arguments in ([], words):
        done = run(*arguments, "--help")
        assert (done.status, done.err) == (0, "")
        assert example in done.out
    assert "research only" in run("--help").out


def test_the_real_command_shows_its_help() -> None:
    done = subprocess.run([*COMMAND, "--help"], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    for words in COMMANDS:
        assert " ".join(("concept-linker", *words)) in done.stdout


@pytest.mark.parametrize("arguments", [["--nonsense"], ["nonsense"], ["kb", "nonsense"]])
def test_called_wrongly(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.status == 2
    assert "nonsense" in done.err
    assert done.out == ""


def test_an_error_of_the_system_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "somewhere")

    monkeypatch.setattr("concept_linker.knowledge_base.base.KnowledgeBase.open", fail)
    done = run("kb", "info")
    assert done.status == 1
    assert done.error == "concept-linker: [Errno 13] Permission denied: 'somewhere'"


def test_an_error_of_ours_in_the_code_is_not_hidden(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("concept_linker.knowledge_base.base.KnowledgeBase.open", fail)
    with pytest.raises(ZeroDivisionError):
        run("kb", "info")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_interrupted(tmp_path: Path) -> None:
    pipe = tmp_path / "source.jsonl"
    os.mkfifo(pipe)
    command = [
        *COMMAND,
        "kb",
        "build",
        "-q",
        "--source",
        f"jsonl={pipe}",
        "-o",
        str(tmp_path / "kb"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process, pipe.open("wb"):  # the pipe opens as soon as the command reads from it
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate()
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in errors
    assert list(tmp_path.iterdir()) == [pipe]


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
