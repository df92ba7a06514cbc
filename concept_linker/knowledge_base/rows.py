"""A knowledge base by row numbers: what detection and ranking use in place of values.

Concepts and names are numbered by their rows in the base's arrays. Row numbers are cheap, but mean
nothing outside this base and may differ after the next build, so they are not part of the public
interface; :class:`~concept_linker.knowledge_base.base.KnowledgeBase` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.knowledge_base.identity import NameKind, canonical_id
from concept_linker.knowledge_base.store import Manifest
from concept_linker.knowledge_base.strings import Strings
from concept_linker.search.index import ARRAYS as INDEX_ARRAYS
from concept_linker.search.index import Hits, KeyIndex
from concept_linker.search.normalise import case_agrees, keys

__all__ = ["Head", "Match", "Nearest", "Rows"]


class Head(NamedTuple):
    """What a candidate shows of its concept."""

    id: str
    name: str
    semantic_types: tuple[str, ...]


class Match(NamedTuple):
    """A concept found by one of its names, as row numbers."""

    concept: int
    name: int


class Nearest(NamedTuple):
    """The nearest concepts of several texts, one text after the other.

    Args:
        counts: int64, the number of concepts of each text.
        concepts, names: their row numbers.
        similarities: their cosines.
    """

    counts: NDArray[np.int64]
    concepts: list[int]
    names: list[int]
    similarities: list[float]


class _Columns(dict[str, Any]):
    """Views of arrays by name, made on first use: indexing one is faster than an array."""

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        super().__init__()
        self._arrays = arrays

    def __missing__(self, name: str) -> Any:
        self[name] = memoryview(self._arrays[name])
        return self[name]


class Rows:
    """The rows of a base; safe to use from several threads.

    Args:
        manifest: the base's manifest.
        arrays: its arrays by name, which :mod:`~concept_linker.knowledge_base.store` describes.
    """

    def __init__(self, manifest: Manifest, arrays: Mapping[str, Any]) -> None:
        self.arrays = arrays
        self.columns = _Columns(arrays)
        self._types = manifest.types
        #: Returns the :class:`Head` of a concept, given its row.
        self.head = lru_cache(maxsize=1 << 16)(self._read_head)

    # The following are made on first use, because that is when their arrays are checked.

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
        """Returns a name, given its row."""
        return lru_cache(maxsize=1 << 16)(self.names.__getitem__)

    @cached_property
    def names(self) -> Strings:
        """All names."""
        return Strings.of(self.arrays, "names")

    @cached_property
    def ids(self) -> Strings:
        """The id of each concept, ascending."""
        return Strings.of(self.arrays, "concept_ids")

    @cached_property
    def other_ids(self) -> Strings:
        """All other ids of concepts, ascending."""
        return Strings.of(self.arrays, "other_ids")

    def row_of(self, concept_id: str) -> int | None:
        """Returns the row of the concept with this id, in any spelling, or ``None``."""
        concept_id = canonical_id(concept_id)
        row = self.ids.find(concept_id)
        if row is None and (other := self.other_ids.find(concept_id)) is not None:
            row = self.columns["other_concepts"][other]
        return row

    def kind(self, name: int) -> NameKind:
        """Returns the kind of a name, given its row."""
        return NameKind(self.columns["name_kinds"][name])

    def case_agrees(self, text: str, name: int) -> bool:
        """Returns whether the case of a text agrees with a name, given the name's row."""
        is_symbol = self.columns["name_kinds"][name] == NameKind.ABBREVIATION
        return case_agrees(text, self.name(name), symbol=is_symbol)

    def _read_head(self, row: int) -> Head:
        begin, end = self.columns["concept_types_offsets"][row : row + 2]
        types = self.columns["concept_types_values"][begin:end]
        name = self.names[self.columns["concept_names"][row]]
        return Head(self.ids[row], name, tuple(self._types[i] for i in types))

    def candidate_columns(
        self, concepts: Sequence[int], names: Sequence[int]
    ) -> tuple[list[str], list[str], list[tuple[str, ...]], list[str]]:
        """Returns what candidates show, column by column.

        Args:
            concepts, names: equally many rows.

        Returns:
            The concepts' ids, their preferred names and semantic types; and the names.
        """
        # No Python call and no dictionary lookup per candidate, only per distinct row.
        rows, which = np.unique(np.array(concepts, np.int64), return_inverse=True)
        heads = list(map(self.head, rows.tolist()))
        ids, preferred, types = (
            np.fromiter(column, object, rows.size)[which].tolist()
            for column in (zip(*heads, strict=True) if heads else ((), (), ()))
        )
        rows, which = np.unique(np.array(names, np.int64), return_inverse=True)
        aliases = np.fromiter(self.names.many(rows.tolist()), object, rows.size)
        return ids, preferred, types, aliases[which].tolist()

    def find(self, text: str) -> list[Match]:
        """Returns the concepts with a name that equals the text after normalisation, each once.

        Names that agree with the text in case come first, then preferred names, then lower rows.
        """
        return self._equal(text, [self.index.find(one) for one in keys(text)])

    def _equal(self, text: str, key_ids: Iterable[int | None]) -> list[Match]:
        """Returns the concepts with a name that has one of these keys, which are the text's."""
        found: dict[int, Match] = {}
        concepts = self.columns["name_concepts"]
        for key_id in key_ids:
            if key_id is not None and key_id >= 0:
                for name in self._names_of_key(key_id, text):
                    found.setdefault(concepts[name], Match(concepts[name], name))
        return list(found.values())

    def _names_of_key(self, key_id: int, text: str) -> Sequence[int]:
        begin, end = self.columns["key_names_offsets"][key_id : key_id + 2]
        names: list[int] = self.columns["key_names_values"][begin:end].tolist()
        if len(names) > 1:
            names.sort(key=lambda name: not case_agrees(text, self.name(name)))
        return names

    def nearest(self, texts: Sequence[str], *, k: int, min_similarity: float) -> Nearest:
        """Returns the k concepts with the names nearest to each text.

        This is :meth:`.KnowledgeBase.search_many` without its checks.

        Args:
            texts: distinct texts.
            k: the maximum number of concepts of each.
            min_similarity: the lowest cosine, 0 to 1.
        """
        forms = [keys(text) for text in texts]
        hits = self.index.search_many(forms, k=k, min_similarity=min_similarity)
        filled = np.arange(hits.places.shape[1]) < hits.counts[:, None]
        concepts = hits.concepts[filled].tolist()
        names = self.arrays["key_names_values"][hits.places[filled]].tolist()
        ends = np.cumsum(hits.counts).tolist()
        begins = [0, *ends]
        for (text, begin, end), key_ids in zip(
            zip(texts, begins, ends, strict=False), self._shared_keys(forms, hits), strict=True
        ):
            if key_ids:  # the text's case decides which of several equal names comes first
                equal = {match.concept: match.name for match in self._equal(text, key_ids)}
                others = dict(zip(concepts[begin:end], names[begin:end], strict=True))
                ordered = {**equal, **{c: n for c, n in others.items() if c not in equal}}
                concepts[begin:end] = list(ordered)[: end - begin]
                names[begin:end] = list(ordered.values())[: end - begin]
        return Nearest(hits.counts, concepts, names, hits.similarities[filled].tolist())

    def _shared_keys(self, forms: list[tuple[str, ...]], hits: Hits) -> Iterator[list[int]]:
        """Yields each text's keys in the index; none where they lead to a single name."""
        key_ids = hits.exact.tolist()
        offsets = self.columns["key_names_offsets"]
        begin = 0
        for form in forms:
            known = [key_id for key_id in key_ids[begin : begin + len(form)] if key_id >= 0]
            begin += len(form)
            several = sum(offsets[key_id + 1] - offsets[key_id] for key_id in known) > 1
            yield known if several else []
