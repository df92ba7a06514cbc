"""Annotations in notebooks and as data frames."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_collections import HOSTILE

from concept_linker import Annotation, Candidate, Mention, SettingsError
from concept_linker.viewing import AnnotationTable

LUNG = Candidate("C0024109", "Lung", "lungs", 0.9, 0.8, ("T023",))
OTHER = Candidate("HP:0002088", "Abnormal lung", "lung", 0.7, 0.1, ("T047",))
ALLOWED = set("div style span a small i p table tr th td ul li".split())


class Reader(HTMLParser):
    """Reads the elements, and the text without hover boxes and labels under mentions."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.text = ""
        self.everything = ""
        self.feed(html)
        self.close()
        assert self._open == [], "an element is not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(f"{tag}.{dict(attrs).get('class') or ''}")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().split(".")[0] == tag

    def handle_data(self, data: str) -> None:
        if "style." not in self._open:
            self.everything += data
        hides = {"span.cl-pop", "span.cl-id", "span.cl-name"}
        if "div.cl-text" in self._open and not hides & set(self._open):
            self.text += data


def annotation(text: str, *words: str, **fields: Any) -> Annotation:
    mentions = [
        Mention(text.index(w), text.index(w) + len(w), w, best=LUNG, candidates=(LUNG, OTHER))
        for w in words
    ]
    return Annotation(text, tuple(mentions))


def test_annotation_html() -> None:
    html = annotation("The left lung.", "lung")._repr_html_()
    read = Reader(html)
    assert read.text == "The left lung."
    numbers = ("0.900", "0.800", "0.700", "probability 1.000")
    for part in ("C0024109", "Lung", "lungs", "HP:0002088", "Anatomy", *numbers):
        assert part in read.everything
    links = [attributes["href"] for tag, attributes in read.elements if tag == "a"]
    assert set(links) == {
        "https://uts.nlm.nih.gov/uts/umls/concept/C0024109",
        "https://bioregistry.io/hp:0002088",
    }
    assert 'class="cl-m g g-ANAT' in html


def test_nil_negated_and_long_forms_are_shown() -> None:
    mentions = (
        Mention(0, 2, "XY", long_form="xanthic yttrium", candidates=(OTHER,)),
        Mention(6, 10, "lung", negated=True, best=LUNG, candidates=(LUNG,)),
    )
    read = Reader(Annotation("XY no lung", mentions)._repr_html_())
    for part in ("no concept", "short for xanthic yttrium", "absent"):
        assert part in read.everything
    assert "no concepts found" in Reader(Annotation("Nothing.")._repr_html_()).everything


@given(st.text(), st.lists(st.tuples(st.integers(0, 20), st.integers(1, 9)), max_size=6))
def test_the_text_is_complete_for_any_mentions(text: str, drawn: list[tuple[int, int]]) -> None:
    """Also overlapping mentions, which `link_spans` may return."""
    spans = [(start, min(start + length, len(text))) for start, length in drawn]
    mentions = tuple(Mention(a, b, text[a:b], best=LUNG) for a, b in spans if a < b)
    one = Annotation(text, mentions)
    # HTML parsers replace NUL by U+FFFD and normalise line ends.
    plain = text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    html = AnnotationTable([one])._repr_html_()
    shown = Reader(html).text.replace("\0", "\ufffd").replace("\r\n", "\n").replace("\r", "\n")
    assert shown == plain
    Reader(one._repr_html_())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    bad = Candidate(text, text, text, 1.0, 1.0, (text,))
    mention = Mention(0, len(text), text, label=text, long_form=text, best=bad, candidates=(bad,))
    one = Annotation(text, (mention,))
    for html in (one._repr_html_(), AnnotationTable([one, one])._repr_html_()):
        read = Reader(html)
        assert text in read.everything
        assert {tag for tag, _ in read.elements} <= ALLOWED
        for _, attributes in read.elements:
            assert attributes.keys() <= {"class", "tabindex", "hidden", "href", "target", "rel"}
            assert (attributes.get("href") or "https://").startswith("https://")


def test_a_table_of_annotations_has_a_limit() -> None:
    many = [annotation(f"Lung {n}: lung.", "lung") for n in range(7)]
    table = AnnotationTable(many, max_rows=5)
    assert repr(table) == "AnnotationTable(7 annotations)"
    read = Reader(table._repr_html_())
    assert [tag for tag, _ in read.elements].count("tr") == 6
    assert "… and 2 more" in read.everything


def test_it_is_shown_in_a_browser(browser: Any) -> None:
    one = annotation("The left lung <b>.", "lung")
    browser.open(f'<meta charset="utf-8"><body>{one._repr_html_()}', dark=True)
    assert not browser.run("return document.querySelector('.cl-pop').checkVisibility()")
    browser.hover(".cl-m")
    assert browser.run("return document.querySelector('.cl-pop').checkVisibility()")
    browser.hover("body")
    browser.run("document.querySelector('.cl-m').focus()")
    assert browser.run("return document.querySelector('.cl-pop').checkVisibility()")
    assert all(url.startswith("file:") for url in browser.requests())


def test_data_frames() -> None:
    pytest.importorskip("pandas")
    frame = annotation("The left lung of a lung.", "left lung").to_dataframe()
    assert type(frame).__module__.startswith("pandas")
    [row] = frame.to_dict("records")
    assert (row["start"], row["end"], row["text"]) == (4, 13, "left lung")
    assert (row["concept_id"], row["score"], row["semantic_types"]) == ("C0024109", 0.8, ["T023"])
    empty = Annotation("x", (Mention(0, 1, "x"),)).to_dataframe("pandas")
    assert list(empty.columns) == list(frame.columns)
    assert list(empty["concept_id"]) == [None]


def test_data_frames_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("concept_linker.viewing.frames.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match="pandas or polars: pip install pandas"):
        Annotation("x").to_dataframe()
    with pytest.raises(SettingsError, match="library is 'numpy'"):
        Annotation("x").to_dataframe("numpy")  # type: ignore[arg-type]


def test_records() -> None:
    made = annotation("The left lung.", "lung").to_record(image="a.jpg", pmid="7")
    assert (made["image"], made["pmid"]) == ("a.jpg", "7")
    assert made["umls_meta_info"][0]["umls_cui"] == "C0024109"
