"""The real scispaCy linker with a finished index, where the extra ``scispacy`` is installed."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError
from concept_linker.evaluation.baselines import StringLinker

__all__ = ["ScispacyLinker"]

_K = 30


class ScispacyLinker(StringLinker):
    """scispaCy's ``CandidateGenerator``, ordered as its ``EntityLinker`` orders: by similarity.

    Args:
        folder: holds ``kb.jsonl`` and what scispaCy's ``create_tfidf_ann_index`` writes.  That
            includes a pickle: open only what you trust.

    Raises:
        InputError: scispaCy is not installed, or a file is missing.
    """

    name = "scispaCy"
    min_similarity = 0.7

    def __init__(self, folder: Path) -> None:
        try:
            candidate_generation: Any = import_module("scispacy.candidate_generation")
            linking_utils: Any = import_module("scispacy.linking_utils")
        except ImportError:
            raise InputError(
                "scispaCy is not installed, wanted: pip install 'concept-linker[scispacy]'"
            ) from None
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder, wanted one with scispaCy's index")
        paths = candidate_generation.LinkerPaths.from_directory(str(folder))
        table = folder / "kb.jsonl"
        for path in (table, *map(Path, paths)):
            if not path.is_file():
                raise InputError(f"{path}: no such file, wanted scispaCy's finished index")
        self._kb: Any = linking_utils.KnowledgeBase(str(table))
        names, vectorizer, index = paths.load(ef_search=200)
        self._generator: Any = candidate_generation.CandidateGenerator(
            ann_index=index,
            tfidf_vectorizer=vectorizer,
            ann_concept_aliases_list=names,
            kb=self._kb,
            ef_search=200,
        )

    def candidates_of(self, strings: Sequence[str]) -> list[tuple[Candidate, ...]]:
        """For each string its candidates, most similar first; equal ones as scispaCy gives them."""
        if not strings:
            return []
        return [self._ordered(found) for found in self._generator(list(strings), _K)]

    def _ordered(self, found: Sequence[Any]) -> tuple[Candidate, ...]:
        candidates = []
        for one in found:
            similarity = float(max(one.similarities))
            alias = one.aliases[one.similarities.index(max(one.similarities))]
            entity = self._kb.cui_to_entity[one.concept_id]
            candidates.append(
                Candidate(
                    one.concept_id,
                    entity.canonical_name,
                    alias,
                    similarity,
                    similarity,
                    tuple(entity.types),
                )
            )
        # Stable, as scispaCy's own sort is.
        return tuple(sorted(candidates, key=lambda candidate: -candidate.score))
