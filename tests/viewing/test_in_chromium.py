"""The page in a real browser: what it shows, filters and refuses, and how long it takes."""

from __future__ import annotations

import random
import re
import socket
from statistics import median
from typing import Any

import pytest
from made_collections import CONCEPTS, HOSTILE, collection, hostile

from concept_linker.knowledge_base.semantic_types import GROUP_NAMES
from concept_linker.viewing.collection import Collection, Comparison, RecordView, Span
from concept_linker.viewing.page import page

COUNT = re.compile(r"([\d,]+)(?: of ([\d,]+))? records, ([\d,]+) mentions")
SET = """
const [id, value] = arguments, input = document.getElementById(id);
input.value = value; input.dispatchEvent(new Event("input", { bubbles: true }));
"""
#: One entry a control: its role and its name, as assistive technology has them.
NAMED = {"button", "link", "searchbox", "slider", "article", "feed", "complementary", "image"}


def counts(browser: Any) -> tuple[int, int]:
    found = COUNT.fullmatch(browser.texts("#count")[0])
    return int(found[1].replace(",", "")), int(found[3].replace(",", ""))


def press(browser: Any, key: str, value: object) -> None:
    browser.run(f"document.querySelector('[data-{key}=\"{value}\"]').click()")


def test_the_page_shows_the_records(browser: Any) -> None:
    made = collection(50)
    browser.open(page(made, title="Fifty"))
    assert counts(browser) == (50, sum(len(one.spans) for one in made.records))
    shown = browser.texts(".caption")
    assert shown == [one.caption for one in made.records[: len(shown)]]
    marked = browser.texts(".record:first-child .m")
    first = made.records[0]
    assert marked == [first.caption[span.start : span.end] for span in first.spans]
    assert browser.complaints() == []


@pytest.mark.parametrize("scored", [False, True])
@pytest.mark.parametrize("compared", [False, True])
def test_filters_select_what_a_plain_loop_selects(
    browser: Any, compared: bool, scored: bool
) -> None:
    made = collection(400, compared=compared, scored=scored, seed=3)
    browser.open(page(made, title="Filters"))
    data = browser.run("return [data.groups.map(g => g[0]), data.concepts.map(c => c[0])]")
    draw = random.Random(5)
    for _ in range(12):
        browser.run("reset()")
        text = draw.choice(["", "", "lesion in", "µM", "nothing"])
        least, most = draw.choice([(0, 1), (0.5, 1), (0, 0.3), (0.2, 0.8)])
        low, high = draw.choice([(0, 1), (0.5, 1), (0, 0.9)]) if scored else (0, 1)
        groups = set(draw.sample(["ANAT", "DISO", "none"], draw.choice([0, 0, 1, 2])))
        concepts = set(draw.sample(data[1][:8], draw.choice([0, 0, 1, 2])))
        comparison = draw.choice(["all", "any", 1, 2, 3]) if compared else "all"
        browser.run(SET, "text", text)
        browser.run(SET, "least", least)
        browser.run(SET, "most", most)
        browser.run(SET, "score-least", low)
        browser.run(SET, "score-most", high)
        if compared:
            press(browser, "comparison", comparison)
        for group in groups:
            press(browser, "group", data[0].index(group))
        for concept in concepts:
            browser.run("toggle(selection.concepts, arguments[0])", data[1].index(concept))
        browser.settle()

        def fits(
            span: Span,
            least: float = least,
            most: float = most,
            scores: tuple[float, float] = (low, high),
            kind: Any = comparison,
        ) -> bool:
            score = -1.0 if span.score is None else span.score
            if scores != (0, 1) and not scores[0] <= score <= scores[1]:
                return False
            right = kind == "all" or (
                span.comparison != Comparison.SAME if kind == "any" else span.comparison == kind
            )
            return least <= span.similarity <= most and right

        records = mentions = 0
        for one in made.records:
            spans = [span for span in [*one.spans, *(one.others or [])] if fits(span)]
            chosen = [s for s in spans if not groups or (CONCEPTS[s.cui] or "none") in groups]
            wants_spans = bool(groups) or (least, most, low, high, comparison) != (
                0,
                1,
                0,
                1,
                "all",
            )
            if (
                text.lower() in one.caption.lower()
                and concepts <= {span.cui for span in spans}
                and (chosen or not wants_spans)
            ):
                records += 1
                mentions += len(chosen)
        case = (text, least, most, low, high, groups, concepts, comparison)
        assert counts(browser) == (records, mentions), case
    assert browser.complaints() == []


@pytest.mark.parametrize("scored", [False, True])
def test_scores_have_a_slider_or_a_note(browser: Any, scored: bool) -> None:
    browser.open(page(collection(20, scored=scored), title="Scores"))
    for name, shown in (("scores", scored), ("no-scores", not scored)):
        hidden = browser.run("return document.getElementById(arguments[0]).hidden", name)
        assert hidden is not shown
    browser.hover(".m")
    tips = browser.run(
        "return [...document.querySelectorAll('#tip span')].map((s) => s.textContent)"
    )
    for name in ("probability ", "score "):
        assert any(text.startswith(name) for text in tips) is scored
    assert browser.complaints() == []


def test_search_hits_are_highlighted(browser: Any) -> None:
    """Also across the edges of mentions."""
    made = collection(60, seed=2)
    browser.open(page(made, title="Hits"))
    browser.run(SET, "text", " Lesion IN ")
    browser.settle()
    hits = browser.run("return [...CSS.highlights.get('hit')].map((range) => String(range))")
    shown = browser.texts(".caption")
    assert hits == ["lesion in"] * sum(caption.count("lesion in") for caption in shown)
    browser.click("#reset")
    assert browser.run("return CSS.highlights.get('hit').size") == 0


def test_counts_by_concept_and_group(browser: Any) -> None:
    made = collection(200, seed=1)
    browser.open(page(made, title="Counts"))
    cui, records = browser.run(
        "const b = document.querySelector('#concept-list button');"
        "return [concepts[b.dataset.concept][0], b.querySelector('.number').textContent]"
    )
    having = [one for one in made.records if cui in {span.cui for span in one.spans}]
    assert int(records) == len(having)
    browser.click("#concept-list button")
    assert counts(browser)[0] == len(having)
    assert browser.run("return document.activeElement.getAttribute('aria-pressed')") == "true"
    browser.click("#reset")
    anatomy = next(text for text in browser.texts("#group-list button") if "Anatomy" in text)
    groups = [{CONCEPTS[span.cui] for span in one.spans} for one in made.records]
    assert anatomy == f"Anatomy{sum('ANAT' in found for found in groups)}"


def test_hover_and_focus_show_the_tooltip(browser: Any) -> None:
    browser.open(page(collection(20), title="Hover"))
    browser.hover(".m")
    by_mouse = browser.texts("#tip:not([hidden])")
    browser.hover("h1")
    assert browser.texts("#tip:not([hidden])") == []
    browser.run("document.querySelector('.m').focus()")
    assert browser.texts("#tip:not([hidden])") == by_mouse
    assert "similarity 0." in by_mouse[0]
    assert browser.run("return document.activeElement.getAttribute('aria-describedby')") == "tip"
    browser.key("\ue00c")  # Escape
    assert browser.texts("#tip:not([hidden])") == []
    address = browser.run("return document.querySelector('.m').href")
    assert re.fullmatch(r"https://uts\.nlm\.nih\.gov/uts/umls/concept/C\d{7}", address)


def test_keys(browser: Any) -> None:
    made = collection(3000)
    browser.open(page(made, title="Keys"))
    place = "return document.activeElement.closest('.record')?.dataset.place"
    browser.key("j", "j", "k", "j")
    assert browser.run(place) == "1"
    browser.key("G")
    assert browser.run(place) == "2999"
    assert made.records[-1].caption in browser.texts(".caption")
    browser.key("g", "\ue00f")  # Page Down
    assert browser.run(place) == "1"
    browser.key("/", *"lesion")
    assert counts(browser)[0] == sum("lesion" in one.caption for one in made.records)
    assert browser.run("return document.querySelector('#text').value") == "lesion"
    browser.key("\ue00c", "c")
    assert counts(browser)[0] == 3000
    browser.key("?")
    assert browser.run("return document.querySelector('#help').open")
    browser.key("j", "\ue00c")
    assert not browser.run("return document.querySelector('#help').open")
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [1280, 390])
def test_scrolling_renders_each_record_once_and_few_at_a_time(browser: Any, width: int) -> None:
    browser.open(page(collection(300, compared=True), title="Scroll"), width=width)
    shown_records: set[int] = set()
    for _ in range(400):
        places, gaps, held, end = browser.run("""
            const boxes = [...document.querySelectorAll(".record")].map(e =>
              [Number(e.dataset.place), e.getBoundingClientRect()]).sort((a, b) => a[0] - b[0]);
            const gaps = boxes.slice(1).map((b, i) => Math.round(b[1].top - boxes[i][1].bottom));
            const visible = ([, box]) => box.bottom > 56 && box.top < innerHeight;
            const places = boxes.filter(visible).map((box) => box[0]);
            const end = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
            scrollBy(0, innerHeight * .8);
            return [places, gaps, boxes.length, end];
        """)
        shown_records.update(places)
        assert set(gaps) == {12}
        assert held < 40
        browser.settle()
        if end:
            break
    assert shown_records == set(range(300))
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth")


def test_hostile_captions_are_text(browser: Any) -> None:
    made = hostile()
    browser.open(page(made, title=HOSTILE[1], image_of=lambda one: f"./images/{one.image}"))
    assert browser.texts("h1") == [HOSTILE[1]]
    for place, text in enumerate(HOSTILE):
        browser.run("goTo(arguments[0])", place)
        element = f".record[data-place='{place}']"
        assert browser.texts(f"{element} .caption") == [text]
        assert text in browser.texts(f"{element} .about span")
        for number in range(2):
            browser.run(
                "document.querySelectorAll(arguments[0])[arguments[1]].focus()",
                f"{element} .m",
                number,
            )
        browser.hover(f"{element} .caption")
    assert browser.run("return window.hacked") is None
    names = browser.run(
        "return [...new Set([...document.querySelectorAll('*')].map(e => e.localName))]"
    )
    assert not {"iframe", "svg", "object", "base"} & set(names)
    assert browser.run("return document.querySelectorAll('link, meta').length") == 6
    assert len(browser.run("return [...document.scripts].map(s => s.type)")) == 2
    assert [url for url in browser.requests() if url.startswith("http")] == []


def test_no_request_leaves_the_page_even_from_a_script(browser: Any) -> None:
    """A script from the browser's driver tries all kinds of requests; none is sent."""
    browser.open(page(collection(5), title="Policy"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        result = browser.driver.execute_async_script(
            """
            const [to, done] = arguments, body = document.body;
            body.insertAdjacentHTML("beforeend", `<img src=x onerror="window.hacked = 1">
              <img src="${to}"><iframe src="${to}"></iframe><object data="${to}"></object>
              <video src="${to}"></video><link rel="stylesheet" href="${to}">
              <form action="${to}" method="post"></form><p style="background: url(${to})"></p>`);
            for (const [key, value] of [["textContent", "window.hacked = 2"], ["src", to]]) {
              const script = document.createElement("script");
              script[key] = value;
              body.append(script);
            }
            navigator.sendBeacon(to);
            document.querySelector("form[action]").submit();
            fetch(to).then(() => done("fetched"), () => setTimeout(() => done("refused"), 300));
            """,
            f"http://127.0.0.1:{listener.getsockname()[1]}/",
        )
        assert result == "refused"
        assert _received(listener) == []
    assert browser.run("return window.hacked") is None


def _received(listener: socket.socket) -> list[bytes]:
    """What was sent; Chromium preconnects for frames and forms that the policy then blocks."""
    sent = []
    while True:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            return [data for data in sent if data]
        with connection:
            connection.settimeout(0.2)
            try:
                sent.append(connection.recv(1000))
            except TimeoutError:
                sent.append(b"")


def test_images_next_to_captions(browser: Any) -> None:
    pixel = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
    records = [
        RecordView("a lesion", "a.gif", [Span(2, 8, "C0000001", 1.0)]),
        RecordView("none", "b.gif", []),
    ]
    addresses = {"a.gif": pixel, "b.gif": ""}
    html = page(
        Collection(["x"], records), title="Images", image_of=lambda one: addresses[one.image]
    )
    browser.open(html)
    browser.settle()
    assert browser.run("return document.querySelector('.picture img').naturalWidth") == 1
    assert browser.texts(".picture")[1] == "no image"
    browser.click(".picture")
    assert browser.run("return document.querySelector('#enlarged').open")
    assert browser.complaints() == []


def test_offsets_are_utf16_units(browser: Any) -> None:
    caption = "🧠🧠 lesion 𝒳 of é́ brain 🧠"
    spans = [
        Span(caption.index(w), caption.index(w) + len(w), "C0000001", 1.0)
        for w in ("lesion", "𝒳", "brain 🧠")
    ]
    browser.open(page(Collection(["x"], [RecordView(caption, "", spans)]), title="Wide"))
    assert browser.texts(".m") == ["lesion", "𝒳", "brain 🧠"]
    assert browser.texts(".caption") == [caption]


def test_everything_has_an_accessible_name(browser: Any) -> None:
    html = page(collection(30, compared=True), title="Names", image_of=lambda one: "")
    for width in (1280, 390):
        browser.open(html, width=width)
        tree = browser.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        nodes = [node for node in tree if not node["ignored"]]
        roles = {node["role"]["value"] for node in nodes}
        assert {"button", "link", "article", "feed"} <= roles
        for node in nodes:
            if node["role"]["value"] in NAMED:
                assert node["name"]["value"].strip(), node
    status = [node for node in nodes if node["role"]["value"] == "status"]
    assert status


@pytest.mark.parametrize("dark", [False, True])
def test_every_group_has_enough_contrast(browser: Any, dark: bool) -> None:
    """WCAG 2.2: 7 to 1 for text (level AAA), 3 to 1 for the edge that marks a mention."""
    cuis = [f"C{number:07}" for number in range(len(GROUP_NAMES) + 1)]
    spans = [Span(number, number + 1, cui, 1.0) for number, cui in enumerate(cuis)]
    groups = dict(zip(cuis, GROUP_NAMES, strict=False))
    made = Collection(["x"], [RecordView("x" * len(cuis), "", spans)], groups=groups)
    browser.open(page(made, title="Colours"), dark=dark)
    colours = browser.run("""
        const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
        const rgb = (colour) => {
          pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
          return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
        };
        const paper = rgb(getComputedStyle(document.querySelector(".record")).backgroundColor);
        return [...document.querySelectorAll(".m")].map((e) => {
          const style = getComputedStyle(e);
          const colours = [style.color, style.backgroundColor, style.borderBottomColor];
          return [...colours.map(rgb), paper];
        });
    """)
    assert len(colours) == len(cuis)
    for ink, ground, edge, paper in colours:
        assert contrast(ink, ground) >= 7
        assert contrast(edge, paper) >= 3
        assert contrast(edge, ground) >= 3


def contrast(one: list[int], other: list[int]) -> float:
    def luminance(rgb: list[int]) -> float:
        parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_twenty_thousand_records_scroll_smoothly(browser: Any) -> None:
    browser.open(page(collection(20_000), title="Many", image_of=lambda one: f"./{one.image}"))
    browser.settle()
    painted, ready = browser.run(
        "return [performance.getEntriesByName('first-contentful-paint')[0].startTime,"
        "performance.getEntriesByName('shown')[0].startTime]"
    )
    assert painted <= 2000
    assert ready <= 2000
    changes = [("text", "lesion in"), ("text", "zzz"), ("text", ""), ("least", 0.5), ("least", 0)]
    times = [
        browser.driver.execute_async_script(
            """
            const [id, value, done] = arguments, began = performance.now();
            const input = document.getElementById(id);
            input.value = value; input.dispatchEvent(new Event("input", { bubbles: true }));
            const end = () => done(performance.now() - began);
            requestAnimationFrame(() => requestAnimationFrame(end));
            """,
            *change,
        )
        for change in changes
    ]
    assert median(times) <= 200
