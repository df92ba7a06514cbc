"""The knowledge base: concepts by id, candidates by text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError, KnowledgeBaseError, SettingsError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.concept import Concept, ConceptName
from concept_linker.knowledge_base.identity import CuiOrigin
from concept_linker.knowledge_base.rows import Rows
from concept_linker.knowledge_base.strings import Strings
from concept_linker.runtime.garbage import no_collection

__all__ = ["Concept", "ConceptName", "KnowledgeBase"]


class KnowledgeBase:
    """A memory-mapped knowledge base; it opens in milliseconds, and processes share its pages.

    Use :meth:`open` to get one. It is safe to use from several threads, and picklable: only its
    path is pickled.

    Attributes:
        path: the folder.
        info: the manifest: sources, options of the build, counts.

    >>> kb = KnowledgeBase.open()
    >>> kb.concept("C0019564").name
    'Hippocampus'
    >>> [(found.concept_id, found.alias) for found in kb.search("hipocampus", k=1)]
    [('C0019564', 'Hippocampus')]
    """

    def __init__(self, path: Path, info: store.Manifest, arrays: Mapping[str, Any]) -> None:
        self.path = path
        self.info = info
        #: The base by row numbers, for detection and ranking; not part of the public interface.
        self.rows = Rows(info, arrays)

    @classmethod
    def open(cls, kb: str | PathLike[str] = "default", *, quiet: bool = False) -> KnowledgeBase:
        """Opens a knowledge base.

        Args:
            kb: ``"default"`` for the base that comes with the package, or the folder of another.
            quiet: shows no progress bar while the default base is prepared, which happens once.

        Raises:
            KnowledgeBaseError: the base does not exist or is damaged, or a newer version built it.
        """
        if kb == "default":
            from concept_linker.knowledge_base.embedded import open_base_folder

            path = open_base_folder(quiet=quiet)
        else:
            if not isinstance(kb, str | PathLike) or "\0" in str(kb):
                raise KnowledgeBaseError(
                    f"kb is {kb!r}, expected 'default' or the path of a knowledge base's folder"
                )
            path = Path(kb).absolute()
        return cls(path, *store.open_folder(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return KnowledgeBase.open, (str(self.path),)

    def __repr__(self) -> str:
        return f"KnowledgeBase({str(self.path)!r}, {len(self):,} concepts)"

    def __len__(self) -> int:
        """Returns the number of concepts."""
        return int(self.info.arrays["concept_origins"].shape[0])

    def __contains__(self, concept_id: object) -> bool:
        """Returns whether a concept has this id, in any spelling."""
        return isinstance(concept_id, str) and self.rows.row_of(concept_id) is not None

    def concept(self, concept_id: str) -> Concept:
        """Returns the concept with an id: its CUI, its CURIE, or the id of a source joined in it.

        Raises:
            InputError: the base has no such concept.
        """
        rows = self.rows
        row = rows.row_of(concept_id) if isinstance(concept_id, str) else None
        if row is None:
            raise InputError(
                f"concept {concept_id!r} is not in {self.path}, expected an id such as C0019564"
            )
        columns, arrays = rows.columns, rows.arrays
        begin, end = columns["concept_names"][row : row + 2]
        names = tuple(
            ConceptName(
                rows.names[i], rows.kind(i), self.info.name_sources[columns["name_sources"][i]]
            )
            for i in range(begin, end)
        )
        others = np.flatnonzero(arrays["other_concepts"] == row).tolist()
        has_definitions = "definitions_bytes" in arrays
        return Concept(
            id=rows.ids[row],
            name=names[0].text,
            names=names,
            semantic_types=rows.head(row).semantic_types,
            other_ids=tuple(rows.other_ids.many(others)),
            origin=CuiOrigin(columns["concept_origins"][row]),
            definition=Strings.of(arrays, "definitions")[row] if has_definitions else "",
        )

    def search(self, text: str, *, k: int = 10, min_similarity: float = 0.5) -> list[Candidate]:
        """Returns the k concepts with the names nearest to a text; see :meth:`search_many`.

        The ``score`` of these candidates is their similarity, because no ranker is involved.
        """
        [found] = self.search_many([text], k=k, min_similarity=min_similarity)
        return found

    def search_many(
        self, texts: Iterable[str], *, k: int = 10, min_similarity: float = 0.5
    ) -> list[list[Candidate]]:
        """Returns for each text the k concepts with the nearest names: exact, not approximate.

        Args:
            texts: mentions, in any spelling.
            k: the maximum number of concepts for each text.
            min_similarity: the lowest cosine, 0 to 1; a name exactly at it is included.

        Returns:
            For each text its candidates, by descending similarity.  Among equals, a name that
            equals the text after normalisation comes first, then the shorter key (by the norm of
            its vector, then by bytes). Among names with one key, those that agree with the text in
            case come first, then preferred names, then concepts with lower ids.

        Raises:
            InputError: a text is not a string.
            SettingsError: k is below 1, or min_similarity is outside 0 to 1.
        """
        if k < 1:
            raise SettingsError(f"k is {k}, expected an integer ≥ 1")
        if not 0.0 <= min_similarity <= 1.0:
            raise SettingsError(f"min_similarity is {min_similarity}, expected 0 to 1")
        texts = list(texts)
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise InputError(f"text {number} is a {type(text).__name__}, expected a str")
        distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        near = self.rows.nearest(list(distinct), k=k, min_similarity=min_similarity)
        with no_collection():
            ids, names, types, aliases = self.rows.candidate_columns(near.concepts, near.names)
            similarities = near.similarities
            rows = zip(ids, names, aliases, similarities, similarities, types, strict=True)
            # The same as Candidate(*row), without a Python call for each.
            found: list[Candidate] = list(map(tuple.__new__, repeat(Candidate), rows))
        ends = np.cumsum(near.counts).tolist()
        begins = [0, *ends]
        return [found[begins[i] : ends[i]] for i in map(distinct.__getitem__, texts)]
