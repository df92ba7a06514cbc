"""What goes wrong, sorted, with examples to read.

With gold mentions given, a mention is one of:

- *right*: its first candidate is right, and linked;
- *not in the base*: the base has none of its concepts, so nothing could be right;
- *no candidate*: the right concept is not among the candidates;
- *wrong concept*: it is, but another stands before it;
- *not linked*: it is the first, but its score is too low to link.

End to end, a mention (of either side) is one of:

- *right*: same place, same concept;
- *not in the base*: as above, whatever the system did with it;
- *wrong concept*: same place, another concept or none;
- *boundary*: another place that overlaps, right concept;
- *boundary and concept*: another place that overlaps, another concept or none;
- *missed*: nothing of the system's overlaps it;
- *spurious*: a linked mention of the system's that overlaps nothing.

Mentions without an id are passed over; what the system puts on one is not spurious.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from concept_linker.annotation import Candidate, Mention
from concept_linker.corpora.gold import GoldCorpus, GoldDocument
from concept_linker.corpora.id_resolution import ConceptIds
from concept_linker.evaluation.matching import Found, Marked, overlap, overlapping

__all__ = ["Mistake", "Mistakes", "sort_found", "sort_linked"]

_EXAMPLES = 20
_AROUND = 40  # characters of context on either side


@dataclass(frozen=True, slots=True)
class Mistake:
    """One example.

    Args:
        kind: as the module lists them.
        document: the id of its document.
        before: the text before the mention.
        mention: the mention's characters.
        after: the text behind it.
        gold: the concepts that it means; empty for a spurious one.
        given: the concept that the system gave, with its name; empty for none.
        score: of the concept given.
    """

    kind: str
    document: str
    before: str
    mention: str
    after: str
    gold: tuple[str, ...]
    given: str
    score: float

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "gold": list(self.gold), "score": round(self.score, 6)}


@dataclass(frozen=True, slots=True)
class Mistakes:
    """How many of each kind there are, ``right`` included, and examples of the others."""

    counts: dict[str, int]
    examples: tuple[Mistake, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"counts": self.counts, "examples": [one.to_dict() for one in self.examples]}


def sort_linked(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Mistakes:
    """Sorts gold mentions as a system linked them."""
    return _collect(_linked(corpus, linked, ids))


def _linked(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Iterator[Mistake]:
    for document, mentions in zip(corpus.documents, linked, strict=True):
        for gold, mention in zip(document.mentions, mentions, strict=True):
            right = ids.of(gold)
            if not right:
                continue
            places = [ids.spelled(c.concept_id) in right for c in mention.candidates]
            if True in places and places[0]:
                kind = "right" if mention.best else "not linked"
            elif not any(map(ids.in_base, right)):
                kind = "not in the base"
            else:
                kind = "wrong concept" if True in places else "no candidate"
            first = mention.candidates[0] if mention.candidates else None
            yield _mistake(kind, document, gold.start, gold.end, right, first)


def sort_found(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Mistakes:
    """Sorts gold mentions and those that a system found."""
    return _collect(
        one
        for document, mentions in zip(corpus.documents, linked, strict=True)
        for one in _found(document, mentions, ids)
    )


def _found(
    document: GoldDocument, mentions: Sequence[Mention], ids: ConceptIds
) -> Iterator[Mistake]:
    marked = [Marked(m.start, m.end, ids.of(m)) for m in document.mentions]
    found = {
        Found(m.start, m.end, ids.spelled(m.best.concept_id) if m.best else None): m.best
        for m in mentions
    }
    near: dict[Marked, list[Found]] = {gold: [] for gold in marked}
    touched: set[Found] = set()
    for gold, mention in overlapping(near, found):
        near[gold].append(mention)
        touched.add(mention)
    for gold in marked:
        if gold.concepts:
            kind, given = _kind(gold, near[gold], ids)
            best = found[given] if given else None
            yield _mistake(kind, document, gold.start, gold.end, gold.concepts, best)
    for mention, best in found.items():
        if best is not None and mention not in touched:
            yield _mistake("spurious", document, mention.start, mention.end, frozenset(), best)


def _kind(gold: Marked, near: list[Found], ids: ConceptIds) -> tuple[str, Found | None]:
    """What became of a gold mention, and the system's mention that says most of it."""

    def worth(mention: Found) -> tuple[bool, bool, int, int, str]:
        same = (mention.start, mention.end) == (gold.start, gold.end)
        right = mention.concept in gold.concepts
        return same, right, overlap(gold, mention), -mention.start, mention.concept or ""

    best = max(near, key=worth, default=None)
    if best is not None and worth(best)[:2] == (True, True):
        return "right", best
    if not any(map(ids.in_base, gold.concepts)):
        return "not in the base", best
    if best is None:
        return "missed", None
    if worth(best)[0]:
        return "wrong concept", best
    right = [mention for mention in near if mention.concept in gold.concepts]
    if right:
        return "boundary", max(right, key=worth)
    return "boundary and concept", best


def _mistake(
    kind: str,
    document: GoldDocument,
    start: int,
    end: int,
    right: frozenset[str],
    given: Candidate | None,
) -> Mistake:
    text = document.text
    return Mistake(
        kind,
        document.id,
        text[max(0, start - _AROUND) : start],
        text[start:end],
        text[end : end + _AROUND],
        tuple(sorted(right)),
        f"{given.concept_id} {given.name}" if given else "",
        given.score if given else 0.0,
    )


def _collect(sorted_mentions: Iterable[Mistake]) -> Mistakes:
    """Counts, and of each kind the most frequent strings, one example each."""
    counts: Counter[str] = Counter()
    strings: dict[str, Counter[str]] = {}
    first: dict[tuple[str, str], Mistake] = {}
    for one in sorted_mentions:
        counts[one.kind] += 1
        if one.kind != "right":
            string = one.mention.casefold()
            strings.setdefault(one.kind, Counter())[string] += 1
            first.setdefault((one.kind, string), one)
    ordered = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    examples = [
        first[kind, string]
        for kind in ordered
        if kind in strings
        for string, _ in strings[kind].most_common(_EXAMPLES)
    ]
    return Mistakes(ordered, tuple(examples))
