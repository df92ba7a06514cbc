"""The figures of JATS articles, and documents that are rejected."""

from __future__ import annotations

import contextlib
import html
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.errors import ArticleError
from concept_linker.pmc.articles import Article, read_articles
from concept_linker.pmc.figures import Figure
from concept_linker.pmc.safe_xml import MAX_BYTES

XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:mml="http://www.w3.org/1998/Math/MathML"'


FIGURE = '<fig id="f"><caption><p>a</p></caption><graphic xlink:href="g"/></fig>'


def article(body: str, front: str = "", head: str = "") -> Article:
    text = (
        f"{head}<article {XLINK}><front><article-meta>{front}</article-meta></front>"
        f"<body>{body}</body></article>"
    )
    [one] = read_articles(text.encode())
    return one


def figure(inside: str, head: str = "") -> Figure:
    [one] = article(f'<sec><fig id="f1">{inside}</fig></sec>', head=head).figures
    return one


def caption(inside: str) -> str:
    return figure(f"<caption>{inside}</caption>").caption


@pytest.mark.parametrize(
    ("inside", "text"),
    [
        ("<p>A lesion.</p>", "A lesion."),
        ("<title>A title.</title><p>One.</p><p>Two.</p>", "A title. One. Two."),
        ("\n <title>A</title>\n <p>\n B\n</p>\n", "A B"),
        ("<p>10<sup>-<italic>3</italic></sup> m<sub>2</sub></p>", "10-3 m2"),
        ("<p><bold><italic>a<sup>b<sub>c</sub>d</sup>e</italic>f</bold>g</p>", "abcdefg"),
        ("<p>see <xref rid='b1'>[<sup>1</sup>]</xref>.</p>", "see [1]."),
        ("<p>a\u00a0b\u2009c\nd</p>", "a\u00a0b\u2009c\nd"),
        ("<p>\u00a0a\u00a0</p>", "\u00a0a\u00a0"),
        ("<p>a<!-- no --><?no no?>b</p>", "ab"),
        (
            "<p>A:<list><list-item><label>(a)</label><p>one</p></list-item></list>end</p>",
            "A: (a) one end",
        ),
        ("<p>a<break/>b</p>", "a b"),
        ("<p><inline-graphic xlink:href='x'><alt-text>no</alt-text></inline-graphic>a</p>", "a"),
        ("<p>x<fn><p>note</p></fn></p>", "x note"),
        (
            "<p>p = <mml:math>\n <mml:mi>x</mml:mi>\n <mml:mo>&lt;</mml:mo><mml:mn>5</mml:mn>"
            "</mml:math></p>",
            "p = x<5",
        ),
        (
            "<p><mml:math><mml:mfrac><mml:mn>1</mml:mn><mml:mn>2</mml:mn></mml:mfrac></mml:math>"
            "</p>",
            "1/2",
        ),
        (
            "<p>a <inline-formula><alternatives><tex-math>\\documentclass{x}\\begin{document}$$b$$"
            "\\end{document}</tex-math><mml:math><mml:mi>b</mml:mi></mml:math>"
            "<inline-graphic xlink:href='i'/></alternatives></inline-formula> c</p>",
            "a b c",
        ),
        ("<p><tex-math>\\begin{document}$\\alpha$\\end{document}</tex-math></p>", "α"),
        (
            "<p><inline-formula><tex-math>\\documentclass[12pt]{minimal}\n\\usepackage{amsmath}"
            "\\setlength{\\oddsidemargin}{-69pt}\n\\begin{document}$$10^{-3}\\,\\mu m$$"
            "\\end{document}</tex-math></inline-formula></p>",
            "10-3 μm",
        ),
        ("<p><tex-math>\\usepackage{x} $p \\le .05$</tex-math></p>", "p≤.05"),
        ("<p><tex-math>\\frac{a_{1}}{\\frac{b}{2}}</tex-math></p>", "a1/b/2"),
        ("<p><tex-math>x \\text{ and } \\mathrm{y}^+ \\&amp; &alpha;</tex-math></p>", "x and y+&α"),
        ("<p><tex-math>\\left( 5\\,\\% \\pm 2^\\circ \\right)}</tex-math></p>", "(5 %±2°)"),
        (
            "<p>a <inline-formula><tex-math>$b$</tex-math><mml:math><mml:mi>b</mml:mi></mml:math>"
            "</inline-formula> c</p>",
            "a b c",
        ),
        ("<p>&alpha;&nbsp;&agr; &KHgr; &b.beta; &mu;m &lt; &hellip;</p>", "α\u00a0α Χ β μm < …"),
        ("<p>&#945;&amp;&lt;</p>", "α&<"),
        ("", ""),
        ("<p/>", ""),
    ],
)  # fmt: skip
def test_captions(inside: str, text: str) -> None:
    assert caption(inside) == text


inline = st.recursive(
    st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=6).map(
        lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    ),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>",
        st.sampled_from(["italic", "bold", "sup", "sub", "xref", "named-content", "sc"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
)


@given(inline)
def test_inline_markup_loses_no_character(markup: str) -> None:
    """Any nesting of inline elements: the caption is the text without the tags."""
    text = html.unescape(re.sub(r"<[^>]*>", "", markup))
    assert caption(f"<p>{markup}</p>") == text.strip(" \t\r\n")


GROUP = (
    '<fig-group id="g"><label>Figure 1</label><caption><title>Both.</title></caption>'
    '<fig id="a"><label>A</label><caption><p>First.</p></caption><graphic xlink:href="x"/></fig>'
    '<fig><caption/><graphic xlink:href="y"/></fig></fig-group>'
)


def test_a_groups_caption_applies_to_each() -> None:
    first, second = article(GROUP).figures
    assert (first.id, first.label, first.caption) == ("a", "A", "Both. First.")
    assert (second.id, second.label, second.caption) == ("g", "Figure 1", "Both.")


def test_graphics_of_a_group_itself() -> None:
    body = GROUP.replace("</fig-group>", '<graphic xlink:href="z"/></fig-group>')
    figures = article(body).figures
    assert [[one.href for one in figure.graphics] for figure in figures] == [["z"], ["x"], ["y"]]
    assert figures[0].caption == "Both."


def test_a_figure_in_a_figure() -> None:
    outer, inner = article(
        '<fig id="o"><label>1</label><caption><p>Outer.</p></caption><graphic xlink:href="o"/>'
        '<p><fig id="i"><caption><p>Inner.</p></caption><graphic xlink:href="i"/></fig></p></fig>'
    ).figures
    assert (outer.caption, [one.href for one in outer.graphics]) == ("Outer.", ["o"])
    assert (inner.label, inner.caption) == ("1", "Outer. Inner.")


def test_figures_anywhere_in_an_article() -> None:
    fig = '<fig id="{}"><graphic xlink:href="x"/></fig>'
    text = (
        f"<article {XLINK}><front/><body>{fig.format('b')}<p>{fig.format('p')}</p></body>"
        f"<floats-group>{fig.format('f')}</floats-group>"
        f"<sub-article><body>{fig.format('s')}</body></sub-article></article>"
    )
    [one] = read_articles(text.encode())
    assert [figure.id for figure in one.figures] == ["b", "p", "f", "s"]


@pytest.mark.parametrize(
    ("inside", "hrefs"),
    [
        ('<graphic xlink:href="a"/><graphic xlink:href="b"/>', ["a", "b"]),
        ('<p><graphic xlink:href="a"/></p>', ["a"]),
        (
            '<alternatives><graphic xlink:href="a.tif"/><graphic xlink:href="a.jpg"/>'
            '</alternatives><graphic xlink:href="b"/>',
            ["a.jpg", "b"],
        ),
        ('<alternatives><graphic xlink:href="a"/><textual-form/></alternatives>', ["a"]),
        ('<alternatives><media xlink:href="a.mp4"/></alternatives>', []),
        ('<media xlink:href="a.mp4"/>', []),
        ('<graphic/><graphic xlink:href=" "/>', []),
        ('<disp-formula><graphic xlink:href="f"/></disp-formula>', []),
        ("", []),
    ],
)  # fmt: skip
def test_graphics(inside: str, hrefs: list[str]) -> None:
    assert [graphic.href for graphic in figure(inside).graphics] == hrefs


def test_graphic_ref() -> None:
    graphics = figure(
        '<graphic id="i" xlink:href="a"/><graphic xlink:href="b" id="i"/>'
        '<graphic position="float" xlink:href="c"/>'
    ).graphics
    assert [graphic.ref for graphic in graphics] == ["i", "b", "c"]


def test_list_items() -> None:
    inside = (
        "<caption><p>See</p><list><list-item><label>1.</label><p>one <bold>b</bold></p></list-item>"
        "<list-item><p>two</p><p>more</p></list-item></list></caption>"
    )
    assert figure(inside).list_items == ("1. one b", "two more")
    assert figure(inside).caption == "See 1. one b two more"


def test_without_anything() -> None:
    [one] = article("<fig/>").figures
    assert one == Figure("", "", "", (), ())


def test_namespaces_do_not_matter() -> None:
    text = (
        '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" '
        'xmlns:x="http://www.w3.org/1999/xlink"><front/><body><fig id="f"><label>1</label>'
        '<caption><p>a<sup>b</sup></p></caption><graphic x:href="g"/></fig></body></article>'
    )
    [one] = read_articles(text.encode())
    assert one.figures[0][:3] == ("f", "1", "ab")
    assert one.figures[0].graphics[0].href == "g"


@pytest.mark.parametrize(
    ("ids", "name", "expected"),
    [
        ('<article-id pub-id-type="pmc">12</article-id>', "x.xml", ("12", None, "")),
        ('<article-id pub-id-type="pmcid">PMC12</article-id>', "", ("12", None, "")),
        ('<article-id pub-id-type="pmid">7</article-id>', "PMC12.3.xml", ("12", 3, "7")),
        ('<article-id pub-id-type="pmc">9</article-id>', "PMC12.3.xml", ("9", None, "")),
        ('<article-id pub-id-type="pmcid-ver">PMC12.4</article-id>', "a/PMC12.nxml", ("12", 4, "")),
        ('<article-id pub-id-type="pmid">none</article-id>', "", ("", None, "")),
    ],
)
def test_ids(ids: str, name: str, expected: tuple[str, int | None, str]) -> None:
    text = f"<article><front><article-meta>{ids}</article-meta></front></article>"
    [one] = read_articles(text.encode(), name)
    assert (one.pmc, one.version, one.pmid) == expected


def test_a_set_of_articles() -> None:
    text = "<pmc-articleset><article><front/></article><article><front/></article></pmc-articleset>"
    assert len(list(read_articles(text.encode(), "PMC1.xml"))) == 2


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not well-formed XML"),
        ("<article><fig></article>", "not well-formed XML"),
        ("no xml", "not well-formed XML"),
        ("<html/>", "contains no <article>"),
        ("<pmc-articleset><Reply error='x'/></pmc-articleset>", "contains no <article>"),
        ("<article>" + "<sec>" * 300 + "</sec>" * 300 + "</article>", "depth"),
        ("<article>" + "<sec>" * 100_000, "depth"),
        (f'<!DOCTYPE a [<!ENTITY l0 "lol">{BOMB}]><article>&l29;</article>', "ntit"),
        (f'<!DOCTYPE a [<!ENTITY l0 "lol">{BOMB}]><article id="&l29;"/>', "ntit"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><article/>', "declares entities"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><article>&x;</article>', "decl"),
        ('<!DOCTYPE a [<!ENTITY % x SYSTEM "file:///etc/hostname">%x;]><article/>', "declares"),
        ("<article>" + "x" * (MAX_BYTES + 1), "at most"),
        ('<?xml version="1.0" encoding="utf-99"?><article/>', "XML"),
    ],
    ids=range(14),
)
def test_rejected_documents(text: str, reason: str) -> None:
    with pytest.raises(ArticleError, match=reason) as caught:
        list(read_articles(text.encode()))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@given(st.binary(max_size=300))
def test_any_bytes_are_an_article_or_rejected(data: bytes) -> None:
    with contextlib.suppress(ArticleError):
        list(read_articles(data))


DOCTYPE = '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "{}">'


@pytest.mark.parametrize(
    "head",
    [
        "",
        "\ufeff",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- made by hand -->\n',
        DOCTYPE.format("JATS.dtd"),
        "<?xml version=\"1.0\" standalone='yes'?>" + DOCTYPE.format("JATS.dtd"),
        "<!DOCTYPE article>",
        "<!DOCTYPE article [<!ELEMENT article ANY>]>",
    ],
)
def test_character_names_without_a_dtd(head: str) -> None:
    inside = "<caption><p>&alpha;&nbsp;&lt; &hellip;</p></caption>"
    assert figure(inside, head).caption == "α\u00a0< …"


def test_names_of_characters_in_utf_16() -> None:
    head = '<?xml version="1.0" encoding="UTF-16"?>'
    fig = "<fig><caption><p>&alpha;é</p></caption></fig>"
    text = f"{head}<article {XLINK}><front/><body>{fig}</body></article>"
    [one] = read_articles(text.encode("utf-16"))
    assert one.figures[0].caption == "αé"


@pytest.mark.parametrize("head", ["", DOCTYPE.format("JATS.dtd")])
def test_an_entity_of_the_dtd_rejects_its_figure(head: str) -> None:
    bad, good = article(
        '<fig id="a"><caption><p>&figname;</p></caption><graphic xlink:href="x"/></fig>'
        '<fig id="b"><caption><p>Good.</p></caption></fig>',
        head=head,
    ).figures
    assert "&figname; is defined in the DTD only" in bad.problem
    assert (bad.id, bad.caption, bad.graphics[0].href) == ("a", "", "x")  # it is still fetched
    assert (good.caption, good.problem) == ("Good.", "")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
@pytest.mark.timeout(20)
def test_the_dtd_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The DTD is a named pipe: opening it would block."""
    os.mkfifo(tmp_path / "JATS.dtd")
    monkeypatch.chdir(tmp_path)
    for place in ("JATS.dtd", str(tmp_path / "JATS.dtd"), (tmp_path / "JATS.dtd").as_uri()):
        assert figure("<caption><p>a&alpha;</p></caption>", DOCTYPE.format(place)).caption == "aα"


@pytest.mark.parametrize(
    ("inside", "licence"),
    [
        ('xlink:href="http://creativecommons.org/licenses/by/4.0/">', "CC BY"),
        ('xlink:href="https://creativecommons.org/licenses/by-nc-nd/3.0">', "CC BY-NC-ND"),
        ('xlink:href="https://creativecommons.org/publicdomain/zero/1.0/">', "CC0"),
        ("><p>See (http://creativecommons.org/licenses/by/4.0/),</p>", "CC BY"),
        ('><ext-link xlink:href="http://creativecommons.org/licenses/by-sa/4.0"/>', "CC BY-SA"),
        ("><p>All rights reserved.</p>", ""),
    ],
)
def test_licence_of_an_article(inside: str, licence: str) -> None:
    front = f"<permissions><license {inside}</license></permissions>"
    assert article("", front).licence == licence
    assert article("").licence == ""


@given(st.randoms(use_true_random=False), st.sampled_from(["\n", "\n        ", "\t", "\r\n  "]))
def test_line_breaks_change_nothing_but_white_space(random: Any, break_: str) -> None:
    """Line breaks as from a pretty printer: at blanks, and between blocks."""
    flat = (
        "<label>Figure 1</label><caption><title>Chest CT.</title><p>No evidence of <italic>pleural "
        "effusion</italic> (<xref>A</xref>) or <inline-formula><alternatives><mml:math><mml:mi>x"
        "</mml:mi></mml:math><tex-math>y</tex-math></alternatives></inline-formula> 5 mm.</p><list>"
        "<list-item><p>one item</p></list-item></list></caption>"
    )
    parts = re.split(r"( |(?<=[a-z]>)(?=<(?:title|p|list|list-item|caption|label)>))", flat)
    broken = "".join(
        break_ if part in ("", " ") and random.random() < 0.7 else part for part in parts
    )
    one, other = figure(flat), figure(broken)
    assert other.caption.split() == one.caption.split()
    assert other.label.split() == one.label.split()
    assert [item.split() for item in other.list_items] == [item.split() for item in one.list_items]


def test_white_space_is_kept() -> None:
    """As in MedConcept; readers of a caption normalise it."""
    assert (
        caption("<p>No evidence of\n   effusion</p>\n  <p>b</p>") == "No evidence of\n   effusion b"
    )
