"""scispaCy's own linker with a finished index (extra ``scispacy``)."""

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
    """scispaCy's ``CandidateGenerator``, ordered by similarity as in its ``EntityLinker``.

    Args:
        folder: contains ``kb.jsonl`` and the output of scispaCy's ``create_tfidf_ann_index``. It
            includes a pickle, so open only folders that you trust.

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
                "scispaCy is not installed, expected it for this comparison: "
                "pip install 'concept-linker[scispacy]'"
            ) from None
        if not folder.is_dir():
            raise InputError(f"{folder} does not exist, expected a folder with scispaCy's index")
        paths = candidate_generation.LinkerPaths.from_directory(str(folder))
        table = folder / "kb.jsonl"
        for path in (table, *map(Path, paths)):
            if not path.is_file():
                raise InputError(f"{path} does not exist, expected scispaCy's finished index")
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
        """Returns the candidates of each string, most similar first; ties in scispaCy's order."""
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
        # A stable sort, as in scispaCy.
        return tuple(sorted(candidates, key=lambda candidate: -candidate.score))
