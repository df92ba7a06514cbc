"""scispaCy's candidate generator with its finished index: 30 nearest names, ef_search 200."""

from __future__ import annotations

from collections.abc import Callable

import scispacy.candidate_generation as generation
from measure import K, Ranked, folder, run
from scispacy.linking_utils import KnowledgeBase


def prepare() -> Callable[[list[str]], Ranked]:
    """Loads the index; to build it takes 900 seconds (as published, see the table)."""
    kb = KnowledgeBase(str(folder() / "kb.jsonl"))
    paths = generation.LinkerPaths.from_directory(str(folder() / "sci100k"))
    names, vectorizer, index = paths.load(ef_search=200)
    generator = generation.CandidateGenerator(
        ann_index=index,
        tfidf_vectorizer=vectorizer,
        ann_concept_aliases_list=names,
        kb=kb,
        ef_search=200,
    )

    def search(texts: list[str]) -> Ranked:
        return [
            [c.concept_id for c in sorted(found, key=lambda c: -max(c.similarities))]
            for found in generator(texts, K)
        ]

    return search


run(prepare, built="loaded")
