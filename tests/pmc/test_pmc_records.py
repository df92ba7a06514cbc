"""Extracting records from articles, and matching published records with fetched images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud_server import IMAGE, Cloud, jats
from test_sources import archive

from concept_linker import KnowledgeBase
from concept_linker.annotation import Annotation
from concept_linker.errors import InputError, SettingsError
from concept_linker.linker import ConceptLinker
from concept_linker.pmc.fetching import fetch
from concept_linker.pmc.rebuilding import articles_of_records, rebuild
from concept_linker.pmc.records import write_records
from concept_linker.pmc.settings import FetchSettings
from concept_linker.triplets.reading import read_records
from concept_linker.triplets.record import PROFILES, RECORD_KEYS


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(cloud: Cloud, folder: Path, articles: Any) -> Path:
    settings = FetchSettings.checked(endpoint=cloud.endpoint, rate=1000, back_off=0.01)
    assert not fetch(articles, folder, settings).failed
    return folder


def test_records_without_concepts(tmp_path: Path) -> None:
    (tmp_path / "PMC5.2.xml").write_bytes(jats("PMC5", ("gr1", "sub/gr2.tif")))
    output = tmp_path / "out.jsonl"
    summary = write_records([tmp_path / "PMC5.2.xml"], output)
    assert (summary.articles, summary.figures, summary.records, summary.rejected) == (1, 2, 2, 0)
    first, second = lines(output)
    assert list(first) == list(RECORD_KEYS)
    assert first == {
        "pmid": "77",
        "pmc": "5",
        "fig_caption": "CT of a lesion 1",
        "fig_id": "f1",
        "fig_label": "Figure 1",
        "fig_list-items": [],
        "graphic_ref": "gr1",
        "href": "gr1",
        "caption": "CT of a lesion 1",
        "image": "PMC5.2/gr1.jpg",
        "umls_meta_info": [],
    }
    assert second["image"] == "PMC5.2/gr2.tif"
    assert lines(tmp_path / "out.provenance.jsonl")[0]["version"] == 2


def test_a_bad_article_is_set_aside_alone(tmp_path: Path) -> None:
    (tmp_path / "in.tar").write_bytes(
        archive({"1.xml": jats("PMC1"), "2.xml": b"<article>", "3.xml": jats("PMC3")})
    )
    output = tmp_path / "out.jsonl"
    for _ in range(2):  # a second run replaces what was set aside
        summary = write_records([tmp_path / "in.tar"], output)
        assert (summary.records, summary.rejected) == (4, 1)
        [bad] = lines(tmp_path / "out.jsonl.quarantine.jsonl")
        assert bad["file"] == "in.tar!2.xml"
        assert bad["problem"].startswith("not well-formed XML")
    (tmp_path / "in.tar").write_bytes(archive({"1.xml": jats("PMC1")}))
    write_records([tmp_path / "in.tar"], output)
    assert not (tmp_path / "out.jsonl.quarantine.jsonl").exists()


def test_figures_without_a_pair_are_counted(tmp_path: Path) -> None:
    body = '<fig><graphic xlink:href="a"/></fig><fig><caption><p>c</p></caption></fig>'
    xml = jats("PMC1", ("gr1", "..")).replace(b"<body>", b"<body>" + body.encode())
    (tmp_path / "1.xml").write_bytes(xml)
    summary = write_records([tmp_path / "1.xml"], tmp_path / "out.jsonl")
    assert (summary.figures, summary.records) == (4, 1)
    assert summary.left_out == {"no caption": 1, "no graphic": 1, "no image": 1}


def test_a_folder_of_images(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(jats("PMC1"))
    (tmp_path / "images/PMC1").mkdir(parents=True)
    (tmp_path / "images/PMC1/gr2.png").write_bytes(IMAGE)
    output = tmp_path / "out.jsonl"
    summary = write_records([tmp_path / "1.xml"], output, images=tmp_path / "images")
    assert [row["image"] for row in lines(output)] == ["PMC1/gr2.png"]
    assert summary.left_out == {"no image": 1}


def test_a_fetched_folder(cloud: Cloud, tmp_path: Path) -> None:
    cloud.add("PMC1", media={"gr2.jpg": IMAGE})
    cloud.add("PMC2", 3, license_code="CC0")
    folder = run(cloud, tmp_path / "articles", {"PMC1": None, "PMC2": frozenset({"gr1"})})
    run(cloud, folder, {"PMC2": None})  # a second line about it
    (folder / "PMC9.1").mkdir()
    (folder / "PMC9.1/PMC9.1.xml").write_bytes(b"left by a run that was killed")
    output = tmp_path / "out.parquet"
    summary = write_records([folder], output, with_images=True)
    assert (summary.articles, summary.records, summary.rejected) == (2, 3, 0)
    assert summary.left_out == {"no image": 1}
    rows = [row for _, row in read_records(output, images=True) if isinstance(row, dict)]
    assert [row["image"] for row in rows] == ["PMC1.1/gr2.jpg", "PMC2.3/gr1.jpg", "PMC2.3/gr2.jpg"]
    assert [row["image_bytes"] for row in rows] == [IMAGE, IMAGE, IMAGE[::-1]]
    about = rows[1]["provenance"]
    assert (about["pmcid"], about["version"], about["licence"]) == ("PMC2", 3, "CC0")
    assert about["source_url"] == f"{cloud.endpoint}/PMC2.3/PMC2.3.xml"
    assert len(about["retrieved"]) == 10


def test_images_without_a_folder(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(jats("PMC1"))
    with pytest.raises(SettingsError, match="without a folder of images"):
        write_records([tmp_path / "1.xml"], tmp_path / "out.parquet", with_images=True)
    assert not (tmp_path / "out.parquet").exists()


class LimitedLinker(ConceptLinker):
    """A linker that raises for long captions."""

    def link_many(self, texts: Iterable[str], *, batch_size: int = 256) -> Iterator[Annotation]:
        for text in texts:
            if len(text) > 100:
                raise InputError("a caption of more than 100 characters")
            yield Annotation(text)


def test_a_caption_the_linker_rejects_is_set_aside_alone(
    tmp_path: Path, linker: ConceptLinker
) -> None:
    for number, caption in enumerate(("CT", "x" * 200, "MRI")):
        (tmp_path / f"{number}.xml").write_bytes(jats(f"PMC{number + 1}", ("gr1",), caption))
    limited = LimitedLinker(*linker.__reduce__()[1])
    summary = write_records([tmp_path], tmp_path / "out.jsonl", linker=limited)
    assert [row["caption"] for row in lines(tmp_path / "out.jsonl")] == ["CT 1", "MRI 1"]
    assert (summary.records, summary.rejected) == (2, 1)
    [bad] = lines(tmp_path / "out.jsonl.quarantine.jsonl")
    assert (bad["file"], bad["problem"]) == (
        "1.xml, figure f1",
        "a caption of more than 100 characters",
    )


def test_hostile_articles_are_rejected_alone(tmp_path: Path) -> None:
    """Good articles after a hostile one in an archive are read."""
    good = jats("PMC9")
    head, _, body = good.partition(b"<body>")
    group = b"<fig-group><caption><p>" + b"x" * 90_000 + b"</p></caption>"
    figures = body.removesuffix(b"</body></article>") * 50
    attributes = b'<!DOCTYPE a [<!ATTLIST graphic xlink:href CDATA "y">]>'
    members = {
        "1.xml": head + b"<body>" + group + figures + b"</fig-group></body></article>",
        "2.xml": good.replace(b"</p></caption>", b"&nothing;</p></caption>", 1),
        "3.xml": good.replace(b'"pmc">9<', b'"pmc">' + b"9" * 5000 + b"<"),
        "4.xml": attributes + good.partition(b">")[2].replace(b'xlink:href="gr1"', b""),
        f"PMC{'1' * 100}.xml": good,
        "6.xml": b"<article>",
        "7.xml": good,
    }
    (tmp_path / "in.tar.gz").write_bytes(archive(members, "gz"))
    summary = write_records([tmp_path / "in.tar.gz"], tmp_path / "out.parquet")
    bad = lines(tmp_path / "out.parquet.quarantine.jsonl")
    assert [one["file"] for one in bad] == [
        "in.tar.gz!1.xml",
        "in.tar.gz!2.xml, figure f1",
        "in.tar.gz!6.xml",
    ]
    assert all(len(one["problem"]) < 200 for one in bad)
    assert (summary.articles, summary.records, summary.rejected) == (5, 9, 3)


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


@pytest.mark.parametrize("profile", PROFILES)
def test_articles_to_triplets_to_datasets(
    shared_data: Path, tmp_path: Path, linker: ConceptLinker, profile: str, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    output = tmp_path / "triplets.parquet"
    summary = write_records(
        [shared_data / "jats/articles.tar.xz"], output, linker=linker, profile=profile
    )
    assert (summary.articles, summary.figures, summary.records) == (120, 588, 590)
    assert summary.spans > 1000
    loaded = datasets.load_dataset(
        "parquet", data_files=str(output), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == 590
    assert loaded.column_names == [*RECORD_KEYS, "provenance"]
    spans = 0
    for row in loaded:
        assert row["provenance"]["licence"] in ("CC BY", "CC0")
        assert row["provenance"]["pmcid"] == f"PMC{row['pmc']}"
        assert row["provenance"]["linker_version"]
        linked = {
            (one.start, one.end, one.best.concept_id)
            for one in linker.link(row["caption"])
            if one.best
        }
        for span in row["umls_meta_info"]:
            spans += 1
            if profile == "exact":
                place = span["start_char"], span["end_char"]
                assert (*place, span["umls_cui"]) in linked
            else:
                assert span["umls_similarity"] >= 0.8
    assert spans == summary.spans


@pytest.fixture
def published(cloud: Cloud, tmp_path: Path) -> Path:
    """Records as MedConcept publishes them: the image has another name."""
    cloud.add("PMC1")
    cloud.add("PMC2", is_retracted=True)
    span = {"umls_cui": "C0221198", "umls_similarity": 1.0, "start_char": 8, "end_char": 14,
            "tokens": ["lesion"], "start_token": 2, "end_token": 3}  # fmt: skip
    record = {key: "" for key in RECORD_KEYS} | {
        "fig_list-items": [], "caption": "CT of a lesion", "umls_meta_info": [span], "pmc": "1",
        "image": "0a1b.jpg", "href": "gr2",
    }  # fmt: skip
    rows: list[dict[str, Any]] = [
        record,
        {**record, "pmc": "2"},
        {"caption": "a", "image": "x/PMC1/gr1.jpg", "umls_meta_info": [[1, 2]]},
        {**record, "href": "gr9"},
        {**record, "pmc": ""},
    ]
    path = tmp_path / "published.jsonl"
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text + "[]\n{torn\n", encoding="utf-8")
    return path


def test_published_records_get_their_images(cloud: Cloud, published: Path, tmp_path: Path) -> None:
    folder = run(cloud, tmp_path / "articles", articles_of_records(published))
    summary = rebuild(published, folder)
    assert (summary.rows, summary.written, summary.bad) == (7, 2, 2)
    assert (summary.without_image, summary.unidentified) == (2, 1)
    rows, given = lines(folder / "records.jsonl"), published.read_text().splitlines()
    assert rows == [
        {**json.loads(given[0]), "image": "PMC1.1/gr2.jpg"},
        {**json.loads(given[2]), "image": "PMC1.1/gr1.jpg"},
    ]
    assert lines(folder / "records.provenance.jsonl")[0]["licence"] == "CC BY"
    assert len(lines(folder / "records.jsonl.quarantine.jsonl")) == 2


def test_records_without_article_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"image": "a.jpg"}\n')
    with pytest.raises(InputError, match="no record names its article"):
        articles_of_records(tmp_path / "x.jsonl")
    with pytest.raises(InputError, match="no such file"):
        articles_of_records(tmp_path / "none")
