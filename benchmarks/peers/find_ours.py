"""This library, with its defaults, a text at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from find import Found, folder, run

from concept_linker import ConceptLinker
from concept_linker.knowledge_base.build import build_knowledge_base
from concept_linker.knowledge_base.readers import read_source


def prepare() -> Callable[[str], Found]:
    """Builds the base and loads a linker with it."""
    base = Path(tempfile.mkdtemp()) / "base"
    build_knowledge_base([read_source("jsonl", folder() / "kb.jsonl")], base)
    linker = ConceptLinker.load(base)
    return lambda text: [
        (mention.start, mention.end, mention.best.concept_id)
        for mention in linker.link(text)
        if mention.best
    ]


run(prepare)
