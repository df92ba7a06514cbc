"""Pairs of an image and its caption, as evaluation needs them: out of records, one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.reading import read_all
from concept_linker.triplets.record import SPANS
from concept_linker.triplets.record_files import Given, find_records

__all__ = ["Pair", "read_pairs"]

#: Called with the row and the reason where a row is not a pair.
Refuse = Callable[[int, str], None]

_PMC = re.compile(r"(?<![A-Za-z])PMC(\d+)")


class Pair(NamedTuple):
    """An image and its caption.

    Args:
        row: where it stands in its file, or in all of its files together, from 1.
        image: the image's path, as the record has it.
        caption: as the record has it.
        article: what must not be torn apart: ``PMC…``, or ``PMID…`` where that is all there is.
        pmid: ``""`` where there is none.
        figure: the figure's id in the article, or ``""``.
        concepts: the concepts of its spans, in reading order; one that comes twice comes twice.
    """

    row: int
    image: str
    caption: str
    article: str
    pmid: str = ""
    figure: str = ""
    concepts: tuple[str, ...] = ()


def read_pairs(given: Given, refuse: Refuse | None = None) -> Iterator[Pair]:
    """The pairs of files of records, full or minimised, in constant memory.

    The article is the record's ``pmc``, else its ``pmid``, else the ``PMC…`` in the image's path.

    Args:
        given: the files, as for :func:`~concept_linker.triplets.record_files.find_records`; rows
            are numbered through all of them.
        refuse: called with every row that is not a record, has no image or caption, or no known
            article; such a row is left out.

    Raises:
        SourceError: the file is damaged.
        OSError: it cannot be read.
    """
    checker = Checker(Rules(agreement=False, other_keys=True, paths=False))
    rows = read_all(find_records(given), checker=checker, lenient=True)
    for number, (_, _, record) in enumerate(rows, start=1):
        if isinstance(record, BadRow):
            problem = str(record)
        else:
            pair = _pair(number, record)
            if not isinstance(pair, str):
                yield pair
                continue
            problem = pair
        if refuse is not None:
            refuse(number, problem)


def _pair(number: int, record: dict[str, Any]) -> Pair | str:
    image, caption = record["image"], record["caption"]
    for name, value in (("image", image), ("caption", caption)):
        if not value.strip():
            return f"{name}: is empty"
    pmc, pmid = record.get("pmc", ""), record.get("pmid", "")
    found = _PMC.search(image)
    if pmc:
        article = f"PMC{pmc}"
    elif pmid:
        article = f"PMID{pmid}"
    elif found:
        article = f"PMC{found[1]}"
    else:
        return "record: has neither pmc nor pmid, nor PMC… in the path of its image"
    concepts = tuple(span["umls_cui"] for span in record[SPANS] if isinstance(span, dict))
    return Pair(number, image, caption, article, pmid, record.get("fig_id", ""), concepts)
