"""A vocabulary while the recipe changes its names, types and links."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from concept_linker.knowledge_base.semantic_types import semantic_groups
from concept_linker.knowledge_base.source import NameKind, SourceInfo, SourceTables
from concept_linker.search.normalise import is_symbol, keys

from .hygiene import clean, natural

__all__ = ["Vocabulary", "key_of"]


def key_of(name: str) -> str:
    """Returns the normal form for comparing names, without UMLS-style inversion."""
    found = keys(name)
    return found[0] if found else ""


@dataclass(slots=True)
class Vocabulary:
    """One vocabulary.

    Args:
        info: where it comes from.
        tag: its short name, the source of each name.
        names: id → names, the preferred one first.
        types: id → TUIs.
        links: equivalences that the source asserts, as (id, other id).
        same_as: equivalences that the recipe accepts or infers, as (id, other id, asserted).
    """

    info: SourceInfo
    tag: str
    names: dict[str, list[tuple[str, NameKind]]] = field(default_factory=dict)
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)
    same_as: list[tuple[str, str, bool]] = field(default_factory=list)

    def add(
        self,
        concept_id: str,
        preferred: str,
        *,
        synonyms: Sequence[str] = (),
        abbreviations: Iterable[str] = (),
        related: Iterable[str] = (),
        types: Iterable[str] = (),
    ) -> bool:
        """Adds a concept with cleaned names, without duplicates; returns false if it has none.

        Of names that differ only in inversion, plural or case, the first is kept, but a readable
        one (``squamous cell carcinoma``) before an inverted one (``Carcinoma, Squamous Cell``).
        """
        kept: list[tuple[str, NameKind]] = []
        seen: set[str] = set()
        head = preferred
        if ", " in preferred:
            readable = {key_of(name) for name in synonyms if ", " not in name}
            if key_of(preferred) in readable:
                head = " ".join(reversed(preferred.split(", ")))
        groups = (
            (NameKind.PREFERRED, [head]),
            (NameKind.SYNONYM, natural(synonyms)),
            (NameKind.ABBREVIATION, abbreviations),
            (NameKind.RELATED, natural(related)),
        )
        for kind, group in groups:
            for raw in group:
                for name in clean(raw):
                    key = key_of(name)
                    if not key or key in seen:
                        continue
                    seen.add(key)
                    short = kind is NameKind.SYNONYM and is_symbol(name) and name.upper() == name
                    kept.append((name, NameKind.ABBREVIATION if short else kind))
        if not kept:
            return False
        if kept[0][1] is not NameKind.PREFERRED:
            if kept[0][1] is NameKind.RELATED:
                return False
            kept[0] = (kept[0][0], NameKind.PREFERRED)
        self.names[concept_id] = kept
        self.types[concept_id] = tuple(dict.fromkeys(types))
        return True

    def groups(self, concept_id: str) -> frozenset[str]:
        """Returns the semantic groups of a concept."""
        return frozenset(semantic_groups(self.types.get(concept_id, ())))

    def tables(self) -> SourceTables:
        """Returns the tables for the build."""
        return SourceTables.from_rows(
            self.info,
            names=[
                (cid, name, int(kind), self.tag)
                for cid, names in self.names.items()
                for name, kind in names
            ],
            types=[(cid, tui) for cid, types in self.types.items() for tui in types],
            same_as=self.same_as,
        )
