"""A small base on disk."""

from __future__ import annotations

import pytest
from small_gold import tables

from concept_linker import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base


@pytest.fixture(scope="module")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("evaluation") / "base"
    build_knowledge_base([tables()], folder)
    return KnowledgeBase.open(folder)
