from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from small_gold import Fixed, gold, mention

from concept_linker import ConceptLinker, KnowledgeBase
from concept_linker.corpora.gold import GoldCorpus, GoldDocument, GoldMention
from concept_linker.errors import SettingsError
from concept_linker.evaluation.page import page, write_page
from concept_linker.evaluation.report import Report, evaluate
from concept_linker.reporting.charts import Bar, Series, bar_chart, line_chart

HOSTILE = "<script>alert('1')</script>\"&amp;'\u202e"


class Tags(HTMLParser):
    """Which tags there are, and whether each that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(small_base: KnowledgeBase) -> Report:
    corpus = gold(
        (2, 6, "C0009443"), (7, 13, "C0221198"), (21, 32, "C0019564"), (38, 53, "D003924")
    )
    linker = Fixed(
        mention(2, 6, ("C0009443", 0.9), ("C0009264", 0.1)),
        mention(7, 13, ("C0221198", 0.8)),
        mention(17, 32, ("C0019564", 0.7)),
        mention(34, 37, (HOSTILE, 0.6)),
    )
    return evaluate(corpus, linker, kb=small_base, name=HOSTILE, train=corpus)


def test_figures(report: Report) -> None:
    own, exact, nearest = report.gold_mentions
    assert own.recall_at["strict"][1].value == 0.5  # two of four are not given
    assert exact.recall_at["strict"][1].value == nearest.recall_at["lenient"][1].value == 1.0
    assert nearest.recall_at["strict"][1].value == 0.75  # two concepts are called cold
    found = report.end_to_end[0].measures
    assert found["strict concept"].precision.value == 0.5
    assert found["strict concept"].recall.value == 0.5
    assert found["document concept"].recall.value == 0.75
    assert found["partial mention"].recall.value == 0.75
    assert report.end_to_end[0].errors.counts == {
        "right": 2,
        "boundary": 1,
        "missed": 1,
        "spurious": 1,
    }
    assert set(report.tests["gold_mentions"]) == {"exact match", "scispaCy's method"}


def test_json_holds_all_of_it(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    report.write_json(path)
    assert json.loads(path.read_text("utf-8")) == json.loads(json.dumps(report.to_dict()))
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_hostile_texts_stay_texts(small_base: KnowledgeBase, tmp_path: Path) -> None:
    text = f"{HOSTILE} cold {HOSTILE}"
    start = text.index("cold")
    marked = GoldMention(((start, start + 4),), ("C0019564",), (HOSTILE,))
    corpus = GoldCorpus(HOSTILE, (GoldDocument(HOSTILE, text, (marked,)),))
    linker = Fixed(mention(start, start + 4, (HOSTILE, 0.6)))
    report = evaluate(corpus, linker, kb=small_base, name=HOSTILE, resamples=10)
    path = tmp_path / "page.html"
    write_page(report, path)
    written = path.read_text("utf-8")
    assert written == page(report)
    tags = Tags(written)
    assert "script" not in tags.seen
    assert not tags.open
    assert "src=" not in written
    assert "http" not in written.replace("http-equiv", "")


def test_charts_are_well_formed() -> None:
    for chart in (
        line_chart(HOSTILE, HOSTILE, HOSTILE, [Series(HOSTILE, [(0, 0), (1, 1)])], diagonal=True),
        bar_chart(HOSTILE, [Bar(HOSTILE, 0.5, 0.4, 0.6, HOSTILE)]),
    ):
        figure = ElementTree.fromstring(chart)
        assert "<script>" in "".join(figure.itertext())
        assert not list(figure.iter("script"))


def test_tasks_can_be_left_out(small_base: KnowledgeBase) -> None:
    corpus = gold((2, 6, "C0009443"))
    linker = Fixed(mention(2, 6, ("C0009443", 0.9)))
    some = evaluate(corpus, linker, kb=small_base, end_to_end=False, baselines=False, resamples=0)
    assert len(some.gold_mentions) == 1
    assert not some.end_to_end
    assert not some.tests
    assert "Mentions given" in page(some)
    assert "End to end" not in page(some)


def test_the_page_names_the_system_and_the_knowledge_base(small_base: KnowledgeBase) -> None:
    report = evaluate(
        gold((2, 6, "C0009443")), Fixed(), kb=small_base, name="mine", kb_name="MeSH of 2026"
    )
    written = page(report)
    assert "<h1>small: linking accuracy of mine</h1>" in written
    assert "knowledge base MeSH of 2026 of " in written
    assert "Compared with: exact match, scispaCy&#x27;s method." in written
    assert str(small_base.path) not in written
    assert report.to_dict()["base"]["name"] == "MeSH of 2026"


def test_a_legend_can_break_its_line(report: Report) -> None:
    """Otherwise its entries overlap the next chart."""
    written = page(report)
    rule = written.partition("\n.key {")[2].partition("}")[0]
    assert "nowrap" not in rule
    assert "overflow-wrap: anywhere" in rule
    assert '</span><span class="key' not in written


def test_console_and_notebook_show_the_same_tables(report: Report) -> None:
    text, html = str(report), report._repr_html_()
    for table in report.tables():
        assert table.title in text
        assert escape(table.title) in html
    assert "0.500 (" in text
    assert "<small>(" in html
    assert text.startswith("small: 1 document, 4 gold mentions, training corpus small; ")


def test_corpora_are_paths_too(small_base: KnowledgeBase, tmp_path: Path) -> None:
    path = tmp_path / "dev.jsonl"
    row = {"text": "A lesion.", "mentions": [{"start": 2, "end": 8, "ids": ["C0221198"]}]}
    path.write_text(json.dumps(row) + "\n")
    report = evaluate(path, ConceptLinker.load(small_base, k=30), train=str(path), resamples=0)
    assert report.gold_mentions[0].recall_at["strict"][1].value == 1.0
    assert report.kb_path == str(small_base.path)
    own = evaluate(path, kb=str(small_base.path), resamples=0)
    assert own.gold_mentions[0].recall_at == report.gold_mentions[0].recall_at
    assert "1 document, 1 gold mention" in own._repr_html_()


def test_settings_that_cannot_work(small_base: KnowledgeBase) -> None:
    corpus = gold((2, 6, "C0009443"))
    with pytest.raises(SettingsError, match="resamples is -1, expected an integer ≥ 0"):
        evaluate(corpus, Fixed(), kb=small_base, resamples=-1)
    with pytest.raises(SettingsError, match="kb is None, expected the knowledge base of Fixed"):
        evaluate(corpus, Fixed())


def test_the_policy_allows_the_style_sheet(report: Report) -> None:
    written = page(report)
    style = written.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src &#x27;sha256-{digest}&#x27;" in written
    assert " style=" not in written
