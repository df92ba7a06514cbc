"""simstring-rust: character 3-grams, cosine of at least 0.6 (it slows down below)."""

from __future__ import annotations

from collections.abc import Callable

import simstring_rust
from measure import Ranked, concepts_by_name, distinct, run


def prepare() -> Callable[[list[str]], Ranked]:
    """Builds a database of the names in small letters."""
    concepts = concepts_by_name()
    database = simstring_rust.database.HashDb(simstring_rust.extractors.CharacterNgrams(3, "$"))
    for name in concepts:
        database.insert(name)
    searcher = simstring_rust.searcher.Searcher(database, simstring_rust.measures.Cosine())
    return lambda texts: [
        distinct(
            concept
            for name, _ in searcher.ranked_search(text.lower(), 0.6)
            for concept in concepts[name]
        )
        for text in texts
    ]


run(prepare)
