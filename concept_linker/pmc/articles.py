"""Reads the articles of a JATS file: ids, licence, figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from concept_linker.errors import ArticleError
from concept_linker.pmc.figures import Figure, figures_of, href_of
from concept_linker.pmc.licences import licence_of_url
from concept_linker.pmc.safe_xml import all_text, parse_xml, shortened

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Article", "read_articles"]

_FILE_NAME = re.compile(r"PMC([0-9]{1,12})(?:\.([0-9]{1,9}))?(?![0-9])")
#: Longer numbers are not ids: paths and columns have a limit.
_ID = re.compile(r"(?:PMC)?([0-9]{1,12})", re.IGNORECASE)
_VERSION = re.compile(r"(?:.*\.)?([0-9]{1,9})", re.DOTALL)


class Article(NamedTuple):
    """The parts of an article that records need.

    Args:
        pmc: the digits of its PMCID, or empty.
        version: its version in PMC, if the article or the file name has it.
        pmid: digits, or empty.
        licence: PMC's code (``CC BY``), or empty if none is recognised.
        figures: in document order.
    """

    pmc: str
    version: int | None
    pmid: str
    licence: str
    figures: tuple[Figure, ...]


def read_articles(
    data: bytes, name: str = "", reject: Callable[[str], None] | None = None
) -> Iterator[Article]:
    """Yields the articles of a file: one, or a set as NCBI's E-utilities return it.

    Args:
        data: the file's bytes.
        name: its name, which often has the PMCID.
        reject: called with the reason for each article of a set that cannot be read; by default
            that is an error.

    Raises:
        ArticleError: the file is not well-formed XML, or has no article.
    """
    root = parse_xml(data)
    articles = [
        one
        for one in root.iter("{*}article")
        if next(one.iterancestors("{*}article"), None) is None
    ]
    if not articles:
        raise ArticleError(
            f"the root is <{shortened(str(root.tag))}> and contains no <article>, expected JATS"
        )
    named = _FILE_NAME.search(name.replace("\\", "/").rpartition("/")[2])
    for number, element in enumerate(articles, start=1):
        try:
            yield _article(element, named if len(articles) == 1 else None)
        except ArticleError as error:
            if reject is None:
                raise
            place = f"article {number} of {len(articles):,}: " if len(articles) > 1 else ""
            reject(f"{place}{error}")


def _article(element: _Element, named: re.Match[str] | None) -> Article:
    ids = {
        one.get("pub-id-type", ""): all_text(one).strip()
        for one in element.iterfind("{*}front/{*}article-meta/{*}article-id")
    }
    pmc = _digits(_ID, ids.get("pmc") or ids.get("pmcid") or "") or (named[1] if named else "")
    version = _digits(_VERSION, ids.get("pmcid-ver", ""))
    if not version and named and named[1] == pmc:
        version = named[2] or ""
    return Article(
        pmc=pmc,
        version=int(version) if version else None,
        pmid=_digits(_ID, ids.get("pmid", "")),
        licence=_licence(element),
        figures=tuple(figures_of(element)),
    )


def _digits(pattern: re.Pattern[str], id: str) -> str:
    match = pattern.fullmatch(id)
    return match[1] if match else ""


def _licence(article: _Element) -> str:
    """Returns the first licence whose URL is in the article's own permissions."""
    for permissions in article.iterfind("{*}front/{*}article-meta/{*}permissions"):
        for element in permissions.iter("{*}license", "{*}license_ref", "{*}ext-link", "{*}uri"):
            licence = licence_of_url(href_of(element)) or licence_of_url(element.text or "")
            if licence:
                return licence
        for element in permissions.iter("{*}license"):  # a URL in the text
            licence = licence_of_url(all_text(element))
            if licence:
                return licence
    return ""
