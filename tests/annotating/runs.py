"""A small knowledge base, files of captions, and the output of runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from concept_linker.annotating.inputs.columns import infer_columns
from concept_linker.annotating.inputs.files import identify
from concept_linker.annotating.job import Job, LinkerSpec
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables
from concept_linker.triplets.record import PROFILES

NAMES = ("pleural effusion", "hippocampus", "lesion", "pelvis", "left lung", "biopsy needle")


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five concepts with a CUI, and one without."""
    ids = [f"C{number:07}" for number in range(1, len(NAMES))] + ["X:1"]
    rows = [(one, name, 0, "X") for one, name in zip(ids, NAMES, strict=True)]
    types = [(one, "T033") for one in ids]
    tables = SourceTables.from_rows(SourceInfo("table", "test"), names=rows, types=types)
    folder = tmp_path_factory.mktemp("small") / "base"
    build_knowledge_base([tables], folder)
    return folder


def captions(count: int) -> list[dict[str, Any]]:
    """Distinct captions, with two other columns."""
    return [
        {
            "caption": f"Figure {n}: {NAMES[n % 6]} and {NAMES[n * n % 6]}, β {n}.",
            "image": f"{n}.jpg",
            "licence": "CC BY",
            "year": 1990 + n % 30,
        }
        for n in range(count)
    ]


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """Writes JSON Lines; bytes are written as they are."""
    with path.open("wb") as file:
        for row in rows:
            file.write((row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n")
    return path


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A file of 300 captions."""
    return write_lines(tmp_path / "captions.jsonl", captions(300))


@pytest.fixture
def job_for(small_base: Path) -> Callable[..., Job]:
    """Makes the job for annotating files."""

    def job(*paths: Path, **changes: Any) -> Job:
        values: dict[str, Any] = {
            "linker": LinkerSpec(str(small_base), "dictionary"),
            "columns": infer_columns([identify(path) for path in paths]),
            "formats": ("parquet", "jsonl"),
            "form": "full",
            "profile": PROFILES["exact"],
            "tokenizer": None,
            "mentions": False,
            "linked_by": {"version": "1", "kb": "k", "kb_sha256": "s", "settings": {}},
        }
        return Job(**{**values, **changes})

    return job


def shards_in(folder: Path) -> dict[str, bytes]:
    """Name → bytes of shards and quarantine."""
    names = [*folder.glob("part-*"), *folder.glob("quarantine/*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def quarantined(folder: Path) -> list[dict[str, Any]]:
    """The bad rows of all shards, in order."""
    files = sorted((folder / "quarantine").glob("part-*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def records_in(folder: Path, ending: str = ".jsonl") -> list[dict[str, Any]]:
    """The records of all shards, in order."""
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob(f"part-*{ending}")):
        if ending == ".parquet":
            import pyarrow.parquet as pq

            found += pq.read_table(path).to_pylist()
        elif path.name.count(".") == ending.count("."):
            found += [json.loads(line) for line in path.read_text().splitlines()]
    return found
