"""Final corrections of known concepts: weak names are removed, missing types added."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.knowledge_base.source import NameKind

from .infer import Groups, compatible
from .settle import Joiner
from .vocabulary import Vocabulary, key_of

__all__ = ["settle_names", "settle_types", "type_by_name"]


def settle_names(vocabularies: Iterable[Vocabulary], joiner: Joiner, groups: Groups) -> None:
    """Removes or weakens names that are another concept's preferred name.

    A related name is removed; a synonym becomes related if the other concept's group fits.
    """
    vocabularies = list(vocabularies)
    owners: dict[str, set[str]] = defaultdict(set)
    for vocabulary in vocabularies:
        for cid, names in vocabulary.names.items():
            owners[key_of(names[0][0])].add(cid)
    for vocabulary in vocabularies:
        for cid, names in vocabulary.names.items():
            root = joiner.find(cid)
            kept = names[:1]
            for name, kind in names[1:]:
                rivals = owners.get(key_of(name), ())
                others = [other for other in rivals if joiner.find(other) != root]
                if others and len(others) == len(rivals):
                    if kind is NameKind.RELATED:
                        continue
                    fitting = (compatible(groups[cid], groups[other]) for other in others)
                    if kind is NameKind.SYNONYM and any(fitting):
                        kind = NameKind.RELATED
                kept.append((name, kind))
            vocabulary.names[cid] = kept


def settle_types(vocabularies: Sequence[Vocabulary], joiner: Joiner) -> None:
    """Keeps the types from one source per concept: the annotated CUI's, else the first's."""
    done: set[str] = set()
    for vocabulary in (vocabularies[-1], *vocabularies[:-1]):
        for cid, types in vocabulary.types.items():
            if not types:
                continue
            root = joiner.find(cid)
            if root in done:
                vocabulary.types[cid] = ()
            done.add(root)


def type_by_name(
    target: Vocabulary, vocabularies: Sequence[Vocabulary], joiner: Joiner
) -> Counter[str]:
    """Gives types to concepts of ``target`` without one, by names of other concepts.

    The type comes from a concept with the same name, or else with the same last two words or the
    same last word, if a sufficient share of at least three such concepts has one type.

    Returns:
        The number of typed concepts by rule.
    """
    endings: dict[str, Counter[str]] = defaultdict(Counter)
    whole: dict[str, Counter[str]] = defaultdict(Counter)
    typed_roots: set[str] = set()
    for vocabulary in (target, *vocabularies):
        for cid, names in vocabulary.names.items():
            types = vocabulary.types.get(cid)
            if not types:
                continue
            typed_roots.add(joiner.find(cid))
            weight = 1 if vocabulary is not target else 3
            for name, kind in names:
                if kind is NameKind.RELATED:
                    continue
                key = key_of(name)
                whole[key][types[0]] += weight
                words = key.split()
                endings[" ".join(words[-2:])][types[0]] += weight
                endings[words[-1] if words else ""][types[0]] += weight
    outcome: Counter[str] = Counter()
    for cid, names in target.names.items():
        if target.types.get(cid) or joiner.find(cid) in typed_roots:
            continue
        guess, how = _guess([key_of(name) for name, _ in names[:3]], whole, endings)
        outcome[how] += 1
        if guess is not None:
            target.types[cid] = (guess,)
    return outcome


# ST21pv does not annotate these groups, so its CUIs do not belong to them.
_OUTSIDE = frozenset(("GEOG", "OCCU"))


def _guess(
    keys: Sequence[str], whole: dict[str, Counter[str]], endings: dict[str, Counter[str]]
) -> tuple[str | None, str]:
    for key in keys:
        if whole.get(key):
            return whole[key].most_common(1)[0][0], "whole name"
    for size, least in ((2, 0.5), (1, 0.5), (1, 0.3)):
        for key in keys:
            words = key.split()
            counts = endings.get(" ".join(words[-size:]))
            if not counts or counts.total() < 3:
                continue
            tui, count = counts.most_common(1)[0]
            if count > least * counts.total() and semantic_group([tui]) not in _OUTSIDE:
                return tui, f"last {size} words"
    return None, "none"
