"""JATS → pairs of an image and a caption, one for each image of each figure.

A figure without a caption, without a graphic or, where images are asked for, without an image is
no pair of image and text; it is left out and counted.  So is a caption in another language of an
image that has an English one, as translated sub-articles have them.
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
from concept_linker.pmc.images import ImageFolder, choose_image, image_name_of, image_stem
from concept_linker.pmc.languages import ENGLISH, best_language
from concept_linker.pmc.manifest import MANIFEST, Entry, read_manifest
from concept_linker.pmc.sources import Reject, SourceFile, read_file, read_sources
from concept_linker.triplets.provenance import Provenance

__all__ = ["ExtractionSummary", "Pair", "extract"]


class Pair(NamedTuple):
    """An image and the figure that it is of, and where they come from; ``place`` names it."""

    place: str
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
        mentions: how many mentions their captions have, whatever is known of them.
        without_cui: how many of these mean a concept without a CUI, which no record can hold.
        negated: how many have a CUI, but the caption says that they are absent.
        other_languages: language → how many records of captions that are not in English.
        left_out: reason → how many graphics, or figures without any.
        rejected: files that could not be read, and figures that make no record.
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
    """An article, and what is known of its file."""

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
    """Reads articles one after the other, in constant memory.

    Args:
        sources: folders, archives, files; of a fetched folder what its manifest names.
        summary: is counted up.
        reject: told of each file or figure that cannot be read, and why.
        images: a folder of images; without one an image is ``PMC<id>/<href>.jpg``.

    Raises:
        InputError: there is no such folder of images.
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
    """The articles of a fetched folder; of several lines about one, the last counts."""
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
    """Image → the languages of its captions, in document order."""
    languages: dict[str, list[str]] = {}
    for figure in article.figures:
        if figure.caption:
            for graphic in figure.graphics:
                there = languages.setdefault(_key(graphic), [])
                if figure.language not in there:
                    there.append(figure.language)
    return languages


def _key(graphic: Graphic) -> str:
    return image_stem(graphic.href) or graphic.href


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
