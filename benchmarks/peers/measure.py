"""What every runner measures, in the same way; the standard library alone.

A runner is called with a folder (``kb.jsonl``, ``mentions.jsonl``, ``mentions_hard.jsonl``,
``META/`` and scispaCy's finished index), makes a function of it that takes mentions and returns
for each the concept ids, best first, and hands it to :func:`run`, which prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

K = 30
THRESHOLD = 0.2
_ALONE = 400

Ranked = list[list[str]]


def folder() -> Path:
    """The folder that the runner was called with."""
    return Path(sys.argv[1])


def names() -> Iterator[tuple[str, str, int]]:
    """Concept id, name, and the name's number in its concept, of ``kb.jsonl``."""
    with (folder() / "kb.jsonl").open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            for number, name in enumerate([row["canonical_name"], *row["aliases"]]):
                yield row["concept_id"], name, number


def concepts_by_name() -> dict[str, list[str]]:
    """The concepts of every name in small letters."""
    found: dict[str, dict[str, None]] = {}
    for concept, name, _ in names():
        found.setdefault(name.lower(), {})[concept] = None
    return {name: list(concepts) for name, concepts in found.items()}


def distinct(found: Iterator[str]) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(found))


def run(prepare: Callable[[], Callable[[list[str]], Ranked]], *, built: str = "built") -> None:
    """Measures a peer and prints the figures.

    Args:
        prepare: builds or loads, and returns the search.
        built: what ``prepare`` did: ``built`` or ``loaded``.
    """
    began = time.perf_counter()
    search = prepare()
    figures: dict[str, Any] = {f"{built}_s": round(time.perf_counter() - began, 3)}
    for name in ("mentions", "mentions_hard"):
        lines = (folder() / f"{name}.jsonl").read_text("utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        texts = [row["mention"] for row in rows]
        search(texts[:20])
        batch, ranked = _median(lambda texts=texts: search(texts))
        single, _ = _median(lambda texts=texts: [search([text]) for text in texts[:_ALONE]])
        gold = [set(row["gold"]) for row in rows]
        figures[name] = {
            "batch_per_s": round(len(texts) / batch),
            "single_per_s": round(min(_ALONE, len(texts)) / single),
            **{
                f"recall@{k}": sum(
                    not expected.isdisjoint(own[:k])
                    for expected, own in zip(gold, ranked, strict=True)
                )
                / len(gold)
                for k in (1, 5, 30)
            },
        }
    print(json.dumps(figures))


def _median(call: Callable[[], Any]) -> tuple[float, Any]:
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        answer = call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), answer
