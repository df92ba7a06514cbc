"""A hostile article is rejected alone, in a few seconds and megabytes."""

from __future__ import annotations

import tracemalloc

import pytest
from test_figures import DOCTYPE, FIGURE, XLINK, article, figure

from concept_linker.errors import ArticleError
from concept_linker.pmc.articles import read_articles


@pytest.mark.parametrize(
    "number", ["9" * 5000, "9" * 13, "PMC" + "1" * 5000, "1.5", "-1", "PMCPMC1", "٣" * 20]
)
def test_malformed_ids(number: str) -> None:
    ids = (
        "".join(
            f'<article-id pub-id-type="{kind}">{number}</article-id>' for kind in ("pmc", "pmid")
        )
        + f'<article-id pub-id-type="pmcid-ver">PMC1.{"9" * 5000}</article-id>'
    )
    one = article("", ids)
    assert (one.pmc, one.version, one.pmid) == ("", None, "")


def test_an_href_from_an_internal_dtd() -> None:
    head = '<!DOCTYPE article [<!ATTLIST graphic xlink:href CDATA "x" id CDATA "i">]>'
    one = figure("<caption><p>a</p></caption><graphic/>", head)
    assert [graphic.href for graphic in one.graphics] in ([], ["x"])
    assert one.caption == "a"


def test_an_article_in_an_article_is_read_once() -> None:
    text = f"<article {XLINK}><front/>{FIGURE}<article>{FIGURE}</article></article>"
    [one] = read_articles(text.encode())
    assert len(one.figures) == 2


def test_a_bad_article_of_a_set_is_rejected_alone() -> None:
    bad = group(f"<caption><p>{'x' * 90_000}</p></caption>", figures=100)
    articles = [f"<article><front/>{body}</article>" for body in (FIGURE, bad, FIGURE)]
    text = f"<pmc-articleset {XLINK}>{''.join(articles)}</pmc-articleset>".encode()
    problems: list[str] = []
    assert [len(one.figures) for one in read_articles(text, "", problems.append)] == [1, 1]
    [problem] = problems
    assert problem.startswith("article 2 of 3: captions have more than 8,000,000 characters")
    with pytest.raises(ArticleError, match="captions have more than"):
        list(read_articles(text))


def group(inside: str = "", attribute: str = "", figures: int = 3000) -> str:
    return f"<fig-group {attribute}>{inside}{FIGURE * figures}</fig-group>"


GRAPHIC = '<graphic xlink:href="gr1"/>'
NESTED = "<list-item>" * 120 + "<b/>" * 20_000 + "</list-item>" * 120


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (group(f"<caption><p>{'x' * 800_000}</p></caption>"), "800,"),
        (group(f"<caption><p>{'x' * 50_000}</p></caption>"), "total"),
        (group(f"<label>{'x' * 800_000}</label>"), "800,0"),
        (group(attribute=f"id='{'x' * 800_000}'").replace('id="f"', ""), "800,0"),
        (f"<fig><caption><list>{NESTED}</list></caption></fig>", "total"),
        ("<fig>" * 120 + f"<list>{'<list-item/>' * 50_000}</list>" + "</fig>" * 120, ""),
        (f"<fig><caption><p>{'&nothing;' * 20_000}</p></caption></fig>" + FIGURE, "DTD only"),
        ("<fig><caption><p>&nothing;</p></caption></fig>" * 6_000, "DTD only"),
        (group(f"<caption>{'<p/>' * 20_000}</caption>").replace("<p>a</p>", ""), ""),
        (group(f"<caption><p>{'<b>x</b>' * 10_000}&nothing;</p></caption>"), "DTD only"),
        (f"<fig><caption><p>{'<b/>' * 100_000}</p></caption></fig>", ""),
        (f"<fig><caption><p>{'x' * 50_000}</p></caption>{GRAPHIC * 30_000}</fig>", "total"),
        (f"<fig><list><list-item>{'x' * 50_000}</list-item></list>{GRAPHIC * 300}</fig>", "total"),
    ],
    ids=range(13),
)  # fmt: skip
def test_a_large_article_is_bounded_in_time_and_memory(body: str, reason: str) -> None:
    text = f"{DOCTYPE.format('x')}<article {XLINK}><front/><body>{body}</body></article>".encode()
    problems: set[str] = set()
    tracemalloc.start()
    try:
        try:
            [one] = read_articles(text)
            problems = {figure.problem for figure in one.figures if figure.problem}
        except ArticleError as error:
            problems = {str(error)}
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert len(problems) == bool(reason)
    assert all(reason in one and "\n" not in one and len(one) < 200 for one in problems)
