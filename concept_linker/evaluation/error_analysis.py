"""Classifies errors, with examples to read.

With gold mentions given, a mention is one of:

- *right*: its first candidate is right and linked;
- *not in the base*: the knowledge base has none of its concepts, so no answer could be right;
- *no candidate*: no right concept is among the candidates;
- *wrong concept*: a right concept is among the candidates but not the first;
- *not linked*: the first candidate is right, but its score is below the threshold.

End to end, a mention of the corpus or of the system is one of:

- *right*: same span, same concept;
- *not in the base*: as above, whatever the system answers;
- *wrong concept*: same span, another concept or none;
- *boundary*: an overlapping span, right concept;
- *boundary and concept*: an overlapping span, another concept or none;
- *missed*: no mention of the system overlaps it;
- *spurious*: a linked mention of the system that overlaps no gold mention.

Gold mentions without an id are skipped; a mention that the system finds there is not spurious.
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

__all__ = ["ErrorAnalysis", "LinkingError", "analyse_end_to_end", "analyse_gold_mentions"]

_EXAMPLES = 20
_CONTEXT = 40  # characters on either side


@dataclass(frozen=True, slots=True)
class LinkingError:
    """One example of an error.

    Args:
        kind: one of the kinds that the module lists.
        document: the id of the document.
        before: the text before the mention.
        mention: the text of the mention.
        after: the text after it.
        gold: the right concepts; empty for a spurious mention.
        given: the system's concept with its name; empty for none.
        score: the score of that concept.
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
        """Returns plain JSON values."""
        return {**asdict(self), "gold": list(self.gold), "score": round(self.score, 6)}


@dataclass(frozen=True, slots=True)
class ErrorAnalysis:
    """The number of mentions of each kind, ``right`` included, and examples of the errors."""

    counts: dict[str, int]
    examples: tuple[LinkingError, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"counts": self.counts, "examples": [one.to_dict() for one in self.examples]}


def analyse_gold_mentions(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> ErrorAnalysis:
    """Classifies the gold mentions that a system linked."""
    return _collect(_linked(corpus, linked, ids))


def _linked(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> Iterator[LinkingError]:
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
            yield _example(kind, document, gold.start, gold.end, right, first)


def analyse_end_to_end(
    corpus: GoldCorpus, linked: Sequence[Sequence[Mention]], ids: ConceptIds
) -> ErrorAnalysis:
    """Classifies the gold mentions and the mentions that a system found."""
    return _collect(
        one
        for document, mentions in zip(corpus.documents, linked, strict=True)
        for one in _found(document, mentions, ids)
    )


def _found(
    document: GoldDocument, mentions: Sequence[Mention], ids: ConceptIds
) -> Iterator[LinkingError]:
    marked = [Marked(m.start, m.end, ids.of(m)) for m in document.mentions]
    found = {
        Found(m.start, m.end, ids.spelled(m.best.concept_id) if m.best else None): m.best
        for m in mentions
    }
    near: dict[Marked, list[Found]] = {gold: [] for gold in marked}
    overlapped: set[Found] = set()
    for gold, mention in overlapping(near, found):
        near[gold].append(mention)
        overlapped.add(mention)
    for gold in marked:
        if gold.concepts:
            kind, given = _kind(gold, near[gold], ids)
            best = found[given] if given else None
            yield _example(kind, document, gold.start, gold.end, gold.concepts, best)
    for mention, best in found.items():
        if best is not None and mention not in overlapped:
            yield _example("spurious", document, mention.start, mention.end, frozenset(), best)


def _kind(gold: Marked, near: list[Found], ids: ConceptIds) -> tuple[str, Found | None]:
    """Returns the kind of a gold mention, and the system's mention that fits it best."""

    def fit(mention: Found) -> tuple[bool, bool, int, int, str]:
        same = (mention.start, mention.end) == (gold.start, gold.end)
        right = mention.concept in gold.concepts
        return same, right, overlap(gold, mention), -mention.start, mention.concept or ""

    best = max(near, key=fit, default=None)
    if best is not None and fit(best)[:2] == (True, True):
        return "right", best
    if not any(map(ids.in_base, gold.concepts)):
        return "not in the base", best
    if best is None:
        return "missed", None
    if fit(best)[0]:
        return "wrong concept", best
    right = [mention for mention in near if mention.concept in gold.concepts]
    if right:
        return "boundary", max(right, key=fit)
    return "boundary and concept", best


def _example(
    kind: str,
    document: GoldDocument,
    start: int,
    end: int,
    right: frozenset[str],
    given: Candidate | None,
) -> LinkingError:
    text = document.text
    return LinkingError(
        kind,
        document.id,
        text[max(0, start - _CONTEXT) : start],
        text[start:end],
        text[end : end + _CONTEXT],
        tuple(sorted(right)),
        f"{given.concept_id} {given.name}" if given else "",
        given.score if given else 0.0,
    )


def _collect(classified: Iterable[LinkingError]) -> ErrorAnalysis:
    """Counts the kinds; keeps one example of each of the most frequent strings."""
    counts: Counter[str] = Counter()
    strings: dict[str, Counter[str]] = {}
    first: dict[tuple[str, str], LinkingError] = {}
    for one in classified:
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
    return ErrorAnalysis(ordered, tuple(examples))
