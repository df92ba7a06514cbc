"""Compares every figure of 120 real articles with pubmed_parser.

The differences are listed here by class, with their number; any other difference is a failure.
"""

from __future__ import annotations

import csv
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from concept_linker.pmc.articles import Article, read_articles
from concept_linker.pmc.figures import Figure
from concept_linker.pmc.licences import licence_of_url

EXPLAINED = {
    "pmc: the id is under pub-id-type 'pmcid', which pubmed_parser does not know": 550,
    "label: white space that follows the element is not its text": 5,
    "label: a figure without one has '', not None": 2,
    "caption: white space at the end of an element and after it is not its text": 9,
    "caption: pubmed_parser drops the text of markup inside markup": 32,
    "graphics: a figure with two has two, not the first alone": 2,
}


@pytest.fixture(scope="module")
def files(shared_data: Path) -> dict[str, bytes]:
    with tarfile.open(shared_data / "jats/articles.tar.xz") as archive:
        return {
            member.name: content.read()
            for member in archive
            if (content := archive.extractfile(member))
        }


@pytest.fixture(scope="module")
def ours(files: dict[str, bytes]) -> dict[str, Article]:
    return {name: article for name, data in files.items() for article in read_articles(data, name)}


def test_every_figure(files: dict[str, bytes], ours: dict[str, Article], tmp_path: Path) -> None:
    import pubmed_parser

    classes: Counter[str] = Counter()
    figures = 0
    for name, data in files.items():
        path = tmp_path / name
        path.write_bytes(data)
        theirs = pubmed_parser.parse_pubmed_caption(str(path)) or []
        tree = etree.fromstring(data).findall(".//fig")
        assert len(theirs) == len(ours[name].figures) == len(tree)
        for one, other, element in zip(ours[name].figures, theirs, tree, strict=True):
            figures += 1
            classes.update(differences(ours[name], one, other, element))
    assert figures == 588
    assert classes == EXPLAINED


def differences(article: Article, ours: Figure, theirs: dict[str, Any], element: Any) -> list[str]:
    """The class of each difference; the XML is checked for what the class says."""
    found = []
    assert ours.id == theirs["fig_id"]
    assert article.pmid == theirs["pmid"]
    assert list(ours.list_items) == theirs["fig_list-items"]
    assert ours.graphics[0].ref == theirs["graphic_ref"]
    if article.pmc != theirs["pmc"]:
        [id] = element.getroottree().findall(".//article-meta/article-id[@pub-id-type='pmcid']")
        assert id.text.removeprefix("PMC") == article.pmc
        found.append("pmc: the id is under pub-id-type 'pmcid', which pubmed_parser does not know")
    if ours.label != (theirs["fig_label"] or ""):
        label = element.find("label")
        assert theirs["fig_label"] == ours.label + label.tail
        assert not label.tail.strip()
        found.append("label: white space that follows the element is not its text")
    elif theirs["fig_label"] is None:
        assert element.find("label") is None
        found.append("label: a figure without one has '', not None")
    if ours.caption != theirs["fig_caption"]:
        found.append(caption_difference(ours.caption, theirs["fig_caption"], element))
    if len(ours.graphics) > 1:
        assert len(ours.graphics) == len(element.findall("graphic"))
        found.append("graphics: a figure with two has two, not the first alone")
    return found


def caption_difference(ours: str, theirs: str, element: Any) -> str:
    caption = element.find("caption")
    whole = ["".join(block.itertext()) for block in caption]
    stripped = " ".join(filter(None, (text.strip(" \t\r\n") for text in whole)))
    if ours == stripped and ours.split() == theirs.split():
        return "caption: white space at the end of an element and after it is not its text"
    shallow = [
        [block.text, *(text for one in block for text in (one.text, one.tail)), block.tail]
        for block in caption
    ]
    # pubmed_parser reads two levels only.
    assert theirs == " ".join("".join(filter(None, texts)) for texts in shallow)
    if not caption.findall(".//alternatives"):
        assert "".join(ours.split()) == "".join("".join(whole).split())
    return "caption: pubmed_parser drops the text of markup inside markup"


def test_licences(shared_data: Path, ours: dict[str, Article]) -> None:
    with (shared_data / "jats/licences.tsv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 120
    for row in rows:
        article = ours[f"{row['pmcid']}.xml"]
        assert article.licence == licence_of_url(row["licence"]) != ""
        assert len(article.figures) == int(row["figures"])
        assert article.pmc == row["pmcid"][3:]
