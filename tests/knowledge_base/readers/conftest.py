"""Tests of readers against bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import Quarantine


@pytest.fixture(scope="session")
def reader_data() -> Path:
    """The folder of small hand-made files."""
    return Path(__file__).resolve().parents[2] / "data" / "readers"


@pytest.fixture
def check_bad(tmp_path: Path) -> Callable[..., None]:
    """A bad row stops strict reading at its line; a quarantine keeps all other rows."""

    def check(
        format: str,
        path: Path,
        *,
        line: int,
        problem: str,
        kept: list[str],
        options: dict[str, Any] | None = None,
    ) -> None:
        with pytest.raises(SourceError, match=problem) as caught:
            read_source(format, path, options)
        assert caught.value.line == line
        file = tmp_path / "quarantine.jsonl"
        quarantine = Quarantine(file)
        tables = read_source(format, path, options, quarantine)
        rows = [json.loads(row) for row in file.read_text(encoding="utf-8").splitlines()]
        assert [(row["line"], row["problem"]) for row in rows] == [(line, caught.value.problem)]
        assert quarantine.count == 1
        assert rows[0]["row"] is not None
        assert tables.names["name"].to_pylist() == kept

    return check
