"""Lists of articles to fetch: PMCIDs, and the articles that records name."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from concept_linker.errors import InputError
from concept_linker.pmc.compression import DAMAGED, decompress
from concept_linker.pmc.figures import image_ending
from concept_linker.pmc.safe_xml import shortened

__all__ = [
    "ArticleList",
    "graphic_of_record",
    "parse_article_list",
    "parse_pmcid",
    "read_article_list",
]

#: PMCID → the graphics to fetch; ``None`` means those of all figures.
ArticleList = dict[str, frozenset[str] | None]

_PMCID = re.compile(r"(?:PMC)?(\d{1,12})(?:\.\d+)?", re.IGNORECASE)
_PMCID_IN_PATH = re.compile(r"(?:^|[/_])PMC(\d{1,12})(?=[./_]|$)", re.IGNORECASE)


def parse_pmcid(written: str) -> str:
    """Parses a PMCID; a version after it is dropped.

    >>> parse_pmcid("pmc11370360.2"), parse_pmcid("11370360")
    ('PMC11370360', 'PMC11370360')

    Raises:
        InputError: the text is not a PMCID.
    """
    match = _PMCID.fullmatch(written.strip())
    if not match or not int(match[1]):
        raise InputError(f"{shortened(written)!r} is not a PMCID, expected e.g. PMC11370360")
    return f"PMC{int(match[1])}"


def parse_article_list(lines: Iterable[str], name: str) -> ArticleList:
    """Parses a list: one PMCID a line, or the first column of a table; ``#`` starts a comment.

    Args:
        lines: the list.
        name: its name in messages.

    Raises:
        InputError: a line is not a PMCID; the header of a table is skipped.
    """
    articles: ArticleList = {}
    for number, line in enumerate(lines, start=1):
        row = line.removeprefix("\ufeff").partition("#")[0]
        first = re.split(r"[\t,;]", row)[0].strip(' "\r\n')
        if not first or (number == 1 and first.lower() in ("pmcid", "pmc", "pmc_id")):
            continue
        try:
            articles[parse_pmcid(first)] = None
        except InputError as error:
            raise InputError(f"{name}, line {number}: {error}") from None
    return articles


def graphic_of_record(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """Returns the article and the graphic that a record names, or ``None``.

    The article is in ``pmc`` or in the path of ``image``; the graphic is ``href``, or the file name
    in such a path.
    """
    image = record.get("image")
    path = image if isinstance(image, str) else ""
    match = _PMCID_IN_PATH.search(path)
    pmc, href = record.get("pmc"), record.get("href")
    if isinstance(pmc, str | int) and _PMCID.fullmatch(str(pmc)):
        pmcid = parse_pmcid(str(pmc))
    elif match:
        pmcid = f"PMC{int(match[1])}"
    else:
        return None
    if isinstance(href, str) and href:
        return pmcid, href
    if match and (name := path[match.end() :].rpartition("/")[2]):
        return pmcid, name.lstrip("._").removesuffix(image_ending(name))
    return None


def read_article_list(path: Path) -> ArticleList:
    """Reads a list from a file, plain or compressed.

    Raises:
        InputError: the file does not exist or is damaged, or a line is not a PMCID.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected a list of PMCIDs")
    with path.open("rb") as file:
        lines = io.TextIOWrapper(decompress(file), encoding="utf-8", errors="replace")
        try:
            return parse_article_list(lines, str(path))
        except DAMAGED as error:
            raise InputError(f"{path}: cannot be read, or is damaged: {error}") from None
