"""A JATS file → its articles: ids, licence, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from concept_linker.errors import ArticleError
from concept_linker.pmc.figures import Figure, figures_of, href_of
from concept_linker.pmc.licences import licence_of_url
from concept_linker.pmc.safe_xml import all_text, parse_xml

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Article", "read_articles"]

_FILE_NAME = re.compile(r"PMC(\d+)(?:\.(\d+))?(?![0-9])")


class Article(NamedTuple):
    """What a record needs of an article.

    Args:
        pmc: the digits of its PMCID, or ``""``.
        version: its version in PMC, where the article or its file's name tells.
        pmid: digits, or ``""``.
        licence: as PMC writes it (``CC BY``), or ``""`` where none is recognised.
        figures: in document order.
    """

    pmc: str
    version: int | None
    pmid: str
    licence: str
    figures: tuple[Figure, ...]


def read_articles(data: bytes, name: str = "") -> Iterator[Article]:
    """The articles of a file: one, or several of a set as NCBI's E-utilities return it.

    Args:
        data: the file's bytes.
        name: its name, which often holds the PMCID.

    Raises:
        ArticleError: no XML that can be read, or no article in it.
    """
    root = parse_xml(data)
    articles = list(root.iter("{*}article"))
    if not articles:
        raise ArticleError(f"the root is <{root.tag}> and holds no <article>, wanted JATS")
    named = _FILE_NAME.search(name.replace("\\", "/").rpartition("/")[2])
    for element in articles:
        yield _article(element, named if len(articles) == 1 else None)


def _article(element: _Element, named: re.Match[str] | None) -> Article:
    ids = {
        one.get("pub-id-type", ""): all_text(one).strip()
        for one in element.iterfind("{*}front/{*}article-meta/{*}article-id")
    }
    pmc = _digits(ids.get("pmc") or ids.get("pmcid") or "") or (named[1] if named else "")
    version = ids.get("pmcid-ver", "").rpartition(".")[2]
    if not version.isdecimal() and named and named[1] == pmc:
        version = named[2] or ""
    return Article(
        pmc=pmc,
        version=int(version) if version.isdecimal() else None,
        pmid=_digits(ids.get("pmid", "")),
        licence=_licence(element),
        figures=tuple(figures_of(element)),
    )


def _digits(id: str) -> str:
    digits = id.upper().removeprefix("PMC")
    return digits if digits.isascii() and digits.isdecimal() else ""


def _licence(article: _Element) -> str:
    """The first licence that the article's own permissions name by its address."""
    for permissions in article.iterfind("{*}front/{*}article-meta/{*}permissions"):
        for element in permissions.iter("{*}license", "{*}license_ref", "{*}ext-link", "{*}uri"):
            licence = licence_of_url(href_of(element)) or licence_of_url(element.text or "")
            if licence:
                return licence
        for element in permissions.iter("{*}license"):  # an address that is no link
            licence = licence_of_url(all_text(element))
            if licence:
                return licence
    return ""
