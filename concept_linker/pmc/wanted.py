"""Which articles to fetch: PMCIDs as they are written, and what existing records name."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from concept_linker.errors import InputError
from concept_linker.pmc.figures import image_ending
from concept_linker.pmc.packing import DAMAGED, unpacked
from concept_linker.pmc.safe_xml import shortened

__all__ = [
    "Wanted",
    "graphic_of_record",
    "ids_of_file",
    "parse_pmcid",
    "wanted_by_ids",
]

#: PMCID → the graphics that are wanted of the article; ``None`` is those of all its figures.
Wanted = dict[str, frozenset[str] | None]

_PMCID = re.compile(r"(?:PMC)?(\d{1,12})(?:\.\d+)?", re.IGNORECASE)
_PMCID_IN_PATH = re.compile(r"(?:^|[/_])PMC(\d{1,12})(?=[./_]|$)", re.IGNORECASE)


def parse_pmcid(written: str) -> str:
    """A PMCID in its usual form; a version behind it is dropped.

    >>> parse_pmcid("pmc11370360.2"), parse_pmcid("11370360")
    ('PMC11370360', 'PMC11370360')

    Raises:
        InputError: none.
    """
    match = _PMCID.fullmatch(written.strip())
    if not match or not int(match[1]):
        raise InputError(f"{shortened(written)!r} is no PMCID, wanted such as PMC11370360")
    return f"PMC{int(match[1])}"


def wanted_by_ids(lines: Iterable[str], name: str) -> Wanted:
    """Articles by a list: one PMCID a line, or the first column of a table; ``#`` begins a remark.

    Args:
        lines: the list.
        name: what an error calls it.

    Raises:
        InputError: a line that is no PMCID; a table's head is passed over.
    """
    wanted: Wanted = {}
    for number, line in enumerate(lines, start=1):
        row = line.removeprefix("\ufeff").partition("#")[0]
        first = re.split(r"[\t,;]", row)[0].strip(' "\r\n')
        if not first or (number == 1 and first.lower() in ("pmcid", "pmc", "pmc_id")):
            continue
        try:
            wanted[parse_pmcid(first)] = None
        except InputError as error:
            raise InputError(f"{name}, line {number}: {error}") from None
    return wanted


def graphic_of_record(record: Mapping[str, Any]) -> tuple[str, str] | None:
    """The article and the graphic of a record, or ``None`` where it does not tell.

    The article is in ``pmc`` or in the path of ``image``; the graphic is ``href``, or the name of
    ``image`` in such a path.
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


def ids_of_file(path: Path) -> Wanted:
    """Articles by a file that lists them, packed or not.

    Raises:
        InputError: no such file, a damaged one, or a line that is no PMCID.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; wanted a list of PMCIDs")
    with path.open("rb") as file:
        lines = io.TextIOWrapper(unpacked(file), encoding="utf-8", errors="replace")
        try:
            return wanted_by_ids(lines, str(path))
        except DAMAGED as error:
            raise InputError(f"{path}: cannot be read, or is damaged: {error}") from None
