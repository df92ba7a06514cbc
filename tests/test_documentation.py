"""Every Python block of the README and the documentation runs as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from concept_linker import KnowledgeBase

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_blocks_run(
    page: Path, open_base: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        exec(compile(block, str(page), "exec"), names)  # noqa: S102


def test_the_readme_has_blocks_to_run() -> None:
    assert len(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))) >= 2


def test_the_readme_opens_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.strip() for line in lines if line.startswith("    pip install")]
    assert len(commands) == 2
    assert commands[0].startswith('pip install . && concept-linker link "')
    assert commands[1] == 'pip install ".[test]" && pytest'


def test_links_to_files_are_right() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_shows_what_its_first_command_prints(open_base: KnowledgeBase) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    caption = re.search(r'concept-linker link "(.*?)"', page)
    shown = re.search(r"^```\n(place .*?)^```", page, re.DOTALL | re.MULTILINE)
    assert caption
    assert shown
    printed = subprocess.run(
        [sys.executable, "-m", "concept_linker", "link", "-q", caption[1]],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in printed.splitlines() if line.strip()]
    assert rows[0] == caption[1].split()
    assert rows[1:] == [line.split() for line in shown[1].splitlines()]
