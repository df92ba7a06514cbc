"""Extracts pairs of an image and a caption from JATS, one for each image of each figure.

Left out and counted are figures without a caption or graphic, graphics without a file if there is a
folder of images, and captions in another language of images that have an English caption (in
translated sub-articles).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from concept_linker.errors import ArticleError
from concept_linker.pmc.articles import Article, read_articles
from concept_linker.pmc.figures import Figure, Graphic
from concept_linker.pmc.image_files import ImageFolder, choose_image, image_name_of, image_stem
from concept_linker.pmc.languages import ENGLISH, best_language
from concept_linker.pmc.manifest import MANIFEST, Entry, read_manifest
from concept_linker.pmc.sources import Reject, SourceFile, read_file, read_sources
from concept_linker.triplets.provenance import Provenance

__all__ = ["ExtractionSummary", "Pair", "extract"]


class Pair(NamedTuple):
    """An image, its figure and article, and their provenance; ``place`` names it in messages."""

    place: str
    article: Article
    figure: Figure
    graphic: Graphic
    image: str
    provenance: Provenance


@dataclass
class ExtractionSummary:
    """The counts of an extraction.

    Args:
        articles: articles read.
        figures: their figures, with or without images.
        records: records written.
        spans: concepts in the records.
        mentions: mentions in the captions, linked or not.
        without_cui: mentions of a concept without a CUI, which a record cannot hold.
        negated: mentions with a CUI that are negated.
        other_languages: language → records with a caption in it, other than English.
        left_out: reason → graphics, or figures without a graphic.
        rejected: files that cannot be read, and figures that do not make a record.
    """

    articles: int = 0
    figures: int = 0
    records: int = 0
    spans: int = 0
    mentions: int = 0
    without_cui: int = 0
    negated: int = 0
    other_languages: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    rejected: int = 0


class _Article(NamedTuple):
    """An article, its place for messages, and its manifest entry if it was fetched."""

    place: str
    article: Article
    entry: Entry | None


def extract(
    sources: Iterable[Path],
    summary: ExtractionSummary,
    reject: Reject,
    *,
    images: Path | None = None,
) -> Iterator[Pair]:
    """Yields the pairs of all articles, in constant memory.

    Args:
        sources: folders, archives and files; of a fetched folder, the files in its manifest.
        summary: its counts are increased.
        reject: called with the place and the reason of everything that cannot be read.
        images: a folder of images; without one, an image is ``PMC<id>.<version>/<href>.jpg``.

    Raises:
        InputError: the folder of images does not exist.
    """
    folder = ImageFolder(images) if images else None
    for source in sources:
        for article in _articles(source, reject):
            summary.articles += 1
            yield from _pairs(article, folder, summary, reject)


def _articles(source: Path, reject: Reject) -> Iterator[_Article]:
    if (source / MANIFEST).is_file():
        files: Iterable[tuple[SourceFile, Entry | None]] = _fetched(source, reject)
    else:
        files = ((file, None) for file in read_sources([source], reject))
    for file, entry in files:
        try:
            for article in read_articles(file.data, file.name, partial(reject, file.name)):
                yield _Article(file.name, article, entry)
        except ArticleError as error:
            reject(file.name, str(error))


def _fetched(folder: Path, reject: Reject) -> Iterator[tuple[SourceFile, Entry]]:
    """Yields the articles of a fetched folder; the last of several entries counts."""
    last = {entry.pmcid: number for number, entry in enumerate(read_manifest(folder))}
    for number, entry in enumerate(read_manifest(folder)):
        if last[entry.pmcid] != number or entry.outcome != "fetched":
            continue
        for name in entry.files:
            if name.endswith(".xml"):
                place = f"{entry.folder}/{name}"
                for file in read_file(folder / place, place, reject):
                    yield file, entry


def _pairs(
    found: _Article, folder: ImageFolder | None, summary: ExtractionSummary, reject: Reject
) -> Iterator[Pair]:
    article, entry = found.article, found.entry
    provenance = _provenance(article, entry)
    fetched = {name.lower(): name for name in entry.images} if entry else None
    languages = _languages(article)
    for figure in article.figures:
        summary.figures += 1
        place = f"{found.place}, figure {figure.id}"
        if figure.problem:
            reject(place, figure.problem)
            continue
        if not figure.caption or not figure.graphics:
            summary.left_out["no graphic" if figure.caption else "no caption"] += 1
            continue
        for graphic in figure.graphics:
            image: str | None
            if figure.language != best_language(languages[_key(graphic)]):
                summary.left_out["caption in another language"] += 1
                continue
            if folder:
                image = folder.find(article.pmc, provenance.version, graphic.href)
            elif entry and fetched is not None:
                name = choose_image(graphic.href, fetched)
                image = name and f"{entry.folder}/{name}"
            else:
                name = image_name_of(graphic.href)
                image = name and f"{_folder_of(article)}{name}"
            if image:
                if figure.language not in ("", ENGLISH):
                    summary.other_languages[figure.language] += 1
                yield Pair(place, article, figure, graphic, image, provenance)
            else:
                summary.left_out["no image"] += 1


def _languages(article: Article) -> dict[str, list[str]]:
    """Returns image → the languages of its captions, in document order."""
    languages: dict[str, list[str]] = {}
    for figure in article.figures:
        if figure.caption:
            for graphic in figure.graphics:
                found = languages.setdefault(_key(graphic), [])
                if figure.language not in found:
                    found.append(figure.language)
    return languages


def _key(graphic: Graphic) -> str:
    return image_stem(graphic.href) or graphic.href


def _folder_of(article: Article) -> str:
    if not article.pmc:
        return ""
    version = "" if article.version is None else f".{article.version}"
    return f"PMC{article.pmc}{version}/"


def _provenance(article: Article, entry: Entry | None) -> Provenance:
    from_article = Provenance(
        pmcid=f"PMC{article.pmc}" if article.pmc else "",
        version=article.version,
        licence=article.licence,
    )
    if entry is None:
        return from_article
    return replace(
        from_article,
        pmcid=entry.pmcid,
        version=entry.version,
        licence=entry.licence,
        source_url=entry.source_url,
        retrieved=entry.retrieved,
    )
