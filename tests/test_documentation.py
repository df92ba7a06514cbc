"""The examples in README and documentation run, and their figures are those measured."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from concept_linker import KnowledgeBase
from concept_linker.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[Any]:
    """The Python blocks of all pages, each with its page and number."""
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in PAGES
        for number, block in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1)
    ]


def run_alone(block: str, folder: Path) -> None:
    """Runs a block as a script in a file, which the processes it starts can read."""
    script = folder / "example.py"
    script.write_text(block, encoding="utf-8")
    runpy.run_path(str(script), run_name="__main__")


@pytest.mark.parametrize("block", blocks())
def test_every_block_runs_alone_as_a_script(
    block: str, open_base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_alone(block, tmp_path)


START = """\
import multiprocessing
child = multiprocessing.get_context("spawn").Process(target=print)
child.start()
child.join()
assert child.exitcode == 0
"""


def test_a_block_that_runs_only_interactively_is_found(tmp_path: Path) -> None:
    """A script that starts processes needs ``if __name__ == "__main__"``."""
    with pytest.raises(AssertionError):
        run_alone(START, tmp_path)
    guarded = "".join(f"    {line}\n" for line in START.splitlines())
    run_alone(f'if __name__ == "__main__":\n{guarded}', tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="the commands are written for a POSIX shell")
def test_shell_blocks_of_the_readme_run(open_base: KnowledgeBase, tmp_path: Path) -> None:
    command = tmp_path / "bin/concept-linker"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m concept_linker "$@"\n')
    command.chmod(0o755)
    blocks = SHELL.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) == 3
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    for block in blocks:
        subprocess.run(
            ["sh", "-euc", block],
            cwd=tmp_path,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
    for made in ("annotated/part-00000.parquet", "page.html", "devices", "report.html"):
        assert (tmp_path / made).exists()


def shown_commands(page: Path) -> list[list[str]]:
    """The commands in the blocks of a page, as lists of words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = re.findall(r"^(?: {4})?(concept-linker .*)$", text, re.MULTILINE)
    return [shlex.split(line.partition(" <")[0], comments=True)[1:] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_shown_exist(page: Path) -> None:
    for words in shown_commands(page):
        command: Any = typer.main.get_command(app)
        rest = list(words)
        while hasattr(command, "commands"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        with command.make_context("shown", [], resilient_parsing=True) as context:
            parameters = command.get_params(context)
        known = {name for one in parameters for name in (*one.opts, *one.secondary_opts)}
        options = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert options <= known, words


def test_the_readme_has_blocks_to_run() -> None:
    assert BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if line.startswith("    pip install")]
    assert len(commands) == 2
    assert commands[0].startswith('pip install . && concept-linker link "')
    assert commands[1] == 'pip install ".[test]" && pytest'


def test_links_to_files_are_right() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        for target in links + re.findall(r'(?:src|srcset)="([^":]+)"', text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_tests_that_are_named_exist() -> None:
    for page in PAGES:
        for file, test in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text("utf-8")):
            assert f"def {test}" in (ROOT / file).read_text("utf-8"), f"{page.name}: {file} {test}"


def test_the_readme_shows_the_output_of_its_first_example(open_base: KnowledgeBase) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    code, rest = BLOCK.split(page, maxsplit=1)[1:]
    shown = re.match(r"\n*```text\n(.*?)^```", rest, re.DOTALL | re.MULTILINE)
    assert shown
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert printed == shown[1], "renew it with: python docs/renew.py example"


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 115


def test_tables_of_figures_are_those_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import figures

    for page in figures.PAGES:
        text = page.read_text(encoding="utf-8")
        assert figures.renewed(text) == text, "renew them with: python docs/renew.py figures"


def test_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "docs/images").iterdir()]
    assert sizes
    assert sum(sizes) < 300_000
