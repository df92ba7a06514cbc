"""Matches published records with the images that were fetched for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concept_linker.errors import InputError
from concept_linker.knowledge_base.source import Quarantine
from concept_linker.pmc.article_lists import ArticleList, graphic_of_record
from concept_linker.pmc.image_files import choose_image
from concept_linker.pmc.manifest import Entry, read_manifest
from concept_linker.triplets.breach import BadRow, Breach
from concept_linker.triplets.json_lines import parse_line, read_lines
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.reading import is_parquet
from concept_linker.triplets.record import PROVENANCE
from concept_linker.triplets.record_files import quarantine_path, side_car
from concept_linker.triplets.writing import open_writer

__all__ = ["RebuildSummary", "articles_of_records", "rebuild"]


@dataclass
class RebuildSummary:
    """The counts of a rebuild.

    Args:
        rows: rows read.
        written: records with an image, written to ``records.jsonl``.
        without_image: records whose article or image was not fetched.
        unidentified: records that do not name their article and graphic.
        bad: rows that are not records.
    """

    rows: int = 0
    written: int = 0
    without_image: int = 0
    unidentified: int = 0
    bad: int = 0


def articles_of_records(path: Path) -> ArticleList:
    """Returns the articles and graphics that records name.

    Args:
        path: JSON Lines (plain, gzip, zstd) or Parquet.

    Raises:
        InputError: the file does not exist, or no record in it names its article.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file, expected records")
    graphics: dict[str, set[str]] = {}
    for row in _rows(path):
        if isinstance(row, dict) and (graphic := graphic_of_record(row)):
            graphics.setdefault(graphic[0], set()).add(graphic[1])
    if not graphics:
        raise InputError(
            f"{path}: no record names its article and graphic, expected keys pmc and href, or image"
        )
    return {pmcid: frozenset(hrefs) for pmcid, hrefs in graphics.items()}


def rebuild(path: Path, folder: Path) -> RebuildSummary:
    """Writes the records whose image was fetched into ``records.jsonl`` of the folder.

    Their order and keys stay; ``image`` becomes the path in the folder.

    Args:
        path: the records.
        folder: the folder that was fetched for them.

    Raises:
        InputError: the manifest cannot be read.
        OSError: a file cannot be read or written.
    """
    output = folder / "records.jsonl"
    entries = {one.pmcid: one for one in read_manifest(folder) if one.outcome == "fetched"}
    summary = RebuildSummary()
    bad = Quarantine(quarantine_path(output))
    with open_writer(output, provenance=True) as writer:
        quarantine_path(output).unlink(missing_ok=True)
        for number, row in enumerate(_rows(path), start=1):
            summary.rows += 1
            if isinstance(row, BadRow):
                summary.bad += 1
                bad.bad(path, number, str(row), row=row.text)
                continue
            graphic = graphic_of_record(row)
            entry = entries.get(graphic[0]) if graphic else None
            image = _image(entry, graphic[1]) if entry and graphic else None
            if graphic is None:
                summary.unidentified += 1
            elif entry is None or image is None:
                summary.without_image += 1
            else:
                writer.write({**row, "image": image, PROVENANCE: _provenance(row, entry)})
                summary.written += 1
    return summary


def _rows(path: Path) -> Iterator[dict[str, Any] | BadRow]:
    """Yields the rows; only ``records validate`` checks the rules of records."""
    if is_parquet(path):
        from concept_linker.triplets.parquet_files import read_rows

        yield from read_rows(path)
        return
    provenance = read_lines(side_car(path)) if side_car(path).is_file() else None
    for line in read_lines(path):
        row = parse_line(line, lenient=True)
        if provenance is not None and (more := next(provenance, None)) and isinstance(row, dict):
            known = parse_line(more)
            if isinstance(known, dict):
                row[PROVENANCE] = known
        if not isinstance(row, dict | BadRow):
            reason = f"is {type(row).__name__}, expected an object"
            row = BadRow((Breach("record", reason),))
        yield row


def _image(entry: Entry, href: str) -> str | None:
    name = choose_image(href, {one.lower(): one for one in entry.images})
    return name and f"{entry.folder}/{name}"


def _provenance(row: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """Returns the provenance of a row, with the article's from the fetch."""
    known = Provenance.from_dict(row.get(PROVENANCE) or {}).to_dict()
    return {
        **known,
        "pmcid": entry.pmcid,
        "version": entry.version,
        "licence": entry.licence,
        "source_url": entry.source_url,
        "retrieved": entry.retrieved,
    }
