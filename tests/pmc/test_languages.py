"""Articles in several languages: the choice of a caption, and each image once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_figures import FIGURE, XLINK, figure

from concept_linker.pmc.articles import read_articles
from concept_linker.pmc.extraction import ExtractionSummary, extract
from concept_linker.pmc.image_files import image_stem

TRANSLATION, REPLY = 'article-type="translation"', 'article-type="reply"'


def captions(*languages: str) -> str:
    attributes = [f'xml:lang="{one}"' if one else "" for one in languages]
    return "".join(
        f"<caption {attribute}><p>{one}.</p></caption>"
        for one, attribute in zip(languages, attributes, strict=True)
    )


@pytest.mark.parametrize(
    ("languages", "taken"),
    [
        (("en", "es"), "en."), (("es", "en"), "en."), (("es", "en-GB"), "en-GB."),
        (("", "es"), "."), (("es", ""), "."), (("pt", "es"), "pt."),
        (("pt", "pt-BR"), "pt. pt-BR."),
        (("", ""), ". ."),
    ],
)  # fmt: skip
def test_captions_in_two_languages(languages: tuple[str, ...], taken: str) -> None:
    assert figure(captions(*languages)).caption == taken


def test_paragraphs_and_labels_in_two_languages() -> None:
    one = figure(
        '<label xml:lang="pt">Figura 1</label><label xml:lang="en">Figure 1</label>'
        '<caption><title xml:lang="pt">Tórax.</title><title xml:lang="en">Chest.</title>'
        '<p xml:lang="pt">Derrame.</p><p xml:lang="en">Effusion.</p></caption>'
    )
    assert (one.label, one.caption, one.language) == ("Figure 1", "Chest. Effusion.", "en")


@pytest.mark.parametrize(
    ("attributes", "sub_article", "languages"),
    [
        ("", "", [""]),
        ('xml:lang="EN-us"', "", ["en"]),
        ('xml:lang="pt"', f'<sub-article xml:lang="en">{FIGURE}</sub-article>', ["pt", "en"]),
        ('xml:lang="pt"', f"<sub-article {TRANSLATION}>{FIGURE}</sub-article>", ["pt", "und"]),
        ('xml:lang="pt"', f"<sub-article {REPLY}>{FIGURE}</sub-article>", ["pt", "pt"]),
        ("", f'<trans-abstract xml:lang="es">{FIGURE}</trans-abstract>', ["", "es"]),
        ("", f"<trans-abstract>{FIGURE}</trans-abstract>", ["", "und"]),
    ],
)
def test_the_language_of_a_figure(attributes: str, sub_article: str, languages: list[str]) -> None:
    text = f"<article {XLINK} {attributes}><front/><body>{FIGURE}</body>{sub_article}</article>"
    [one] = read_articles(text.encode())
    assert [figure.language for figure in one.figures] == languages


SUB_ARTICLES = st.lists(
    st.tuples(
        st.sampled_from([TRANSLATION, REPLY, 'article-type="reviewer-report"', ""]),
        st.sampled_from(["", "en", "en-GB", "es", "pt"]),
        st.sampled_from(["g1", "g1.jpg", "g1.TIF", "g2"]),
    ),
    max_size=4,
)


@given(st.sampled_from(["", "en", "pt"]), SUB_ARTICLES)
def test_an_image_has_captions_of_one_language(
    tmp_path_factory: pytest.TempPathFactory, language: str, parts: list[tuple[str, str, str]]
) -> None:
    """The English caption if there is one; no image is lost."""

    def fig(href: str) -> str:
        return f'<fig><caption><p>a</p></caption><graphic xlink:href="{href}"/></fig>'

    def lang(language: str) -> str:
        return f'xml:lang="{language}"' if language else ""

    text = f"<article {XLINK} {lang(language)}><front/><body>{fig('g1')}</body>" + "".join(
        f"<sub-article {kind} {lang(own)}><body>{fig(href)}</body></sub-article>"
        for kind, own, href in parts
    )
    path = tmp_path_factory.mktemp("article") / "a.xml"
    path.write_text(f"{text}</article>")
    summary = ExtractionSummary()
    pairs = list(extract([path], summary, lambda name, reason: pytest.fail(reason)))
    by_image: dict[str, set[str]] = {}
    for pair in pairs:
        by_image.setdefault(image_stem(pair.image), set()).add(pair.figure.language)
    assert by_image.keys() == {"g1", *(href.lower()[:2] for _, _, href in parts)}
    assert all(len(languages) == 1 for languages in by_image.values())
    if language == "en" or any(own[:2] == "en" and href != "g2" for _, own, href in parts):
        assert by_image["g1"] == {"en"}
    assert len(pairs) + summary.left_out["caption in another language"] == 1 + len(parts)
    others = sum(pair.figure.language not in ("", "en") for pair in pairs)
    assert summary.other_languages.total() == others


def test_a_translation_without_a_caption_changes_nothing(tmp_path: Path) -> None:
    bare = '<fig><caption/><graphic xlink:href="g"/></fig>'
    text = (
        f'<article {XLINK} xml:lang="pt"><front/>{FIGURE}'
        f'<sub-article {TRANSLATION} xml:lang="en">{bare}</sub-article></article>'
    )
    (tmp_path / "a.xml").write_text(text)
    summary = ExtractionSummary()
    [pair] = extract([tmp_path], summary, lambda name, reason: pytest.fail(reason))
    assert pair.figure.language == "pt"
    assert summary.other_languages == {"pt": 1}
    assert summary.left_out == {"no caption": 1}
