"""Annotating one shard: the records, and the rows in quarantine."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fake_linker import FakeLinkerSpec
from runs import captions, quarantined, records_in, write_lines

from concept_linker import ConceptLinker
from concept_linker.annotating.inputs.columns import infer_columns
from concept_linker.annotating.inputs.files import identify
from concept_linker.annotating.job import Job
from concept_linker.annotating.report import ShardReport
from concept_linker.annotating.shards.annotator import ShardAnnotator
from concept_linker.annotating.shards.formats import FORMATS
from concept_linker.annotating.shards.source import cut_shards
from concept_linker.errors import BatchError
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.reading import read_records

MakeJob = Callable[..., Job]


def run(job: Job, folder: Path, *paths: Path, size: int = 100, **options: Any) -> list[ShardReport]:
    annotator = ShardAnnotator(job)
    files = [identify(path) for path in paths]
    return [annotator.annotate(shard, folder, **options) for shard in cut_shards(files, size)]


def test_records_are_those_of_the_linker_and_keep_the_other_columns(
    job_for: MakeJob, small_base: Path, many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    reports = run(job_for(many), out, many)
    linker = ConceptLinker.load(small_base, detector="dictionary")
    found = records_in(out)
    assert [row["caption"] for row in found] == [row["caption"] for row in captions(300)]
    for row, given in zip(found, captions(300), strict=True):
        assert {key: row[key] for key in given} == given
        mentions = [m for m in linker.link(row["caption"]) if m.best.concept_id != "X:1"]
        spans = [(s["umls_cui"], s["start_char"], s["end_char"]) for s in row["umls_meta_info"]]
        assert spans == [(m.best.concept_id, m.start, m.end) for m in mentions]
    tables = records_in(out, ".parquet")
    added = ("other_keys", "span_details")
    assert [{k: v for k, v in row.items() if k not in added} for row in tables] == found
    assert sum(r.annotated for r in reports) == 300
    assert sum(r.mentions for r in reports) == sum(r.linked for r in reports)
    assert sum(r.spans for r in reports) == sum(len(r["umls_meta_info"]) for r in found)
    assert 0 < sum(r.spans for r in reports) < sum(r.linked for r in reports)  # X:1 has no CUI


@pytest.mark.parametrize("form", ["full", "minimised"])
@pytest.mark.parametrize("ending", FORMATS)
def test_shards_are_valid_records(
    job_for: MakeJob, many: Path, tmp_path: Path, form: Any, ending: str
) -> None:
    columns = replace(
        job_for(many).columns, keep_others=False, other_keys=False, others=pa.schema([])
    )
    job = job_for(many, columns=columns, formats=(ending,), form=form)
    run(job, tmp_path / "out", many)
    rows = 0
    for path in sorted((tmp_path / "out").glob("part-*")):
        for _, row in read_records(path, checker=Checker(Rules(form=form))):
            assert not isinstance(row, BadRow), row
            rows += 1
    assert rows == 300


def test_keys_of_the_record_are_taken_from_the_input(job_for: MakeJob, tmp_path: Path) -> None:
    row = {"caption": "a lesion", "image": "a.jpg", "pmid": 7, "pmc": "PMC22", "fig_id": None}
    list_items = {**row, "fig_list-items": ["one"], "umls_meta_info": [{"old": 1}], "href": "h"}
    path = write_lines(tmp_path / "a.jsonl", [list_items, {**row, "pmid": 7.5}])
    run(job_for(path), tmp_path / "out", path)
    [record] = records_in(tmp_path / "out")
    assert (record["pmid"], record["pmc"], record["fig_id"]) == ("7", "22", "")
    assert (record["fig_list-items"], record["href"]) == (["one"], "h")
    assert [span["umls_cui"] for span in record["umls_meta_info"]] == ["C0000003"]
    assert "pmid: is float" in quarantined(tmp_path / "out")[0]["problem"]


def test_images_inside_parquet_become_paths(job_for: MakeJob, tmp_path: Path) -> None:
    image = {"bytes": b"\x00" * 100, "path": "a/b.jpg"}
    table = pa.Table.from_pylist([{"caption": "a lesion", "image": image}])
    pq.write_table(table, tmp_path / "a.parquet")
    run(job_for(tmp_path / "a.parquet"), tmp_path / "out", tmp_path / "a.parquet")
    assert [row["image"] for row in records_in(tmp_path / "out")] == ["a/b.jpg"]


def test_times_in_parquet_come_back_to_the_nanosecond(job_for: MakeJob, tmp_path: Path) -> None:
    far = 10**15  # milliseconds: a year beyond Python's last
    given = pa.table(
        {
            "caption": ["a lesion"] * 2,
            "image": ["a", "b"],
            "at": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
            "far": pa.array([far, -far], pa.timestamp("ms")),
            "times": pa.array([[{"t": 1001}], []], pa.list_(pa.struct([("t", pa.time64("ns"))]))),
            "day": pa.array([1, 2], pa.date32()),
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(given, path)
    run(job_for(path, formats=("parquet",)), tmp_path / "out", path)
    made = pq.read_table(tmp_path / "out/part-00000.parquet")
    assert made.select(given.column_names).equals(given)


def test_all_mentions_are_written_on_request(job_for: MakeJob, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"caption": "Biopsy needle.", "image": "a"}])
    columns = infer_columns([identify(path)], mentions=True)
    run(job_for(path, columns=columns, mentions=True), tmp_path / "out", path)
    for ending in (".jsonl", ".parquet"):
        [row] = records_in(tmp_path / "out", ending)
        assert row["umls_meta_info"] == []
        [mention] = row["mentions"]
        assert (mention["start"], mention["end"], mention["concept_id"]) == (0, 13, "X:1")
        assert mention["score"] == pytest.approx(1, abs=0.5)


def test_provenance_is_copied_and_names_the_linker(job_for: MakeJob, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(3))
    write_lines(tmp_path / "a.provenance.jsonl", [{"pmcid": f"PMC{n}"} for n in range(3)])
    out = tmp_path / "out"
    [report] = run(job_for(path), out, path)
    assert set(report.files) == {path.name for path in out.glob("part-*")}
    for ending in ("jsonl", "parquet"):
        rows = [
            row
            for _, row in read_records(
                out / f"part-00000.{ending}", checker=Checker(Rules(other_keys=True))
            )
        ]
        found = [row["provenance"] for row in rows if isinstance(row, dict)]
        assert [(p["pmcid"], p["kb"]) for p in found] == [(f"PMC{n}", "k") for n in range(3)]


def test_an_exception_of_the_linker_costs_only_its_row(
    job_for: MakeJob, small_base: Path, tmp_path: Path
) -> None:
    rows = captions(10)
    rows[4]["caption"] = "WRONG"
    path = write_lines(tmp_path / "a.jsonl", rows)
    choice = FakeLinkerSpec(str(small_base), "dictionary", scratch=tmp_path)
    [report] = run(job_for(path, linker=choice), tmp_path / "out", path)
    assert (report.annotated, report.bad) == (9, 1)
    [bad] = quarantined(tmp_path / "out")
    assert (bad["line"], bad["problem"]) == (
        5, "caption: cannot be linked: ZeroDivisionError: of a linker"
    )  # fmt: skip


def test_a_linker_that_fails_for_every_caption_ends_the_run(
    job_for: MakeJob, small_base: Path, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"caption": "WRONG", "image": "a"}] * 20)
    choice = FakeLinkerSpec(str(small_base), "dictionary", scratch=tmp_path)
    with pytest.raises(BatchError, match="fails for every caption: ZeroDivisionError: of a linker"):
        run(job_for(path, linker=choice), tmp_path / "out", path)
    assert not list((tmp_path / "out").glob("*part-*"))


def test_a_row_that_json_cannot_hold_is_in_neither_file(job_for: MakeJob, tmp_path: Path) -> None:
    rows = [{**row, "value": 0.5} for row in captions(3)]
    rows[1]["value"] = float("nan")
    path = write_lines(tmp_path / "a.jsonl", rows)
    run(job_for(path), tmp_path / "out", path)
    for ending in (".jsonl", ".parquet"):
        assert [row["image"] for row in records_in(tmp_path / "out", ending)] == ["0.jpg", "2.jpg"]
    assert "value: is NaN or Infinity" in quarantined(tmp_path / "out")[0]["problem"]


def test_a_caption_whose_record_is_too_long_goes_into_quarantine(
    job_for: MakeJob, tmp_path: Path
) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"caption": "βλ " * 50_000, "image": "a"}])
    run(job_for(path, max_characters=1 << 20), tmp_path / "out", path)
    assert "caption: makes a record of 1,3" in quarantined(tmp_path / "out")[0]["problem"]


def test_one_by_one_gives_the_same_bytes(job_for: MakeJob, many: Path, tmp_path: Path) -> None:
    places: list[int] = []
    run(job_for(many), tmp_path / "a", many)
    run(job_for(many), tmp_path / "b", many, one_by_one=True, on_batch=places.append)
    assert places == [*range(100)] * 3
    for path in (tmp_path / "a").glob("part-*"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_report_survives_json(job_for: MakeJob, many: Path, tmp_path: Path) -> None:
    for report in run(job_for(many), tmp_path / "out", many):
        assert ShardReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report
