"""This library: candidates as values, made by ``KnowledgeBase.search_many``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from measure import THRESHOLD, K, Ranked, folder, run

from concept_linker import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source
from concept_linker.knowledge_base.source import Quarantine


def prepare_in(base: Path) -> Callable[[list[str]], Ranked]:
    """Reads, normalises, indexes, writes with checksums, and opens what it wrote."""
    build_knowledge_base([read_source("jsonl", folder() / "kb.jsonl", {}, Quarantine())], base)
    kb = KnowledgeBase.open(base)
    return lambda texts: [
        [candidate.concept_id for candidate in found]
        for found in kb.search_many(texts, k=K, min_similarity=THRESHOLD)
    ]


with tempfile.TemporaryDirectory() as room:
    prepare_in(Path(room) / "first")  # compiles, where nothing is compiled yet
    run(lambda: prepare_in(Path(room) / "second"))
