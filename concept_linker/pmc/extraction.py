"""JATS → pairs of an image and a caption, one for each image of each figure.

A figure without a caption, without a graphic or, where images are asked for, without an image is
no pair of image and text; it is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from concept_linker.errors import ArticleError
from concept_linker.pmc.articles import Article, read_articles
from concept_linker.pmc.figures import Figure, Graphic
from concept_linker.pmc.images import ImageFolder, choose_image, image_name_of
from concept_linker.pmc.manifest import MANIFEST, Entry, read_manifest
from concept_linker.pmc.sources import Reject, SourceFile, read_sources
from concept_linker.triplets.provenance import Provenance

__all__ = ["ExtractionSummary", "Pair", "extract"]


class Pair(NamedTuple):
    """An image and the figure that it is of, and where they come from."""

    article: Article
    figure: Figure
    graphic: Graphic
    image: str
    provenance: Provenance


@dataclass
class ExtractionSummary:
    """What was read.

    Args:
        articles: how many.
        figures: theirs, without images too.
        records: how many were made of them.
        spans: how many concepts these have.
        left_out: reason → how many graphics, or figures without any.
        rejected: files that could not be read, and figures that make no record.
    """

    articles: int = 0
    figures: int = 0
    records: int = 0
    spans: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    rejected: int = 0


class _Article(NamedTuple):
    """An article, and what is known of its file."""

    article: Article
    entry: Entry | None


def extract(
    sources: Iterable[Path],
    summary: ExtractionSummary,
    reject: Reject,
    *,
    images: Path | None = None,
) -> Iterator[Pair]:
    """Reads articles one after the other, in constant memory.

    Args:
        sources: folders, archives, files; of a fetched folder what its manifest names.
        summary: is counted up.
        reject: told of each file that cannot be read, and why.
        images: a folder of images; without one an image is ``PMC<id>/<href>.jpg``.
    """
    folder = ImageFolder(images) if images else None
    for source in sources:
        for article, entry in _articles(source, reject):
            summary.articles += 1
            yield from _pairs(article, entry, folder, summary)


def _articles(source: Path, reject: Reject) -> Iterator[_Article]:
    if (source / MANIFEST).is_file():
        files: Iterable[tuple[SourceFile, Entry | None]] = _fetched(source, reject)
    else:
        files = ((file, None) for file in read_sources([source], reject))
    for file, entry in files:
        try:
            # All of a file or nothing of it.
            articles = list(read_articles(file.data, file.name))
        except ArticleError as error:
            reject(file.name, str(error))
            continue
        for article in articles:
            yield _Article(article, entry)


def _fetched(folder: Path, reject: Reject) -> Iterator[tuple[SourceFile, Entry]]:
    """The articles of a fetched folder; of several lines about one, the last counts."""
    last = {entry.pmcid: number for number, entry in enumerate(read_manifest(folder))}
    for number, entry in enumerate(read_manifest(folder)):
        if last[entry.pmcid] != number or entry.outcome != "fetched":
            continue
        for name in entry.files:
            if name.endswith(".xml"):
                place = f"{entry.folder}/{name}"
                try:
                    yield SourceFile(place, (folder / place).read_bytes()), entry
                except OSError as error:
                    reject(place, error.strerror or str(error))


def _pairs(
    article: Article, entry: Entry | None, folder: ImageFolder | None, summary: ExtractionSummary
) -> Iterator[Pair]:
    provenance = _provenance(article, entry)
    fetched = {name.lower(): name for name in entry.images} if entry else None
    for figure in article.figures:
        summary.figures += 1
        if not figure.caption or not figure.graphics:
            summary.left_out["no graphic" if figure.caption else "no caption"] += 1
            continue
        for graphic in figure.graphics:
            image: str | None
            if folder:
                image = folder.find(article.pmc, provenance.version, graphic.href)
            elif entry and fetched is not None:
                name = choose_image(graphic.href, fetched)
                image = name and f"{entry.folder}/{name}"
            else:
                name = image_name_of(graphic.href)
                image = name and f"{_folder_of(article)}{name}"
            if image:
                yield Pair(article, figure, graphic, image, provenance)
            else:
                summary.left_out["no image"] += 1


def _folder_of(article: Article) -> str:
    if not article.pmc:
        return ""
    version = "" if article.version is None else f".{article.version}"
    return f"PMC{article.pmc}{version}/"


def _provenance(article: Article, entry: Entry | None) -> Provenance:
    ours = Provenance(
        pmcid=f"PMC{article.pmc}" if article.pmc else "",
        version=article.version,
        licence=article.licence,
    )
    if entry is None:
        return ours
    return replace(
        ours,
        pmcid=entry.pmcid,
        version=entry.version,
        licence=entry.licence,
        source_url=entry.source_url,
        retrieved=entry.retrieved,
    )
