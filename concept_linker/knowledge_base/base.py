"""The knowledge base as the rest of the library sees it: concepts by id, candidates by text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from concept_linker.annotation import Candidate
from concept_linker.candidates.key_index import ARRAYS as INDEX_ARRAYS
from concept_linker.candidates.key_index import KeyIndex
from concept_linker.candidates.normalise import case_agrees, keys
from concept_linker.errors import InputError, SettingsError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.merge import CuiOrigin
from concept_linker.knowledge_base.source import NameKind, canonical_id
from concept_linker.knowledge_base.strings import Strings

__all__ = ["Concept", "ConceptName", "KnowledgeBase", "Match"]


@dataclass(frozen=True, slots=True)
class ConceptName:
    """One name of a concept, and the vocabulary that gives it."""

    text: str
    kind: NameKind
    source: str


@dataclass(frozen=True, slots=True)
class Concept:
    """All that a base knows of a concept.

    Args:
        id: its CUI, or a CURIE.
        name: its preferred name.
        names: all names, the preferred one first.
        semantic_types: UMLS type unique identifiers, or the sources' own types.
        other_ids: ids of the sources that are joined in it.
        origin: how it comes by its CUI.
        definition: empty where there is none.
    """

    id: str
    name: str
    names: tuple[ConceptName, ...]
    semantic_types: tuple[str, ...]
    other_ids: tuple[str, ...]
    origin: CuiOrigin
    definition: str


class Match(NamedTuple):
    """A concept found for a text: row numbers of the base, which are valid for this base only."""

    concept: int
    name: int
    similarity: float


class KnowledgeBase:
    """A memory-mapped knowledge base; opens in milliseconds, and processes share its pages.

    Made by :meth:`open`.  Safe to use from several threads, and picklable: only its path travels.
    """

    def __init__(self, path: Path, manifest: store.Manifest, arrays: dict[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        self.index = KeyIndex({name: arrays[name] for name in INDEX_ARRAYS})
        self._ids = Strings.of(arrays, "concept_ids")
        self._names = Strings.of(arrays, "names")
        self._other_ids = Strings.of(arrays, "other_ids")
        self._definitions = (
            Strings.of(arrays, "definitions") if "definitions_bytes" in arrays else None
        )
        self._other_concepts = arrays["other_concepts"]
        columns = (
            "concept_origins",
            "concept_types_values",
            "concept_types_offsets",
            "concept_names",
            "name_concepts",
            "name_kinds",
            "name_sources",
            "key_names_values",
            "key_names_offsets",
        )
        self._columns = {name: memoryview(arrays[name]) for name in columns}
        self._head = lru_cache(maxsize=1 << 16)(self._read_head)

    @classmethod
    def open(cls, kb: str | PathLike[str] = "open", *, quiet: bool = False) -> KnowledgeBase:
        """Opens a base.

        Args:
            kb: ``"open"`` for the base that comes with the package, or the folder of one.
            quiet: no progress bar, where the open base's index must first be derived.

        Raises:
            KnowledgeBaseError: there is none, it is damaged, or made by a newer version.
        """
        if kb == "open":
            from concept_linker.knowledge_base.embedded import open_base_folder

            path = open_base_folder(quiet=quiet)
        else:
            path = Path(kb).absolute()
        return cls(path, *store.open_folder(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return KnowledgeBase.open, (str(self.path),)

    def __repr__(self) -> str:
        return f"KnowledgeBase({str(self.path)!r}, {len(self):,} concepts)"

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, concept_id: object) -> bool:
        return isinstance(concept_id, str) and self._row(concept_id) is not None

    def _row(self, concept_id: str) -> int | None:
        concept_id = canonical_id(concept_id)
        row = self._ids.find(concept_id)
        if row is None and (other := self._other_ids.find(concept_id)) is not None:
            row = int(self._other_concepts[other])
        return row

    def concept(self, concept_id: str) -> Concept:
        """The concept with an id: its CUI, its CURIE, or any id joined in it.

        Raises:
            InputError: the base has none.
        """
        row = self._row(concept_id) if isinstance(concept_id, str) else None
        if row is None:
            raise InputError(
                f"concept {concept_id!r}: not in {self.path}; wanted an id such as C0019564"
            )
        columns = self._columns
        begin, end = columns["concept_names"][row : row + 2]
        names = tuple(
            ConceptName(
                self._names[i],
                NameKind(columns["name_kinds"][i]),
                self.manifest.name_sources[columns["name_sources"][i]],
            )
            for i in range(begin, end)
        )
        others = [self._other_ids[i] for i in np.flatnonzero(self._other_concepts == row).tolist()]
        return Concept(
            id=self._ids[row],
            name=names[0].text,
            names=names,
            semantic_types=self._head(row)[2],
            other_ids=tuple(others),
            origin=CuiOrigin(columns["concept_origins"][row]),
            definition=self._definitions[row] if self._definitions else "",
        )

    def _read_head(self, row: int) -> tuple[str, str, tuple[str, ...]]:
        """Id, preferred name and semantic types of a concept."""
        columns = self._columns
        begin, end = columns["concept_types_offsets"][row : row + 2]
        types = columns["concept_types_values"][begin:end]
        return (
            self._ids[row],
            self._names[columns["concept_names"][row]],
            tuple(self.manifest.types[i] for i in types),
        )

    def concept_id(self, match: Match) -> str:
        """The id of the concept matched."""
        return self._head(match.concept)[0]

    def semantic_types(self, match: Match) -> tuple[str, ...]:
        """The semantic types of the concept matched."""
        return self._head(match.concept)[2]

    def kind(self, match: Match) -> NameKind:
        """How the name matched stands to its concept."""
        return NameKind(self._columns["name_kinds"][match.name])

    def alias(self, match: Match) -> str:
        """The name matched."""
        return self._names[match.name]

    def candidate(self, match: Match, *, score: float) -> Candidate:
        """The match as a value that stands on its own."""
        concept_id, name, types = self._head(match.concept)
        return Candidate(
            concept_id=concept_id,
            name=name,
            alias=self._names[match.name],
            similarity=match.similarity,
            score=score,
            semantic_types=types,
        )

    def find(self, text: str) -> list[Match]:
        """The concepts with a name that equals the text after normalisation, each once.

        Those whose name agrees in case come first, then preferred names, then lower ids.
        """
        found: dict[int, Match] = {}
        for one in keys(text):
            key_id = self.index.find(one)
            if key_id is not None:
                for name in self._names_of_key(key_id, text):
                    concept = self._columns["name_concepts"][name]
                    found.setdefault(concept, Match(concept, name, 1.0))
        return list(found.values())

    def _names_of_key(self, key_id: int, text: str | None) -> Sequence[int]:
        """The rows of the names with a key; the text, where given, has that key."""
        begin, end = self._columns["key_names_offsets"][key_id : key_id + 2]
        names = self._columns["key_names_values"][begin:end].tolist()
        if len(names) > 1:
            kinds = self._columns["name_kinds"]
            if text is None:
                names.sort(key=lambda name: (kinds[name], name))
            else:
                names.sort(
                    key=lambda name: (not case_agrees(text, self._names[name]), kinds[name], name)
                )
        return names

    def search(self, text: str, *, k: int = 10, threshold: float = 0.7) -> list[Candidate]:
        """The k concepts with the names nearest to a text; see :meth:`search_many`.

        The ``score`` of these candidates is their similarity: no ranker has seen them.
        """
        [found] = self.search_many([text], k=k, threshold=threshold)
        return found

    def search_many(
        self, texts: Iterable[str], *, k: int = 30, threshold: float = 0.5
    ) -> list[list[Candidate]]:
        """For each text the k concepts with the nearest names: exact, not approximate.

        Args:
            texts: mentions, in any spelling.
            k: at most so many concepts each.
            threshold: the least cosine, 0 to 1, met by a concept that is exactly at it.

        Returns:
            For each text its candidates.  The higher similarity comes first; of equals, a name
            that equals the text after normalisation; then the shorter key (by the norm of its
            vector, then by bytes); of names with one key, as :meth:`find` orders them.

        Raises:
            InputError: something that is no string.
            SettingsError: k below 1 or a threshold outside 0 to 1.
        """
        rows = self.match_many(texts, k=k, threshold=threshold)
        return [[self.candidate(m, score=m.similarity) for m in row] for row in rows]

    def match_many(self, texts: Iterable[str], *, k: int, threshold: float) -> list[list[Match]]:
        """As :meth:`search_many`, as row numbers."""
        if k < 1:
            raise SettingsError(f"k is {k}, wanted at least 1")
        if not 0.0 <= threshold <= 1.0:
            raise SettingsError(f"threshold is {threshold}, wanted 0 to 1")
        texts = list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise InputError(f"a text to search is {type(text).__name__}, wanted str")
        forms = [keys(text) for text in texts]
        wanted = {key: None for form in forms for key in form}
        near: dict[str, list[tuple[int, float]]] = {}
        # A concept has many keys, so that k concepts need more than k keys; how many is not known.
        at_most, pending = 2 * k, list(wanted)
        while pending:
            hits = self.index.search_many(pending, k=at_most, threshold=threshold)
            short = []
            for key, count, ids, cosines in zip(
                pending, hits.counts.tolist(), hits.ids, hits.similarities, strict=True
            ):
                near[key] = list(zip(ids[:count].tolist(), cosines[:count].tolist(), strict=True))
                if count == at_most < len(self.index) and self._concepts(near[key]) < k:
                    short.append(key)
            pending, at_most = short, at_most * 4
        return [self._best(text, form, near, k) for text, form in zip(texts, forms, strict=True)]

    def _concepts(self, near: list[tuple[int, float]]) -> int:
        concepts = self._columns["name_concepts"]
        return len({concepts[n] for key_id, _ in near for n in self._names_of_key(key_id, None)})

    def _best(
        self,
        text: str,
        forms: Sequence[str],
        near: dict[str, list[tuple[int, float]]],
        k: int,
    ) -> list[Match]:
        found: dict[int, Match] = {m.concept: m for m in self.find(text)[:k]}
        hits = near[forms[0]] if forms else []
        if len(forms) > 1:
            hits = sorted((hit for form in forms for hit in near[form]), key=lambda hit: -hit[1])
        concepts = self._columns["name_concepts"]
        for key_id, similarity in hits:
            if len(found) >= k:
                break
            for name in self._names_of_key(key_id, None):
                concept = concepts[name]
                if concept not in found:
                    found[concept] = Match(concept, name, similarity)
                    if len(found) >= k:
                        break
        return list(found.values())
