"""What is read for a page: pairs of annotations, names, images, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_linker import Annotation, Candidate, Mention, SettingsError, SourceError
from concept_linker.triplets.mention_columns import SPAN_DETAIL
from concept_linker.triplets.reading import has_images as holds_images
from concept_linker.triplets.record import SPAN_DETAILS
from concept_linker.triplets.writing import open_writer
from concept_linker.viewing.assets import asset
from concept_linker.viewing.collection import Comparison, RecordView, Span, compare, read_collection
from concept_linker.viewing.images import Embedder, image_file, image_type, relative_to_page
from concept_linker.viewing.page import page

GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"


def record(caption: str, *spans: tuple[str, str, float], image: str = "a.gif") -> dict[str, Any]:
    mentions = [
        Mention(start, start + len(text), text, best=Candidate(cui, "", "", similarity, 1.0))
        for text, cui, similarity in spans
        for start in [caption.index(text)]
    ]
    return dict(Annotation(caption, tuple(mentions)).to_record(image=image, pmc="22"))


def write(path: Path, *rows: dict[str, Any], **options: Any) -> Path:
    with open_writer(path, **options) as writer:
        for row in rows:
            writer.write(row)
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_records_are_read(tmp_path: Path, name: str) -> None:
    rows = [
        record("A lesion of the lung.", ("lesion", "C0221198", 1.0), ("lung", "C0024109", 0.75)),
        record("Nothing."),
    ]
    found = read_collection(write(tmp_path / name, *rows), kb="default", limit=10)
    first, second = found.records
    assert first.spans == [Span(2, 8, "C0221198", 1.0), Span(16, 20, "C0024109", 0.75)]
    assert (first.pmc, second.spans) == ("22", [])
    assert (found.sources, found.bad, found.more) == ([name], 0, False)
    assert found.groups["C0024109"] == "ANAT"
    assert found.names["C0024109"].lower().startswith("lung")


def test_equal_similarities_are_shown_as_one(tmp_path: Path) -> None:
    """As in the published records; the next float32 below is not equal."""
    similarities = [1.0]
    while len(similarities) < 4:
        similarities.append(float(np.nextafter(np.float32(similarities[-1]), np.float32(0))))
    rows = [record("lung", ("lung", "C0024109", similarity)) for similarity in similarities]
    found = read_collection(write(tmp_path / "a.jsonl", *rows), kb=None, limit=9)
    shown = [one.spans[0].similarity for one in found.records]
    assert shown == [1.0, 1.0, 1.0, similarities[3]]


def scored(path: Path, rows: list[dict[str, Any]], details: Any) -> Path:
    """Records in Parquet with the column ``span_details``."""
    write(path, *rows)
    table = pq.read_table(path)
    pq.write_table(table.append_column(SPAN_DETAILS, details), path)
    return path


DETAILS = pa.list_(SPAN_DETAIL)


def test_spans_have_probability_and_score(tmp_path: Path) -> None:
    """Also if the offsets are the published ones."""
    mentions = ("big", "C0000001", 1.0), ("lung", "C0024109", 0.75)
    row = record("A (big) lesion of lung.", *mentions)
    for span, start in zip(row["umls_meta_info"], (4, 20), strict=True):  # "a ( big ) lesion …"
        span["end_char"] += start - span["start_char"]
        span["start_char"] = start
    details = [
        {"probability": 1 - score, "score": score, "label": "ANAT", "negated": False}
        for score in (0.25, 0.75)
    ]
    path = scored(tmp_path / "a.parquet", [row], pa.array([details], DETAILS))
    [one] = read_collection(path, kb=None, limit=9).records
    assert [(one.caption[s.start : s.end], s.probability, s.score) for s in one.spans] == [
        ("big", 0.75, 0.25),
        ("lung", 0.25, 0.75),
    ]
    data = page(read_collection(path, kb=None, limit=9), title="a")
    assert '"scored":true' in data
    assert '"records":[["A (big) lesion of lung.",[3,6,0,1000,0,750,250,18,22,1,750,0,250,750]' in (
        data
    )
    [alone] = read_collection(write(tmp_path / "b.parquet", row), kb=None, limit=9).records
    assert [span.score for span in alone.spans] == [None, None]


@pytest.mark.parametrize(
    "details",
    [
        pa.array([[{"score": 0.5}]]),  # too few
        pa.array([[{"score": 0.5}, {"score": None}]]),
        pa.array([[{"score": 0.5}, {"score": float("nan")}]]),
        pa.array([[{"score": 0.5}, {"score": 2.0}]]),
        pa.array([[{"other": 0.5}, {"other": 0.5}]]),
        pa.array([[0.5, 0.5]]),
        pa.array([None], pa.list_(pa.float32())),
        pa.array(["0.5, 0.5"]),
    ],
)
def test_other_columns_are_not_taken_for_scores(tmp_path: Path, details: Any) -> None:
    row = record("A lesion of the lung.", ("lesion", "C0221198", 1.0), ("lung", "C0024109", 0.75))
    found = read_collection(scored(tmp_path / "a.parquet", [row], details), kb=None, limit=9)
    assert (found.bad, [span.score for span in found.records[0].spans]) == (0, [None, None])
    assert '"scored":false' in page(found, title="a")


def test_published_offsets_are_mapped(shared_data: Path) -> None:
    path = shared_data / "medconcept_sample/full.jsonl"
    found = read_collection(path, kb=None, limit=1000)
    published = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(found.records) == len(published)
    for one, row in zip(found.records, published, strict=True):
        assert len(one.spans) == len(row["umls_meta_info"])
        for span, given_span in zip(one.spans, row["umls_meta_info"], strict=True):
            words = "".join(one.caption[span.start : span.end].lower().split())
            said = "".join(token.removeprefix("##") for token in given_span["tokens"])
            assert words.isascii() is False or words == said
    equal = [s.similarity for one in found.records for s in one.spans if s.similarity > 0.999999]
    assert set(equal) == {1.0}


def test_bad_rows_and_the_limit_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", *(record(f"Caption {n}.") for n in range(5)))
    path.write_text("{}\n" + path.read_text("ascii") + "no json\n", encoding="ascii")
    whole = read_collection(path, kb=None, limit=5)
    assert (len(whole.records), whole.bad, whole.more) == (5, 2, False)
    part = read_collection(path, kb=None, limit=3)
    assert (len(part.records), part.more) == (3, True)
    with pytest.raises(SettingsError, match="limit is 0"):
        read_collection(path, kb=None, limit=0)


def test_minimised_records_are_bad_rows(tmp_path: Path) -> None:
    row = {"caption": "a", "image": "b.jpg", "umls_meta_info": [[0, 1]]}
    path = write(tmp_path / "a.jsonl", row, form="minimised")
    assert read_collection(path, kb=None, limit=3).bad == 1


def test_two_annotations_pair_by_image_and_caption(tmp_path: Path) -> None:
    ours = write(
        tmp_path / "ours.jsonl",
        record("A big lesion, lung.", ("lesion", "C0000001", 1.0), ("lung", "C0000003", 1.0)),
        record("Only ours."),
        record("Twice.", image="b.gif"),
        record("Twice.", ("Twice", "C0000004", 1.0), image="b.gif"),
    )
    theirs = write(
        tmp_path / "theirs.jsonl",
        record("Twice.", image="b.gif"),
        record("Only theirs."),
        record("A big lesion, lung.", ("big lesion", "C0000001", 1.0), ("lung", "C0000009", 1.0)),
        record("Twice.", image="b.gif"),
    )
    found = read_collection(ours, against=theirs, kb=None, limit=10)
    assert found.sources == ["ours.jsonl", "theirs.jsonl"]
    assert [one.caption for one in found.records] == ["A big lesion, lung.", "Twice.", "Twice."]
    assert found.unpaired == 2
    first = found.records[0]
    assert [span.comparison for span in first.spans] == [Comparison.BOUNDARY, Comparison.CONCEPT]
    assert first.others is not None
    assert [span.comparison for span in first.others] == [Comparison.BOUNDARY, Comparison.CONCEPT]


SPANS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 5), st.sampled_from(["C1", "C2"])), max_size=6
).map(lambda drawn: [Span(start, start + length, cui, 1.0) for start, length, cui in drawn])


@given(SPANS, SPANS)
def test_comparisons(ours: list[Span], theirs: list[Span]) -> None:
    left, right = compare(ours, theirs)
    mirrored = compare(theirs, ours)
    assert (left, right) == (mirrored[1], mirrored[0])
    for span in left:
        touching = [other for other in theirs if set(range(*span[:2])) & set(range(*other[:2]))]
        assert (span.comparison == Comparison.ALONE) == (not touching)
        assert (span.comparison == Comparison.SAME) == (span[:3] in {other[:3] for other in theirs})
        if span.comparison == Comparison.CONCEPT:
            assert span.cui not in {other.cui for other in touching}
    assert compare(ours, ours)[0] == ours


def test_image_types_are_detected_by_content() -> None:
    known = {
        b"\xff\xd8\xff\xe0": "image/jpeg",
        b"\x89PNG\r\n\x1a\n": "image/png",
        GIF: "image/gif",
        b"RIFF\x00\x00\x00\x00WEBPVP8": "image/webp",
    }
    assert {image_type(data) for data in known} == set(known.values())
    for data in (b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"RIFF____WAVE"):
        assert image_type(data) is None


def test_no_image_from_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "in.gif").write_bytes(GIF)
    (tmp_path / "secret.gif").write_bytes(GIF)
    (folder / "link.gif").symlink_to(tmp_path / "secret.gif")
    assert image_file(folder, "in.gif") == (folder / "in.gif").resolve()
    (folder / "circle.gif").symlink_to("circle.gif")
    none = ["../secret.gif", "link.gif", "missing.gif", ".", str(tmp_path / "secret.gif")]
    none += ["a\0.gif", "x" * 5000, "circle.gif"]
    assert [image_file(folder, name) for name in none] == [None] * len(none)
    embed = Embedder(folder)
    addresses = [embed(RecordView("", name, [])) for name in ("in.gif", *none)]
    assert addresses[0].startswith("data:image/gif;base64,R0lG")
    assert addresses[1:] == [""] * len(none)
    assert embed.missing == len(none)


def test_too_many_embedded_bytes_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.gif").write_bytes(GIF)
    monkeypatch.setattr("concept_linker.viewing.images.MAX_EMBEDDED_BYTES", 40)
    embed = Embedder(tmp_path)
    embed(RecordView("", "a.gif", []))
    with pytest.raises(SettingsError, match=r"omit --embed, .*--limit"):
        embed(RecordView("", "a.gif", []))


@pytest.mark.parametrize(
    "image", ["a b.jpg", "https://example.org/a.jpg", "a?b#c.jpg", "//x/y.jpg"]
)
def test_relative_addresses_stay_inside_the_folder(tmp_path: Path, image: str) -> None:
    address = relative_to_page(tmp_path / "images", tmp_path / "pages/page.html")(
        RecordView("", image, [])
    )
    assert address.startswith("./../images/")
    assert not set(address) & set(" ?#:")


def test_images_of_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(GIF)
    path = write(tmp_path / "a.parquet", record("A lesion."), images=tmp_path)
    assert holds_images(path)
    [one] = read_collection(path, kb=None, limit=1, images=True).records
    assert Embedder(None)(one).startswith("data:image/gif")


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(SourceError, match=r"a\.parquet"):
        read_collection(tmp_path / "a.parquet", kb=None, limit=1)


def test_the_same_records_make_the_same_page(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", record("A lesion.", ("lesion", "C0221198", 1.0)))
    pages = {page(read_collection(path, limit=9), title="<&>") for _ in range(2)}
    [html] = pages
    assert "<title>&lt;&amp;&gt;</title>" in html
    assert "{{" not in html.replace(asset("browser/2-filters.js"), "")
