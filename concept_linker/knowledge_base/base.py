"""The knowledge base as the rest of the library sees it: concepts by id, candidates by text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import repeat
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from concept_linker.annotation import Candidate
from concept_linker.errors import InputError, KnowledgeBaseError, SettingsError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.concept import Concept, ConceptName
from concept_linker.knowledge_base.identity import CuiOrigin, NameKind, canonical_id
from concept_linker.knowledge_base.strings import Strings
from concept_linker.runtime.garbage import no_collection
from concept_linker.search.index import ARRAYS as INDEX_ARRAYS
from concept_linker.search.index import Hits, KeyIndex
from concept_linker.search.normalise import case_agrees, keys

__all__ = ["Concept", "ConceptName", "KnowledgeBase", "Match"]

_T = TypeVar("_T")


class Match(NamedTuple):
    """A concept found for a text: row numbers of the base, which are valid for this base only."""

    concept: int
    name: int
    similarity: float


class Nearest(NamedTuple):
    """The nearest concepts of some texts, one text after the other.

    Args:
        counts: how many each text has.
        concepts, names: their row numbers.
        similarities: their cosines.
    """

    counts: NDArray[np.int64]
    concepts: list[int]
    names: list[int]
    similarities: list[float]


class _Columns(dict[str, Any]):
    """Views of arrays by name, made when they are first asked for: quicker to index than arrays."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        super().__init__()
        self._arrays = arrays

    def __missing__(self, name: str) -> Any:
        self[name] = memoryview(self._arrays[name])
        return self[name]


class KnowledgeBase:
    """A memory-mapped knowledge base; opens in milliseconds, and processes share its pages.

    Made by :meth:`open`.  Safe to use from several threads, and picklable: only its path travels.
    """

    def __init__(self, path: Path, manifest: store.Manifest, arrays: Mapping[str, Any]) -> None:
        self.path = path
        self.manifest = manifest
        #: The flat arrays by name; what they hold is said in :mod:`.store`.
        self.arrays = arrays
        self._columns = _Columns(arrays)
        #: Id, preferred name and semantic types of a concept, given its row number.
        self.head = lru_cache(maxsize=1 << 16)(self._read_head)

    # What follows is made when it is first asked for: then its arrays are checked.

    @cached_property
    def index(self) -> KeyIndex:
        """The index of the names' keys."""
        arrays = self.arrays
        return KeyIndex(
            {name: arrays[name] for name in INDEX_ARRAYS},
            (arrays["key_names_offsets"], arrays["key_names_values"], arrays["name_concepts"]),
        )

    @cached_property
    def name(self) -> Callable[[int], str]:
        """A name, given its row number."""
        return lru_cache(maxsize=1 << 16)(self._names.__getitem__)

    @cached_property
    def _ids(self) -> Strings:
        return Strings.of(self.arrays, "concept_ids")

    @cached_property
    def _names(self) -> Strings:
        return Strings.of(self.arrays, "names")

    @cached_property
    def _other_ids(self) -> Strings:
        return Strings.of(self.arrays, "other_ids")

    @cached_property
    def _definitions(self) -> Strings | None:
        known = "definitions_bytes" in self.arrays
        return Strings.of(self.arrays, "definitions") if known else None

    @classmethod
    def open(cls, kb: str | PathLike[str] = "default", *, quiet: bool = False) -> KnowledgeBase:
        """Opens a base.

        Args:
            kb: ``"default"`` for the base that comes with the package, or the folder of one.
            quiet: no progress bar, where the open base's index must first be derived.

        Raises:
            KnowledgeBaseError: there is none, it is damaged, or made by a newer version.
        """
        if kb == "default":
            from concept_linker.knowledge_base.embedded import open_base_folder

            path = open_base_folder(quiet=quiet)
        else:
            if not isinstance(kb, str | PathLike) or "\0" in str(kb):
                raise KnowledgeBaseError(
                    f"knowledge base {kb!r}: wanted 'default' or the path of a folder"
                )
            path = Path(kb).absolute()
        return cls(path, *store.open_folder(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return KnowledgeBase.open, (str(self.path),)

    def __repr__(self) -> str:
        return f"KnowledgeBase({str(self.path)!r}, {len(self):,} concepts)"

    def __len__(self) -> int:
        return int(self.manifest.arrays["concept_origins"].shape[0])

    def __contains__(self, concept_id: object) -> bool:
        return isinstance(concept_id, str) and self._row(concept_id) is not None

    def _row(self, concept_id: str) -> int | None:
        concept_id = canonical_id(concept_id)
        row = self._ids.find(concept_id)
        if row is None and (other := self._other_ids.find(concept_id)) is not None:
            row = self._columns["other_concepts"][other]
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
        others = np.flatnonzero(self.arrays["other_concepts"] == row).tolist()
        return Concept(
            id=self._ids[row],
            name=names[0].text,
            names=names,
            semantic_types=self.head(row)[2],
            other_ids=tuple(self._other_ids.many(others)),
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
        return self.head(match.concept)[0]

    def semantic_types(self, match: Match) -> tuple[str, ...]:
        """The semantic types of the concept matched."""
        return self.head(match.concept)[2]

    def kind(self, match: Match) -> NameKind:
        """How the name matched stands to its concept."""
        return NameKind(self._columns["name_kinds"][match.name])

    def alias(self, match: Match) -> str:
        """The name matched."""
        return self.name(match.name)

    def preferred_name(self, concept: int) -> int:
        """The row number of a concept's preferred name, given the concept's."""
        return int(self._columns["concept_names"][concept])

    def name_count(self, concept: int) -> int:
        """How many names a concept has, given its row number."""
        begin, end = self._columns["concept_names"][concept : concept + 2]
        return int(end - begin)

    def row_of(self, concept_id: str) -> int | None:
        """The row number of the concept with an id, any that is joined in it, or ``None``."""
        return self._row(concept_id)

    def candidate(self, match: Match, *, score: float) -> Candidate:
        """The match as a value that stands on its own."""
        concept_id, name, types = self.head(match.concept)
        return Candidate(
            concept_id=concept_id,
            name=name,
            alias=self.name(match.name),
            similarity=match.similarity,
            score=score,
            semantic_types=types,
        )

    def find(self, text: str) -> list[Match]:
        """The concepts with a name that equals the text after normalisation, each once.

        Those whose name agrees in case come first, then preferred names, then lower ids.
        """
        return self._equal(text, [self.index.find(one) for one in keys(text)])

    def _equal(self, text: str, key_ids: Iterable[int | None]) -> list[Match]:
        """The concepts with a name that has one of the text's keys, which are given by id."""
        found: dict[int, Match] = {}
        concepts = self._columns["name_concepts"]
        for key_id in key_ids:
            if key_id is not None and key_id >= 0:
                for name in self._names_of_key(key_id, text):
                    found.setdefault(concepts[name], Match(concepts[name], name, 1.0))
        return list(found.values())

    def _names_of_key(self, key_id: int, text: str) -> Sequence[int]:
        """The rows of the names with a key, which is one of the text's."""
        begin, end = self._columns["key_names_offsets"][key_id : key_id + 2]
        names: list[int] = self._columns["key_names_values"][begin:end].tolist()
        if len(names) > 1:
            names.sort(key=lambda name: not case_agrees(text, self.name(name)))
        return names

    def own_id(self, concept_id: str) -> str | None:
        """The base's own id of a concept, given any id joined in it, or ``None``."""
        row = self._row(concept_id)
        return None if row is None else self._ids[row]

    def search(self, text: str, *, k: int = 10, min_similarity: float = 0.7) -> list[Candidate]:
        """The k concepts with the names nearest to a text; see :meth:`search_many`.

        The ``score`` of these candidates is their similarity: no ranker has seen them.
        """
        [found] = self.search_many([text], k=k, min_similarity=min_similarity)
        return found

    def search_many(
        self, texts: Iterable[str], *, k: int = 30, min_similarity: float = 0.5
    ) -> list[list[Candidate]]:
        """For each text the k concepts with the nearest names: exact, not approximate.

        Args:
            texts: mentions, in any spelling.
            k: at most so many concepts each.
            min_similarity: the least cosine, 0 to 1, met by a concept that is exactly at it.

        Returns:
            For each text its candidates.  The higher similarity comes first; of equals, a name
            that equals the text after normalisation; then the shorter key (by the norm of its
            vector, then by bytes); of names with one key, as :meth:`find` orders them.

        Raises:
            InputError: something that is no string.
            SettingsError: k below 1 or a threshold outside 0 to 1.
        """
        return self._each(texts, k, min_similarity, self._candidates)

    def match_many(
        self, texts: Iterable[str], *, k: int, min_similarity: float
    ) -> list[list[Match]]:
        """As :meth:`search_many`, as row numbers."""
        return self._each(texts, k, min_similarity, lambda columns: list(map(Match, *columns)))

    def _candidates(self, columns: tuple[list[int], list[int], list[float]]) -> list[Candidate]:
        concepts, names, similarities = columns
        ids, preferred, types, aliases = self.words_of(concepts, names)
        rows = zip(ids, preferred, aliases, similarities, similarities, types, strict=True)
        # What Candidate(*row) does, without a Python call for each.
        return list(map(tuple.__new__, repeat(Candidate), rows))

    def words_of(
        self, concepts: Sequence[int], names: Sequence[int]
    ) -> tuple[list[str], list[str], list[tuple[str, ...]], list[str]]:
        """Ids, preferred names and semantic types of concepts, and the names, given by rows."""
        # Column by column: nothing in here is a Python call, or a look into a dictionary, for each.
        rows, which = np.unique(np.array(concepts, np.int64), return_inverse=True)
        heads = list(map(self.head, rows.tolist()))
        ids, preferred, types = (
            np.fromiter(column, object, rows.size)[which].tolist()
            for column in (zip(*heads, strict=True) if heads else ((), (), ()))
        )
        rows, which = np.unique(np.array(names, np.int64), return_inverse=True)
        aliases = np.fromiter(self._names.many(rows.tolist()), object, rows.size)
        return ids, preferred, types, aliases[which].tolist()

    def _each(
        self,
        texts: Iterable[str],
        k: int,
        min_similarity: float,
        values: Callable[[tuple[list[int], list[int], list[float]]], list[_T]],
    ) -> list[list[_T]]:
        """The answers of :meth:`search_many`, made by ``values`` of concepts, names, cosines."""
        if k < 1:
            raise SettingsError(f"k is {k}, wanted at least 1")
        if not 0.0 <= min_similarity <= 1.0:
            raise SettingsError(f"min_similarity is {min_similarity}, wanted 0 to 1")
        texts = list(texts)
        for text in texts:
            if not isinstance(text, str):
                raise InputError(f"a text to search is {type(text).__name__}, wanted str")
        distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        near = self.nearest(list(distinct), k=k, min_similarity=min_similarity)
        with no_collection():
            found = values((near.concepts, near.names, near.similarities))
        ends = np.cumsum(near.counts).tolist()
        begins = [0, *ends]
        return [found[begins[i] : ends[i]] for i in map(distinct.__getitem__, texts)]

    def nearest(self, texts: Sequence[str], *, k: int, min_similarity: float) -> Nearest:
        """As :meth:`search_many`, as columns of row numbers; nothing is checked.

        Args:
            texts: distinct.
            k, min_similarity: see :meth:`search_many`.
        """
        forms = [keys(text) for text in texts]
        hits = self.index.search_many(forms, k=k, min_similarity=min_similarity)
        filled = np.arange(hits.places.shape[1]) < hits.counts[:, None]
        concepts = hits.concepts[filled].tolist()
        names = self.arrays["key_names_values"][hits.places[filled]].tolist()
        ends = np.cumsum(hits.counts).tolist()
        begins = [0, *ends]
        for (text, begin, end), key_ids in zip(
            zip(texts, begins, ends, strict=False), self._equal_keys(forms, hits), strict=True
        ):
            if key_ids:  # which of several equal names comes first depends on the text's case
                equal = {match.concept: match.name for match in self._equal(text, key_ids)}
                others = dict(zip(concepts[begin:end], names[begin:end], strict=True))
                ordered = {**equal, **{c: n for c, n in others.items() if c not in equal}}
                concepts[begin:end] = list(ordered)[: end - begin]
                names[begin:end] = list(ordered.values())[: end - begin]
        return Nearest(hits.counts, concepts, names, hits.similarities[filled].tolist())

    def _equal_keys(self, forms: list[tuple[str, ...]], hits: Hits) -> Iterator[list[int]]:
        """For each text the keys equal to its own, or none where only one name has them."""
        key_ids = hits.exact.tolist()
        offsets = self._columns["key_names_offsets"]
        begin = 0
        for form in forms:
            own = [key_id for key_id in key_ids[begin : begin + len(form)] if key_id >= 0]
            begin += len(form)
            several = sum(offsets[key_id + 1] - offsets[key_id] for key_id in own) > 1
            yield own if several else []
