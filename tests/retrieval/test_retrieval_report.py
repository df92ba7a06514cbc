"""The report: parts, confusions, misses; the page with hostile captions and without a network."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from concept_linker.errors import InputError
from concept_linker.retrieval import Positives, score
from concept_linker.retrieval.concept_groups import ConceptGroups
from concept_linker.retrieval.page import page, thumbnails
from concept_linker.retrieval.pairs import Pair
from concept_linker.retrieval.report import report

HOSTILE = """</p><script>alert(1)</script><img src=x onerror="alert(2)">' </style> & "quoted\""""


class Groups(ConceptGroups):
    """Names and groups without a base."""

    def __init__(self) -> None:
        self._look = lambda concept: (f"<b>{concept}</b>", "ANAT" if concept < "M" else "DISO")


def made(rows: int = 40, other: bool = False):
    random = np.random.default_rng(0)
    latent = random.normal(size=(rows, 6))
    images, texts, third = (latent + random.normal(size=latent.shape) for _ in range(3))
    images[0] = -texts[0]  # the worst miss
    pairs = [
        Pair(
            n + 1,
            f"{n}.png",
            HOSTILE if n % 2 else "CT",
            "PMC1",
            concepts=(["A", "B", "X"][n % 3],),
        )
        for n in range(rows)
    ]
    scores = score(images, texts)
    second = score(third, texts) if other else None
    return scores, report(scores, pairs=pairs, groups=Groups(), other=second, resamples=50)


def test_parts_add_up_to_the_whole() -> None:
    scores, report = made()
    by_kind: dict[str, list] = {}
    for part in report.parts:
        by_kind.setdefault(part.kind, []).append(part)
    for parts in by_kind.values():
        whole = sum(part.pairs * part.image_to_text["R@10"] for part in parts) / 40
        figure = report.figures["all_positives"]["image_to_text_R@10"]
        assert whole == pytest.approx(figure)
    assert {part.name for part in by_kind["modality"]} == {"CT", "other"}
    assert {part.name for part in by_kind["semantic group"]} == {"ANAT", "DISO"}
    assert sum(dict(report.histograms["image_to_text"]).values()) == len(scores)


def test_confusions_stay_within_a_group() -> None:
    scores, report = made()
    found = {(one.wanted, one.shown) for one in report.confusions}
    assert found == {("<b>A</b>", "<b>B</b>"), ("<b>B</b>", "<b>A</b>")}
    rows = np.flatnonzero(scores.image_to_text.best.above)
    kinds = np.array(["A", "B", "X"] * 14)
    wanted = sum(kinds[r] == "A" and kinds[scores.image_to_text.first[r]] == "B" for r in rows)
    [own] = [c for c in report.confusions if c.direction == "image_to_text" and "A" in c.wanted]
    assert own.misses == wanted


def test_the_worst_miss_comes_first() -> None:
    scores, report = made()
    first = report.misses[0]
    assert (first.direction, first.row, first.rank) == ("image_to_text", 0, 40.0)
    assert first.first == scores.image_to_text.first[0]


def test_it_is_json_and_a_table() -> None:
    _, report = made(other=True)
    back = json.loads(json.dumps(report.to_dict()))
    for key in ("image_to_text_R@1", "text_to_image_median_rank", "i2t_R@200_CI", "t2i_MRR_CI"):
        assert key in back["all_positives"]
        assert key in back["one_positive"]
    assert back["difference_to_the_other"]["image_to_text_R@1"]["p"] <= 1
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("R@200") for line in lines)
    assert "minus the other encoder" in str(report)


def test_copies_have_their_own_figures_and_the_published_ones() -> None:
    texts = np.eye(4)[[0, 0, 1, 2]]
    result = report(score(texts, texts, Positives.by_ids("abcd", "xxyz")), resamples=5)
    assert result.figures["all_positives"]["image_to_text_R@1"] == 1.0
    assert result.figures["one_positive"]["image_to_text_R@1"] == 0.75
    assert "Own row only" in str(result)


def test_as_many_pairs_as_rows() -> None:
    with pytest.raises(InputError, match="1 pairs and 4 rows"):
        report(score(np.eye(4), np.eye(4)), pairs=[Pair(1, "a", "b", "c")])


class Reader(HTMLParser):
    """What a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text.append(data)


def test_the_page_is_inert_and_whole(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    image.new("RGB", (900, 600), "red").save(tmp_path / "0.png")
    (tmp_path / "1.png").write_text("no picture")
    _, report = made(other=True)
    html = page(report, title=HOSTILE, picture=thumbnails(tmp_path))
    reader = Reader()
    reader.feed(html)
    names = {tag for tag, _ in reader.tags}
    assert not names & {"script", "iframe", "link", "object", "form"}
    for tag, attributes in reader.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "href" not in attributes
        if tag == "img":
            assert re.fullmatch(r"data:image/jpeg;base64,[\w+/=]+", attributes["src"] or "")
    assert "img" in names
    assert HOSTILE in "".join(reader.text)
    assert "1.png cannot be read" in html
    assert html.count("</style>") == 1
    assert "http" not in html.replace("http-equiv", "")
    assert "color-scheme: light dark" in html
    assert len(html) < 400_000


def test_pictures_are_of_the_folder_and_as_one_sees_them(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image", reason="needs the extra images")
    folder = tmp_path / "images"
    folder.mkdir()
    image.new("RGB", (9, 9), "red").save(tmp_path / "secret.png")
    (folder / "out.png").symlink_to(tmp_path / "secret.png")
    wide = np.add.outer(np.arange(60), np.arange(60)).astype(np.uint16) * 9 + 1000
    image.fromarray(wide).save(folder / "wide.png")
    picture = thumbnails(folder)
    for name in ("out.png", "../secret.png", "a\0.png", "x" * 5000):
        address, problem = picture(name)
        assert address == ""
        assert len(problem) < 200
    shown = image.open(BytesIO(b64decode(picture("wide.png")[0].partition(",")[2])))
    darkest, lightest = shown.convert("L").getextrema()
    assert darkest < 20
    assert lightest > 235


def test_the_page_without_pictures_or_pairs() -> None:
    assert "<img" not in page(made()[1])
    html = page(report(score(np.eye(3), np.eye(3)), resamples=5))
    assert "worst misses" not in html
