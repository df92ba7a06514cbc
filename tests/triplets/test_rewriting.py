"""Rewriting files: the published sample, and bad rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_records import record, write

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import text_of_tokens
from concept_linker.triplets.offsets import visible
from concept_linker.triplets.parquet_files import read_metadata
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.reading import read_records
from concept_linker.triplets.record import PROFILES
from concept_linker.triplets.record_files import quarantine_path, side_car
from concept_linker.triplets.rewriting import convert_job, minimise_job, repair_job, rewrite
from concept_linker.triplets.wordpiece import WordPiece
from concept_linker.triplets.writing import open_writer


def load(path: Path) -> list[Any]:
    return [row for _, row in read_records(path)]


def set_aside(output: Path) -> list[dict[str, Any]]:
    lines = quarantine_path(output).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_minimised_sample_equals_the_published_one(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "medconcept_sample"
    output = tmp_path / "a.jsonl"
    summary = rewrite(folder / "full.jsonl", output, minimise_job())
    assert (summary.rows, summary.written, summary.bad) == (40, 40, 0)
    assert output.read_bytes() == (folder / "minimized.jsonl").read_bytes()


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_the_sample_through_every_format(
    shared_data: Path, sample_lines: list[str], tmp_path: Path, ending: str
) -> None:
    there, back = tmp_path / f"a{ending}", tmp_path / "b.jsonl"
    rewrite(shared_data / "medconcept_sample/full.jsonl", there, convert_job())
    rewrite(there, back, convert_job())
    assert back.read_text(encoding="ascii").splitlines() == sample_lines


def test_the_repaired_sample_converts_back(
    shared_data: Path, sample_lines: list[str], tmp_path: Path
) -> None:
    exact, back = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    summary = rewrite(shared_data / "medconcept_sample/full.jsonl", exact, repair_job())
    assert (summary.written, summary.spans_left_out) == (40, 0)
    spans = 0
    for row in load(exact):
        for span in row["umls_meta_info"]:
            text = row["caption"][span["start_char"] : span["end_char"]]
            assert visible(text) == text_of_tokens(span["tokens"])
            assert text == text.strip()
            spans += 1
    assert spans == 157
    rewrite(exact, back, convert_job(PROFILES["medconcept23m"]))
    assert back.read_text(encoding="ascii").splitlines() == sample_lines
    again = rewrite(exact, tmp_path / "c.jsonl", repair_job())
    assert again.spans_left_out == 0
    assert (tmp_path / "c.jsonl").read_bytes() == exact.read_bytes()


def test_token_spans_and_the_token_limit(
    shared_data: Path, sample: list[dict[str, Any]], tmp_path: Path
) -> None:
    output = tmp_path / "a.jsonl"
    job = minimise_job(token_spans=True, max_tokens=75)
    summary = rewrite(shared_data / "medconcept_sample/full.jsonl", output, job)
    ends = [span["end_token"] for row in sample for span in row["umls_meta_info"]]
    assert summary.spans_left_out == sum(end > 75 for end in ends) == 18
    for made, row in zip(load(output), sample, strict=True):
        spans = [(s["start_token"], s["end_token"]) for s in row["umls_meta_info"]]
        assert made["umls_meta_info"] == [list(span) for span in spans if span[1] <= 75]


def test_bad_rows_are_set_aside_and_good_rows_written(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    path, output = tmp_path / "a.jsonl", tmp_path / "b.parquet"
    good = [json.dumps(row) for row in records]
    path.write_text("\n".join([good[0], "{", good[1], good[2][:-9]]))
    for _ in range(2):  # the second run replaces the rows of the first
        summary = rewrite(path, output, convert_job())
        assert (summary.rows, summary.written, summary.bad) == (4, 2, 2)
        assert load(output) == records[:2]
        first, second = set_aside(output)
        assert (first["file"], first["line"], first["row"]) == (str(path), 2, "{")
        assert first["problem"].startswith("line: not JSON")
        assert (second["line"], second["row"]) == (4, good[2][:-9])
    write(path, records)
    rewrite(path, output, convert_job())
    assert not quarantine_path(output).exists()


def test_repair_removes_bom_and_crlf(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    text = "\r\n".join(json.dumps(row) for row in records)
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n")
    assert rewrite(path, output, convert_job()).bad == 3
    assert rewrite(path, output, repair_job()).bad == 0
    assert [row["umls_meta_info"][0]["start_char"] for row in load(output)[:2]] == [15, 0]
    assert b"\r" not in output.read_bytes()


def test_repair_reads_a_side_car_with_bom_and_crlf(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    path, output = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    about = [Provenance(licence="CC BY").to_dict()] * len(records)
    for file, rows in ((path, records), (side_car(path), about)):
        file.write_bytes(b"\xef\xbb\xbf" + "".join(f"{json.dumps(r)}\r\n" for r in rows).encode())
    assert rewrite(path, output, repair_job()).bad == 0
    assert [row["provenance"] for row in load(output)] == about


def test_a_row_with_many_breaches_has_a_short_message(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    many = {f"key {number}": 0 for number in range(20_000)}
    path = write(tmp_path / "a.jsonl", [records[0] | many, records[1]])
    assert rewrite(path, tmp_path / "b.jsonl", convert_job()).written == 1
    [aside] = set_aside(tmp_path / "b.jsonl")
    assert aside["problem"].endswith("; … and 19,950 more")
    assert len(aside["problem"]) < 3000


def test_files_of_several_formats_become_one(records: list[dict[str, Any]], tmp_path: Path) -> None:
    """The columns of all files, and the metadata that all have in common."""
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    about = {"offsets": "caption", "min_similarity": 0.5}
    for path, name, minimum in ((first, "age", 0.5), (second, "sex", 0.8)):
        kinds = {"age": pa.int8(), "sex": pa.string()}
        columns = pa.schema([(name, kinds[name])])
        with open_writer(
            path, columns=columns, metadata=about | {"min_similarity": minimum}
        ) as out:
            out.write(records[1] | {name: 7 if name == "age" else "f"})
    third = write(tmp_path / "c.jsonl", [records[2] | {"year": 2020}])
    output = tmp_path / "all.parquet"
    assert rewrite([first, second], output, convert_job(other_keys=True)).written == 2
    assert read_metadata(output) == {"offsets": "caption"}
    assert rewrite([first, second, third], output, convert_job(other_keys=True)).written == 3
    assert read_metadata(output) == {}
    rows = pq.read_table(output).select(["age", "sex", "year"]).to_pylist()
    assert rows == [
        {"age": 7, "sex": None, "year": None},
        {"age": None, "sex": "f", "year": None},
        {"age": None, "sex": None, "year": 2020},
    ]
    with open_writer(second, columns=pa.schema([("age", pa.string())])) as out:
        out.write(records[1] | {"age": "old"})
    with pytest.raises(InputError, match="differ in the type of a column"):
        rewrite([first, second], output, convert_job(other_keys=True))


def test_repair_reports_what_it_cannot_map(
    records: list[dict[str, Any]], tmp_path: Path, wordpiece: WordPiece
) -> None:
    spans: Any = [
        ("C0000001", 1.0, 0, 4, ["left"], 0),
        ("C0000002", 1.0, 5, 9, ["lung"], 2),
        ("C0000003", 1.0, 50, 55, ["heart"], 3),
    ]
    path = write(tmp_path / "a.jsonl", [record("left ✞ lung", spans), records[0]])
    output = tmp_path / "b.jsonl"
    summary = rewrite(path, output, repair_job())
    assert (summary.written, summary.bad, summary.spans_left_out) == (2, 0, 2)
    [aside] = set_aside(output)
    assert aside["line"] == 1
    assert (
        "umls_meta_info[1]: is '✞ lu' in MedConcept-23M's text, expected ['lung']"
        in aside["problem"]
    )
    assert json.loads(aside["row"]) == record("left ✞ lung", spans)
    # The vocabulary tells that ✞ is not in the published text.
    assert rewrite(path, output, repair_job(wordpiece)).spans_left_out == 1
    assert load(output)[0]["umls_meta_info"][1]["start_char"] == 7


def test_provenance_is_copied_and_stays_joined(
    records: list[dict[str, Any]], tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jsonl", [records[0], records[1] | {"pmid": 5}, records[2]])
    about = [Provenance(licence=licence).to_dict() for licence in ("CC0", "CC BY", "CC BY-NC")]
    write(side_car(path), about)
    for ending in (".parquet", ".jsonl.gz", ".jsonl.zst"):
        output = tmp_path / f"b{ending}"
        assert rewrite(path, output, convert_job()).bad == 1
        back = tmp_path / "c.jsonl"
        rewrite(output, back, minimise_job())
        assert [row["provenance"] for row in load(output)] == [about[0], about[2]]
        assert [row["provenance"]["licence"] for row in load(back)] == ["CC0", "CC BY-NC"]


def test_other_keys_are_kept_on_request(records: list[dict[str, Any]], tmp_path: Path) -> None:
    rows = [
        row | {"age": age, "site": {"a": [1]}}
        for row, age in zip(records, (1, None, 3), strict=True)
    ]
    path = write(tmp_path / "a.jsonl", [*rows, rows[0] | {"age": "old"}])
    assert rewrite(path, tmp_path / "b.parquet", convert_job()).bad == 4
    job = convert_job(other_keys=True)
    assert rewrite(path, tmp_path / "b.jsonl", job).bad == 0
    write(path, rows)
    assert rewrite(path, tmp_path / "b.parquet", job).bad == 0
    assert rewrite(tmp_path / "b.parquet", tmp_path / "c.jsonl", job).bad == 0
    assert (tmp_path / "c.jsonl").read_bytes() == path.read_bytes()
    assert rewrite(path, tmp_path / "d.jsonl", minimise_job()).bad == 0
    write(path, [rows[0], rows[0] | {"age": "old"}])
    with pytest.raises(InputError, match="of several types"):
        rewrite(path, tmp_path / "b.parquet", job)


def test_a_file_of_both_forms(records: list[dict[str, Any]], tmp_path: Path) -> None:
    small = {"caption": "a", "image": "b", "umls_meta_info": []}
    for rows, form in (([records[0], small], "full"), ([small, records[0]], "minimised")):
        path = write(tmp_path / "a.jsonl", rows)
        assert rewrite(path, tmp_path / "b.parquet", convert_job()).written == 1
        [aside] = set_aside(tmp_path / "b.parquet")
        assert f"expected the {form} form" in aside["problem"]


def test_in_place(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", records)
    assert rewrite(path, path, repair_job()).written == 3
    assert load(path)[0]["umls_meta_info"][0]["start_char"] == 15


def test_in_place_rewriting_loses_no_bad_row(records: list[dict[str, Any]], tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", records)
    path.write_bytes(path.read_bytes() + b'{"caption": 7}\n')
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"1 of its rows are bad .*nothing was changed"):
        rewrite(path, path, repair_job())
    assert path.read_bytes() == before
