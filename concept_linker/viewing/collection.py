"""What a page shows of a file of records: captions, their spans, and what the concepts are."""

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
from concept_linker.triplets.checking import PROVENANCE, Checker, Rules
from concept_linker.triplets.finding import Given, find_records, label
from concept_linker.triplets.lines import BadRow, Progress
from concept_linker.triplets.record import SPAN_DETAILS, SPANS, Record
from concept_linker.triplets.repairing import repair
from concept_linker.triplets.streams import has_images, read_all

__all__ = ["Collection", "Seen", "Span", "Standing", "compare", "has_images", "read_collection"]

#: Published similarities that stand for equal are up to two float32 steps below 1.
_EQUAL = 1.0 - 2**-22
#: The key of the score beside a span.
_SCORE = "score"


class Standing(IntEnum):
    """How a span stands to those of the other annotation of its caption."""

    SAME = 0  # one has the same characters and concept
    BOUNDARY = 1  # one that overlaps has the same concept
    CONCEPT = 2  # those that overlap have other concepts
    ALONE = 3  # none overlaps


class Span(NamedTuple):
    """A mention in a caption, in code points; ``score`` is ``None`` where the file has none."""

    start: int
    end: int
    cui: str
    similarity: float
    standing: Standing = Standing.SAME
    score: float | None = None


@dataclass(slots=True)
class Seen:
    """One record as it is shown.

    Args:
        caption: its caption.
        image: its image's path in the folder of images.
        spans: its spans; they index the caption.
        label: the figure's label.
        pmc: the article's PMC id, without the letters.
        licence: as the provenance has it.
        others: the spans of the other annotation; ``None`` where nothing is compared.
        image_bytes: the image, where the file holds it and it was asked for.
    """

    caption: str
    image: str
    spans: list[Span]
    label: str = ""
    pmc: str = ""
    licence: str = ""
    others: list[Span] | None = None
    image_bytes: bytes | None = None


@dataclass(slots=True)
class Collection:
    """Records, and the names and groups of their concepts.

    Args:
        sources: the names of the files, one or two.
        records: the records.
        names: CUI → preferred name, for those that the knowledge base has.
        groups: CUI → semantic group, likewise.
        bad: rows left out because they are no good records.
        unpaired: records left out because only one of two files has them.
        more: whether the file has more records than were asked for.
    """

    sources: list[str]
    records: list[Seen] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    bad: int = 0
    unpaired: int = 0
    more: bool = False


def read_collection(
    given: Given,
    *,
    against: Given | None = None,
    kb: str | None = "default",
    limit: int,
    images: bool = False,
    progress: Progress | None = None,
) -> Collection:
    """Reads records to be shown.

    Args:
        given: full records, as for :func:`~concept_linker.triplets.finding.find_records`.
        against: another annotation of the same captions; records pair by image and caption.
        kb: the knowledge base that knows the concepts' names and groups, or ``None``.
        limit: no more than so many records.
        images: take along the bytes of images that are in the file.
        progress: told how many bytes have been read.

    Raises:
        SettingsError: a limit below 1.
        SourceError: a file is damaged.
        KnowledgeBaseError: the base cannot be opened.
    """
    if limit < 1:
        raise SettingsError(f"limit is {limit}, wanted at least 1")
    files = find_records(given)
    theirs = [] if against is None else find_records(against)
    found = Collection([label(one) for one in (files, theirs) if one])
    others: dict[tuple[str, str], deque[list[Span]]] = defaultdict(deque)
    if against is not None:
        for one in _read(theirs, found, images=False, progress=progress):
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
) -> Iterator[Seen]:
    checker = Checker(Rules(form="full", other_keys=True, images=False))
    for _, _, row in read_all(
        files, checker=checker, images=images, details=True, mend=True, progress=progress
    ):
        if isinstance(row, BadRow):
            found.bad += 1
        else:
            yield _seen(row)


def _seen(row: dict[str, Any]) -> Seen:
    scores = _scores(row)
    for span, score in zip(row[SPANS], scores, strict=True):
        span[_SCORE] = score  # so that it goes with its span, wherever that is placed
    record, _ = repair(cast(Record, row))
    about = row.get(PROVENANCE) or {}
    return Seen(
        caption=record["caption"],
        image=record["image"],
        spans=[
            Span(
                span["start_char"],
                span["end_char"],
                span["umls_cui"],
                1.0 if span["umls_similarity"] >= _EQUAL else span["umls_similarity"],
                score=span[_SCORE],
            )
            for span in cast(list[dict[str, Any]], record[SPANS])
        ],
        label=record["fig_label"],
        pmc=record["pmc"],
        licence=about.get("licence") or "",
        image_bytes=row.get("image_bytes"),
    )


def _scores(row: dict[str, Any]) -> list[float | None]:
    """What the column beside the record says of each span, if it says so of all."""
    spans, details = row[SPANS], row.get(SPAN_DETAILS)
    if type(details) is list and len(details) == len(spans):
        scores = [one.get(_SCORE) if type(one) is dict else None for one in details]
        if all(type(score) is float and 0.0 <= score <= 1.0 for score in scores):
            return scores
    return [None] * len(spans)


def compare(ours: list[Span], theirs: list[Span]) -> tuple[list[Span], list[Span]]:
    """Two annotations of one caption, each span with its standing to the other's."""
    return _stand(ours, theirs), _stand(theirs, ours)


def _stand(spans: Iterable[Span], others: list[Span]) -> list[Span]:
    return [span._replace(standing=_standing(span, others)) for span in spans]


def _standing(span: Span, others: list[Span]) -> Standing:
    standing = Standing.ALONE
    for other in others:
        if other.start >= span.end or span.start >= other.end:
            continue
        if other[:3] == span[:3]:
            return Standing.SAME
        kind = Standing.BOUNDARY if other.cui == span.cui else Standing.CONCEPT
        standing = min(standing, kind)
    return standing


def _name_concepts(found: Collection, kb: str) -> None:
    base = KnowledgeBase.open(kb)
    cuis = {
        span.cui
        for one in found.records
        for spans in (one.spans, one.others)
        for span in spans or ()
    }
    for cui in cuis:
        if cui in base:
            concept = base.concept(cui)
            found.names[cui] = concept.name
            found.groups[cui] = semantic_group(concept.semantic_types)
