"""Runs the command line in this process: exit status and output."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from concept_linker.cli import main


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of standard error."""
        [line] = self.err.splitlines()
        assert self.out == ""
        return line


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run("kb", "info")``; standard input is empty unless given as bytes."""

    def run(
        *arguments: str | Path, stdin: bytes = b"", encoding: str = "utf-8", columns: int = 200
    ) -> Done:
        streams = {
            "stdin": io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"),
            "stdout": io.TextIOWrapper(io.BytesIO(), encoding=encoding),
            "stderr": io.TextIOWrapper(io.BytesIO(), encoding=encoding),
        }
        with monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["concept-linker", *map(str, arguments)])
            patched.setenv("COLUMNS", str(columns))
            patched.setenv("TERM", "dumb")
            patched.setenv("TQDM_MININTERVAL", "0.1")  # else set for good
            for name, stream in streams.items():
                patched.setattr(sys, name, stream)
            with pytest.raises(SystemExit) as exit:
                main()
        texts = []
        for name in ("stdout", "stderr"):
            streams[name].flush()
            texts.append(streams[name].buffer.getvalue().decode(encoding))  # type: ignore[attr-defined]
        return Done(exit.value.code or 0, *texts)  # type: ignore[arg-type]

    return run


@pytest.fixture
def documented() -> dict[str, set[str]]:
    """The JSON keys of each command, from docs/command-line.md."""
    page = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
    table = page.read_text(encoding="utf-8").partition("| command | JSON | keys |")[2]
    found: dict[str, set[str]] = {}
    for line in table.partition("\n\n")[0].splitlines()[2:]:
        names, _, keys = line.strip("| ").split(" | ")
        words = re.findall("`(.+?)`", names) or ["last line"]
        group = words[0].rpartition(" ")[0]
        for name in (words[0], *(f"{group} {word}" for word in words[1:])):
            found[name] = set(re.findall("`(.+?)`", keys))
    return found


@pytest.fixture
def jsonl(tmp_path: Path) -> Path:
    """Three concepts."""
    path = tmp_path / "three.jsonl"
    records = [
        {
            "concept_id": "C0019564",
            "canonical_name": "Hippocampus",
            "aliases": ["hippocampal formation", "Ammon's horn"],
            "types": ["T023"],
            "definition": "A curved gray matter structure.",
        },
        {"concept_id": "C0221198", "canonical_name": "lesion", "aliases": [], "types": ["T033"]},
        {"concept_id": "C0030797", "canonical_name": "pelvis", "aliases": ["Pelvis"], "types": []},
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def base(run: Run, jsonl: Path, tmp_path: Path) -> Path:
    """A knowledge base of the three concepts."""
    folder = tmp_path / "three"
    assert run("kb", "build", "-q", "--source", f"jsonl={jsonl}", "-o", folder).status == 0
    return folder
