"""Infers equivalences from names and MedMentions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from .medmentions import Usage
from .settle import Joiner, Names

__all__ = ["Evidence", "compatible", "infer_cuis", "join_by_name"]

# Known errors: Taxus, the yew, is also the brand of a stent.
_WRONG = {("MESH:D020946", "C0038257")}
# The decisive name must be used at least this often, relative to the CUI's main string.
_LEAST_PART = 0.25
_PURE = 0.8
_BEST_OF_BOTH = {True: 0.4, False: 0.55}  # preferred name: least share
_NEAR = {
    frozenset(pair)
    for pair in (
        ("PHYS", "PHEN"),
        ("DISO", "PHEN"),
        ("OBJC", "CHEM"),
        ("OBJC", "DEVI"),
        ("ACTI", "PROC"),
        ("CONC", "LIVB"),
        ("DISO", "PHYS"),
    )
}
Groups = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """The evidence for a concept's CUI; greater is better."""

    preferred: bool
    as_written: bool
    uses: int
    purity: float
    id: str
    cui: str
    name: str


def compatible(one: frozenset[str], other: frozenset[str]) -> bool:
    """Returns whether concepts of these semantic groups can be the same."""
    return bool(one & other) or any(frozenset((a, b)) in _NEAR for a in one for b in other)


def _groups_of(joiner: Joiner, groups: Groups, cid: str) -> frozenset[str]:
    return frozenset().union(*(groups.get(member, frozenset()) for member in joiner.members(cid)))


def join_by_name(
    ids: Sequence[str], names: Names, groups: Groups, joiner: Joiner
) -> list[tuple[str, str]]:
    """Joins concepts of different vocabularies with equal names and a compatible semantic group.

    First those with equal preferred names, then those where the preferred name of one is a synonym
    of a single other one.

    Args:
        ids: the concepts, best vocabulary first.
    """
    by_preferred: dict[str, list[str]] = defaultdict(list)
    by_exact: dict[str, list[str]] = defaultdict(list)
    for cid in ids:
        by_preferred[names.preferred[cid]].append(cid)
        for key in names.exact[cid]:
            by_exact[key].append(cid)
    joined = []
    for same in by_preferred.values():
        pairs = combinations(same, 2)
        for first, second in sorted(
            pairs, key=lambda pair: names.written[pair[0]] != names.written[pair[1]]
        ):
            if compatible(groups[first], groups[second]) and joiner.join(first, second):
                joined.append((first, second))
    for cid in ids:
        key = names.preferred[cid]
        if len(key) < 6:
            continue
        root = joiner.find(cid)
        others = {
            joiner.find(other)
            for other in by_exact[key]
            if joiner.find(other) != root and compatible(groups[cid], groups[other])
        }
        if len(others) == 1 and joiner.join(root, other := others.pop()):
            joined.append((root, other))
    return joined


def infer_cuis(
    ids: Sequence[str], names: Names, groups: Groups, usage: Usage, joiner: Joiner
) -> list[Evidence]:
    """Infers the CUIs of concepts from the uses of their names in MedMentions TRAIN.

    A name counts if at least 80 % of its uses are for one CUI of the concept's group. 40 % (55 %
    for a synonym) are enough if the name is a common one of the CUI and used for it twice as often
    as for any other CUI of the group.  A single use is enough for a name of several words, or for
    a preferred name if an annotation has the CUI's type.  If none has it, the name must be a common
    one of the CUI, and genes are left out.
    """
    found = []
    for cid in ids:
        if joiner.cui(cid) is not None:
            continue
        own = _groups_of(joiner, groups, cid)
        exact = set().union(*(names.exact[member] for member in joiner.members(cid)))
        written = {names.preferred[one]: names.written[one] for one in joiner.members(cid)}
        for key in sorted(exact):
            evidence = _judge(cid, key, written.get(key), own, usage)
            if evidence is not None and (cid, evidence.cui) not in _WRONG:
                found.append(evidence)
    accepted = []
    for evidence in sorted(found, reverse=True):
        if joiner.join(evidence.id, evidence.cui):
            accepted.append(evidence)
    return accepted


def _judge(
    cid: str, key: str, written: str | None, own: frozenset[str], usage: Usage
) -> Evidence | None:
    uses = usage.by_key.get(key)
    if not uses:
        return None
    preferred = written is not None
    fitting = {}
    for cui, count in uses.items():
        known = usage.groups(cui)
        likely = preferred or " " in key or count >= 5
        likely = likely and (count > 1 or " " in key or len(usage.surfaces[cui]) == 1)
        untyped = not known and likely and "GENE" not in own and usage.is_common(key, cui)
        if untyped or compatible(own, known):
            fitting[cui] = count
    if not fitting:
        return None
    cui = max(fitting, key=lambda one: (fitting[one], one))
    purity = fitting[cui] / uses.total()
    second = max((count for other, count in fitting.items() if other != cui), default=0)
    mutual = usage.is_common(key, cui) and fitting[cui] >= 2 * second
    if not usage.is_common(key, cui, least=_LEAST_PART):
        return None  # annotators gave a special thing the nearest general CUI
    long_name = len(key) >= 8 and (" " in key or (preferred and mutual))
    sure = preferred and len(key) >= 5 and bool(usage.groups(cui))
    if fitting[cui] < (1 if long_name or sure else 2):
        return None
    if purity < (_BEST_OF_BOTH[preferred] if mutual else _PURE):
        return None
    as_written = written is not None and usage.is_written(written, key, cui)
    return Evidence(preferred, as_written, fitting[cui], round(purity, 3), cid, cui, key)
