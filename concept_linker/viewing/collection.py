"""What a page shows of files of records: captions, their spans, and the concepts of these."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, cast

from concept_linker.errors import SettingsError
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.semantic_types import semantic_group
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.conversion import repair
from concept_linker.triplets.json_lines import Progress
from concept_linker.triplets.reading import read_all
from concept_linker.triplets.record import (
    EQUAL_SIMILARITY,
    PROVENANCE,
    SPAN_DETAILS,
    SPANS,
    Record,
)
from concept_linker.triplets.record_files import Given, common_name, find_records

__all__ = [
    "Collection",
    "Comparison",
    "RecordView",
    "Span",
    "compare",
    "read_collection",
]

_NUMBERS = ("probability", "score")


class Comparison(IntEnum):
    """How a span relates to the spans of the other annotation of its caption."""

    SAME = 0  # one has the same characters and the same concept
    BOUNDARY = 1  # an overlapping span has the same concept
    CONCEPT = 2  # the overlapping spans have other concepts
    ALONE = 3  # no span overlaps


class Span(NamedTuple):
    """A mention in a caption.

    Args:
        start: its first character, in code points.
        end: one past its last character.
        cui: its concept.
        similarity: of mention and name, 0 to 1.
        comparison: how it relates to the other annotation.
        probability: that something is mentioned here; ``None`` if the file does not say.
        score: the probability of the concept, given the mention; ``None`` if the file does not say.
    """

    start: int
    end: int
    cui: str
    similarity: float
    comparison: Comparison = Comparison.SAME
    probability: float | None = None
    score: float | None = None


@dataclass(slots=True)
class RecordView:
    """What a page shows of one record.

    Args:
        caption: its caption.
        image: the path of its image in the folder of images.
        spans: its spans; they index the caption.
        label: the figure's label.
        pmc: the article's PMC id, without the letters.
        licence: the licence in its provenance.
        others: the spans of the other annotation; ``None`` if nothing is compared.
        image_bytes: the image, if the file holds it and it was requested.
    """

    caption: str
    image: str
    spans: list[Span]
    label: str = ""
    pmc: str = ""
    licence: str = ""
    others: list[Span] | None = None
    image_bytes: bytes | None = None

    def all_spans(self) -> list[Span]:
        """The spans of both annotations."""
        return [*self.spans, *(self.others or ())]


@dataclass(slots=True)
class Collection:
    """Records, with the names and groups of their concepts.

    Args:
        sources: the names of the files, one or two.
        records: the records.
        names: CUI → preferred name, for the concepts of the knowledge base.
        groups: CUI → semantic group, likewise.
        bad: number of rows left out because they are not good records.
        unpaired: number of records left out because only one of two files has them.
        more: whether the file has more records than the limit.
    """

    sources: list[str]
    records: list[RecordView] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    bad: int = 0
    unpaired: int = 0
    more: bool = False

    def all_spans(self) -> Iterator[Span]:
        """The spans of all records, of both annotations."""
        for record in self.records:
            yield from record.all_spans()


def read_collection(
    given: Given,
    *,
    against: Given | None = None,
    kb: str | None = "default",
    limit: int,
    images: bool = False,
    progress: Progress | None = None,
) -> Collection:
    """Reads the records for a page.

    Args:
        given: full records; see :func:`~concept_linker.triplets.record_files.find_records`.
        against: another annotation of the same captions; records pair by image and caption.
        kb: the knowledge base with the concepts' names and groups, or ``None``.
        limit: the largest number of records to read.
        images: include the bytes of images that are in the file.
        progress: called with the number of bytes read since the last call.

    Raises:
        SettingsError: the limit is below 1.
        SourceError: a file is damaged.
        KnowledgeBaseError: the base cannot be opened.
    """
    if limit < 1:
        raise SettingsError(f"limit is {limit}, expected an integer ≥ 1")
    files = find_records(given)
    other_files = [] if against is None else find_records(against)
    found = Collection([common_name(one) for one in (files, other_files) if one])
    others: dict[tuple[str, str], deque[list[Span]]] = defaultdict(deque)
    if against is not None:
        for one in _read(other_files, found, images=False, progress=progress):
            others[one.image, one.caption].append(one.spans)
    for one in _read(files, found, images=images, progress=progress):
        if against is not None:
            same = others.get((one.image, one.caption))
            if not same:
                found.unpaired += 1
                continue
            one.spans, one.others = compare(one.spans, same.popleft())
        if len(found.records) == limit:
            found.more = True
            break
        found.records.append(one)
    if not found.more:
        found.unpaired += sum(map(len, others.values()))
    if kb is not None:
        _name_concepts(found, kb)
    return found


def _read(
    files: list[Path], found: Collection, *, images: bool, progress: Progress | None
) -> Iterator[RecordView]:
    checker = Checker(Rules(form="full", other_keys=True, images=False))
    for _, _, row in read_all(
        files, checker=checker, images=images, details=True, lenient=True, progress=progress
    ):
        if isinstance(row, BadRow):
            found.bad += 1
        else:
            yield _view(row)


def _view(row: dict[str, Any]) -> RecordView:
    # With the numbers in the spans they stay together, even if repair() leaves a span out.
    for span, numbers in zip(row[SPANS], _numbers(row), strict=True):
        span.update(numbers)
    record, _ = repair(cast(Record, row))
    about = row.get(PROVENANCE) or {}
    return RecordView(
        caption=record["caption"],
        image=record["image"],
        spans=[
            Span(
                span["start_char"],
                span["end_char"],
                span["umls_cui"],
                1.0 if span["umls_similarity"] >= EQUAL_SIMILARITY else span["umls_similarity"],
                probability=span["probability"],
                score=span["score"],
            )
            for span in cast(list[dict[str, Any]], record[SPANS])
        ],
        label=record["fig_label"],
        pmc=record["pmc"],
        licence=about.get("licence") or "",
        image_bytes=row.get("image_bytes"),
    )


def _numbers(row: dict[str, Any]) -> list[dict[str, float | None]]:
    """The probability and the score of each span, from the row's span details.

    A number that is missing, or not a share, in one of the details is ``None`` in all.
    """
    spans, details = row[SPANS], row.get(SPAN_DETAILS)
    numbers: list[dict[str, float | None]] = [dict.fromkeys(_NUMBERS) for _ in spans]
    if type(details) is list and len(details) == len(spans):
        for name in _NUMBERS:
            values = [one.get(name) if type(one) is dict else None for one in details]
            if all(type(value) is float and 0.0 <= value <= 1.0 for value in values):
                for one, value in zip(numbers, values, strict=True):
                    one[name] = value
    return numbers


def compare(spans: list[Span], others: list[Span]) -> tuple[list[Span], list[Span]]:
    """Compares two annotations of one caption; returns both with their comparisons set."""
    return _compared(spans, others), _compared(others, spans)


def _compared(spans: Iterable[Span], others: list[Span]) -> list[Span]:
    return [span._replace(comparison=_comparison(span, others)) for span in spans]


def _comparison(span: Span, others: list[Span]) -> Comparison:
    comparison = Comparison.ALONE
    for other in others:
        if other.start >= span.end or span.start >= other.end:
            continue
        if other[:3] == span[:3]:
            return Comparison.SAME
        kind = Comparison.BOUNDARY if other.cui == span.cui else Comparison.CONCEPT
        comparison = min(comparison, kind)
    return comparison


def _name_concepts(found: Collection, kb: str) -> None:
    base = KnowledgeBase.open(kb)
    for cui in {span.cui for span in found.all_spans()}:
        if cui in base:
            concept = base.concept(cui)
            found.names[cui] = concept.name
            found.groups[cui] = semantic_group(concept.semantic_types)
