"""Small bases for tests, and functions that inspect them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.source import SourceInfo, SourceTables

HEAD: dict[str, Any] = {
    "made_by": "a test",
    "sources": (),
    "options": {},
    "counts": {},
    "types": (),
    "name_sources": (),
    "vocabularies": {},
}


def source(*names: str) -> SourceTables:
    rows = [(f"C{number:07}", name, 0, "X") for number, name in enumerate(names, 1)]
    return SourceTables.from_rows(
        SourceInfo("table", "test"),
        names=rows,
        types=[(one, "T033") for one, *_ in rows],
        definitions=[(one, f"what {name} is") for one, name, *_ in rows],
    )


def names_of(folder: Path) -> list[str]:
    kb = KnowledgeBase.open(folder)
    return [kb.concept(f"C{number:07}").name for number in range(1, len(kb) + 1)]


def one_line(caught: pytest.ExceptionInfo[KnowledgeBaseError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message
