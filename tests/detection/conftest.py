"""A small base of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.source import SourceInfo, SourceTables

SMALL_NAMES = [
    ("X:1", "lesion", 0),
    ("X:2", "Hippocampus", 0),
    ("X:5", "Magnetic Resonance Imaging", 0),
    ("X:5", "MRI", 2),
    ("X:18", "Quimby's sporadic vexillosis", 0),
]


@pytest.fixture(scope="session")
def small_kb(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    """A base of a few names, without semantic types."""
    folder: Path = tmp_path_factory.mktemp("mentions") / "small"
    rows = [(cid, name, kind, "X") for cid, name, kind in SMALL_NAMES]
    build_knowledge_base([SourceTables.from_rows(SourceInfo("test", "small"), names=rows)], folder)
    return KnowledgeBase.open(folder)
