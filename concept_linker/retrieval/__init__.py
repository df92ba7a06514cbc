"""Cross-modal retrieval: how well an encoder aligns images and texts, in figures to trust."""

from __future__ import annotations

from concept_linker.retrieval.embeddings import Embeddings, paired, read_array
from concept_linker.retrieval.positives import IdTable, Positives, read_ids
from concept_linker.retrieval.published import published_figures
from concept_linker.retrieval.ranks import Direction, Ranks
from concept_linker.retrieval.scoring import Retrieval, compare, score

__all__ = [
    "Direction",
    "Embeddings",
    "IdTable",
    "Positives",
    "Ranks",
    "Retrieval",
    "compare",
    "paired",
    "published_figures",
    "read_array",
    "read_ids",
    "score",
]
