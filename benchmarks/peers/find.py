"""What every runner of whole texts measures, in the same way; the standard library alone.

A runner is called with a folder (``kb.jsonl``, ``META/``, ``texts.jsonl``, ``captions.jsonl``),
makes a function of it that takes a text and returns (start, end, concept) of each mention, the best
concept only, and hands it to :func:`run`, which writes what was found to ``found.json`` there.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

Found = Iterable[tuple[int, int, str]]


def folder() -> Path:
    """The folder that the runner was called with."""
    return Path(sys.argv[1])


def lines(name: str) -> list[Any]:
    """The values of a file of JSON lines."""
    return [json.loads(line) for line in (folder() / name).open(encoding="utf-8")]


def names() -> Iterator[tuple[dict[str, Any], str, bool]]:
    """The concept, each of its names, and whether that is the preferred one."""
    for concept in lines("kb.jsonl"):
        for number, name in enumerate([concept["canonical_name"], *concept["aliases"]]):
            yield concept, name, number == 0


def run(prepare: Callable[[], Callable[[str], Found]]) -> None:
    """Builds, finds, and writes what was found and how long it took."""
    began = time.perf_counter()
    find = prepare()
    built = time.perf_counter() - began
    captions = lines("captions.jsonl")
    for text in captions[:50]:
        find(text)
    began = time.perf_counter()
    for text in captions:
        find(text)
    rate = len(captions) / (time.perf_counter() - began)
    found = [list(find(text)) for text in lines("texts.jsonl")]
    result = {"built_s": round(built, 1), "captions_per_s": round(rate), "found": found}
    (folder() / "found.json").write_text(json.dumps(result), encoding="utf-8")
