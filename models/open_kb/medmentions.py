"""MedMentions TRAIN: how often annotators used a string for a CUI."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES, semantic_groups
from concept_linker.knowledge_base.source import NameKind
from concept_linker.search.normalise import is_symbol

from .recipe import Recipe
from .vocabulary import Vocabulary, key_of

__all__ = ["Usage", "read_usage", "vocabulary_of"]

_EDGES = " \t\n.,;:()[]{}'\"-–/"
_LONGEST = 80
_WEAK_SHARE = 0.2
_SYMBOL_DOCUMENTS = 3
_LEAST_PART = 0.25
_JOINED = re.compile(r"\s+([-–/'’])\s+")
_BEFORE = re.compile(r"\s+([,.;:%)\]])")
_AFTER = re.compile(r"([(\[])\s+")


@dataclass(slots=True)
class Usage:
    """Counts of use.

    Args:
        by_key: normal form of a string → CUI → uses.
        surfaces: CUI → normal form → the string as written → uses.
        types: CUI → TUIs, if an annotation has them.
        documents: (normal form, CUI) → the documents with this use.
    """

    by_key: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    surfaces: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )
    types: dict[str, tuple[str, ...]] = field(default_factory=dict)
    documents: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, text: str, cui: str, document: str) -> None:
        """Counts a mention."""
        text = re.sub(r"\s+", " ", text)
        whole, text = text.strip(), text.strip(_EDGES)
        if text.count("(") != text.count(")"):
            text = whole  # "Ca(2+)" keeps its bracket
        key = key_of(text)
        if not key or len(text) > _LONGEST or len(text) < 2 or text.endswith(" s"):
            return
        if not any(c.isalpha() for c in text):
            return
        self.by_key[key][cui] += 1
        self.documents[key, cui].add(document)
        self.surfaces[cui][key][text] += 1

    def share(self, key: str, cui: str) -> float:
        """Returns the share of a string's uses that are for the CUI."""
        uses = self.by_key.get(key)
        return uses[cui] / uses.total() if uses else 0.0

    def is_common(self, key: str, cui: str, *, least: float = 0.5) -> bool:
        """Returns whether a string has at least ``least`` times the uses of the CUI's main one."""
        written = self.surfaces[cui]
        return written[key].total() >= least * max(uses.total() for uses in written.values())

    def is_written(self, name: str, key: str, cui: str) -> bool:
        """Returns whether a name is used for a CUI exactly, except for case: not in the plural."""
        return any(text.lower() == name for text in self.surfaces[cui][key])

    def groups(self, cui: str) -> frozenset[str]:
        """Returns the semantic groups of a CUI, none if no annotation has its type."""
        return frozenset(semantic_groups(self.types.get(cui, ())))


def _detokenise(tokens: list[str]) -> str:
    """Returns the probable original text of a tokenised mention."""
    text = _JOINED.sub(r"\1", " ".join(tokens)).replace(" 's", "'s")
    return _AFTER.sub(r"\1", _BEFORE.sub(r"\1", text))


def read_usage(recipe: Recipe) -> Usage:
    """Reads both forms of MedMentions TRAIN, each document once.

    The original text has precedence. In tokenised documents, mentions with a bracket are left out,
    because abbreviations are spelled out inside them.
    """
    usage = Usage()
    known: set[str] = set()
    for line in recipe.lines("medmentions_full"):
        if not line:
            continue
        document = json.loads(line)
        known.add(document["pmid"])
        for mention in document["mentions"]:
            usage.add(mention["text"], mention["cui"], document["pmid"])
            types = tuple(tui for tui in mention["types"] if tui in SEMANTIC_TYPES)
            usage.types[mention["cui"]] = types
    for line in recipe.lines("medmentions_st21pv"):
        if not line:
            continue
        document = json.loads(line)
        if document["pmid"] in known:
            continue
        for sentence in document["sentences"]:
            tokens = sentence["tokens"]
            for start, end, cui in sentence["mentions"]:
                text = _detokenise(tokens[start:end])
                if "(" not in text:
                    usage.add(text, cui, document["pmid"])
    return usage


def vocabulary_of(usage: Usage, recipe: Recipe) -> Vocabulary:
    """Returns each annotated CUI with the strings that are good names for it.

    A symbol is kept if three documents use it. Another string is kept if it was used twice for the
    CUI or mostly for it, and is not a rare string of a CUI with better ones.  The most frequent
    full form is preferred; a string with less than a fifth of its uses for the CUI is related.
    """
    info = recipe.info("medmentions_full", "medmentions_st21pv")
    found = Vocabulary(info, "MEDMENTIONS")
    for cui, by_key in sorted(usage.surfaces.items()):
        total = sum(written.total() for written in by_key.values())
        best = max(written.total() * usage.share(key, cui) for key, written in by_key.items())
        ranked: list[tuple[bool, float, int, str, NameKind]] = []
        for key, written in by_key.items():
            count, share = written.total(), usage.share(key, cui)
            if count < 2 and (share < 0.5 or (len(key.split()) > 4 and len(by_key) > 1)):
                continue
            name = min(written, key=lambda text: (-written[text], not text.islower(), text))
            seldom = len(usage.documents[key, cui]) < 2 and written.total() < _LEAST_PART * total
            if seldom and count * share < best:
                continue  # annotators used the nearest general CUI for a special thing
            short = is_symbol(name)
            if short and len(usage.documents[key, cui]) < _SYMBOL_DOCUMENTS:
                continue  # an abbreviation that an abstract defines for itself
            kind = NameKind.ABBREVIATION if short and name.upper() == name else NameKind.SYNONYM
            if share < _WEAK_SHARE:
                kind = NameKind.RELATED
            # Prefer names used often for the CUI and rarely for others: not "region" for Shanghai.
            ranked.append((short, -count * share**0.5, len(name), name, kind))
        if not ranked:
            continue
        ranked.sort()
        names = [(name, kind) for *_, name, kind in ranked]
        names[0] = (names[0][0], NameKind.PREFERRED)
        found.names[cui] = names
        found.types[cui] = usage.types.get(cui, ())
    return found


#: Words that captions put before any concept: a side, a plane, a weighting.
_MODIFIERS = (
    *("left", "right", "bilateral", "axial", "coronal", "sagittal"),
    *("t 1 weighted", "t 2 weighted"),
)


def drop_composed(annotated: Vocabulary, named: set[str]) -> None:
    """Drops strings that consist of a modifier and another concept's name.

    MedMentions links "left hippocampus" to a separate concept.  TRAIN has few such combinations, so
    left and right would link to unrelated concepts, while the caption shows the hippocampus.  Names
    of an ontology, such as "left ventricle", are kept.

    Args:
        annotated: the concepts and names of MedMentions; concepts without a name are removed.
        named: the keys of all names of the ontologies.
    """
    own = {key_of(name) for names in annotated.names.values() for name, _ in names}
    known = named | own

    def composed(name: str) -> bool:
        whole = key_of(name)
        rests = (whole.removeprefix(f"{word} ") for word in _MODIFIERS if whole != word)
        return whole not in named and any(r != whole and r in known for r in rests)

    _keep(annotated, lambda cui, name: not composed(name))


def drop_listed(annotated: Vocabulary, path: Path) -> None:
    """Drops the (CUI, string) pairs of a manual table of wrong annotations."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if line and not line.startswith("#"))
    wrong = {(cui, key_of(name)) for cui, name in rows}
    _keep(annotated, lambda cui, name: (cui, key_of(name)) not in wrong)


def _keep(annotated: Vocabulary, good: Callable[[str, str], bool]) -> None:
    """Keeps good names; the first one is preferred, and CUIs without a name are removed."""
    for cui, names in list(annotated.names.items()):
        kept = [(name, kind) for name, kind in names if good(cui, name)]
        if kept:
            annotated.names[cui] = [(kept[0][0], NameKind.PREFERRED), *kept[1:]]
        else:
            del annotated.names[cui]
