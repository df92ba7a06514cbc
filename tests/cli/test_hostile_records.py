"""Malicious rows: each gives one error line, and every good row is kept."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from concept_linker import Annotation, Candidate, Mention
from concept_linker.triplets.from_annotation import to_record
from concept_linker.triplets.json_lines import MAX_LINE, read_lines
from concept_linker.triplets.writing import open_writer

Run = Callable[..., Any]
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00\x00"


def good(number: int) -> dict[str, Any]:
    best = Candidate("C0221198", "Lesion", "lesion", 1.0, 1.0)
    annotation = Annotation(f"A lesion, {number}.", (Mention(2, 8, "lesion", best=best),))
    return dict(to_record(annotation, image="a.gif", pmc="22"))


SPAN = good(0)["umls_meta_info"][0]
DIGITS = "9" * 5000
#: What is bad, and the key that is reported.
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "NUL in the image's name": ({"image": "a\0.gif"}, "image"),
    "5,000 characters in it": ({"image": "a" * 5000}, "image"),
    "300 bytes in one part of it": ({"image": f"b/{'é' * 150}/c.gif"}, "image"),
    "4,000 folders": ({"image": "a/" * 4000 + "b.gif"}, "image"),
    "another drive's root": ({"image": "\\\\server\\a.gif"}, "image"),
    "article of 5,000 digits": ({"pmc": DIGITS}, "pmc"),
    "PubMed id of 5,000 digits": ({"pmid": DIGITS}, "pmid"),
    "nothing as text": ({"fig_id": "nan"}, "fig_id"),
    "NaN as id": ({"pmid": float("nan")}, "pmid"),
    "infinite similarity": (
        {"umls_meta_info": [SPAN | {"umls_similarity": float("inf")}]},
        "umls_meta_info[0].umls_similarity",
    ),
    "end of 4,000 digits": (
        {"umls_meta_info": [SPAN | {"end_char": int("9" * 4000)}]},
        "umls_meta_info[0].end_char",
    ),
    "end below nothing": (
        {"umls_meta_info": [SPAN | {"start_char": -(2**70)}]},
        "umls_meta_info[0].end_char",
    ),
    "half a character": ({"caption": "A lesion\ud800."}, "caption"),
}


def bad_lines() -> dict[str, tuple[bytes, str]]:
    row = json.dumps(good(0))
    found = {name: (json.dumps(good(0) | new), key) for name, (new, key) in BAD.items()}
    found["start of 5,000 digits"] = (
        row.replace('"start_char": 2', f'"start_char": {DIGITS}'),
        "line",
    )
    found["nested 100,000 times"] = ('{"pmid": ' + "[" * 100_000 + "]" * 100_000 + "}", "line")
    found["two captions"] = (row.replace('"image"', '"caption": "b", "image"'), "caption")
    found["two ends"] = (row.replace('"end_char"', '"end_char": 9, "end_char"'), "end_char")
    found["more than fits a line"] = (row.replace("A lesion", "A" * MAX_LINE), "line")
    return {name: (text.encode(), key) for name, (text, key) in found.items()}


@pytest.mark.parametrize("name", bad_lines())
def test_a_hostile_row_costs_itself_alone(run: Run, tmp_path: Path, name: str) -> None:
    line, key = bad_lines()[name]
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.gif").write_bytes(GIF)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([json.dumps(good(1)).encode(), line, json.dumps(good(2)).encode()]))
    done = run("records", "validate", path, "-q")
    reported, *summary = done.out.splitlines()
    assert (done.status, done.err) == (1, "")
    assert reported.startswith(f"{path}, line 2: {key}: ")
    assert len(reported) < 500 + len(str(path))
    assert summary[0] == "3 rows, 1 bad"
    for command in (
        ("records", "convert", "-o", tmp_path / "a.parquet", "--images", images),
        ("records", "repair", "-o", tmp_path / "b.jsonl"),
        ("records", "minimise", "-o", tmp_path / "c.jsonl"),
    ):
        done = run(*command[:2], path, *command[2:], "-q", "--json")
        assert done.status == 1
        summary = json.loads(done.out)
        assert (summary["rows"], summary["written"], summary["bad"]) == (3, 2, 1)
    for more in (("--images", images), ("--images", images, "--embed")):
        done = run("view", path, *more, "-o", tmp_path / "a.html", "-q", "--kb", "none", "--json")
        assert done.status == 1
        summary = json.loads(done.out)
        assert (summary["records"], summary["bad"]) == (2, 1)
    done = run("records", "stats", path, "-q", "--kb", "none", "--json")
    summary = json.loads(done.out)
    assert (done.status, summary["records"], summary["bad"]) == (1, 2, 1)


@pytest.mark.parametrize("value", [10**30, -(2**64), [10**30], {"a": 10**30}])
def test_a_value_that_no_column_holds_costs_its_row(run: Run, tmp_path: Path, value: Any) -> None:
    rows = [good(n) | {"more": n if n != 1 else value} for n in range(3)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "a.parquet"
    done = run("records", "convert", path, "-o", output, "--other-keys", "-q", "--json")
    summary = json.loads(done.out)
    assert (done.status, summary["rows"], summary["written"]) == (1, 3, 2)
    [aside] = Path(summary["quarantine"]).read_text().splitlines()
    assert json.loads(aside)["line"] == 2
    assert "more: expected int64" in json.loads(aside)["problem"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.jsonl"
    row = json.dumps(good(1)).encode() + b"\n"
    with gzip.open(path, "wb", compresslevel=1) if packed else path.open("wb") as file:
        file.write(row)
        for _ in range(64):
            file.write(b"x" * MAX_LINE)
        file.write(b"\n" + row)
    tracemalloc.start()
    first, long, last = read_lines(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MAX_LINE
    assert len(long.data) + long.omitted == 64 * MAX_LINE
    assert first.data == last.data == row[:-1]


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_two_columns_of_one_name_are_refused(run: Run, tmp_path: Path, where: str) -> None:
    with open_writer(tmp_path / "a.parquet") as writer:
        writer.write(good(1))
    table = pq.read_table(tmp_path / "a.parquet")
    if where == "beside":
        table = table.append_column("caption", pa.array(["another"]))
        name = "caption"
    else:
        kind = pa.struct([("end_char", pa.int32()), ("end_char", pa.int32())])
        twice = pa.array([None], pa.list_(kind))
        table = table.append_column("more", twice)
        name = "more.end_char"
    path = tmp_path / "twice.parquet"
    pq.write_table(table, path)
    for command in (
        ("records", "validate", path, "--other-keys"),
        ("records", "convert", path, "-o", tmp_path / "b.jsonl", "--other-keys"),
        ("view", path, "-o", tmp_path / "a.html", "--kb", "none"),
    ):
        done = run(*command, "-q")
        assert done.status == 2
        assert done.error.endswith(f"{path}: has two columns named {name!r}, expected unique names")
    assert not (tmp_path / "b.jsonl").exists()


def test_hostile_values_of_parquet(run: Run, tmp_path: Path) -> None:
    with open_writer(tmp_path / "a.parquet") as writer:
        for number in range(4):
            writer.write(good(number))
    rows = pq.read_table(tmp_path / "a.parquet").to_pylist()
    rows[1]["image"] = "a\0.gif"
    rows[2]["caption"] = "A lesion." + "x" * (MAX_LINE + 1)
    path = tmp_path / "b.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    done = run("records", "validate", path, "-q")
    assert [line.split(": ")[1] for line in done.out.splitlines()[:2]] == ["image", "caption"]
    assert len(done.out) < 2000
    done = run("view", path, "-o", tmp_path / "a.html", "-q", "--kb", "none", "--json")
    assert (json.loads(done.out)["records"], json.loads(done.out)["bad"]) == (2, 2)


def test_ids_stored_as_numbers_are_reported(run: Run, tmp_path: Path) -> None:
    """A column of ids with a gap is read back as floats, with NaN in the gap."""
    row = good(1)
    table = pa.Table.from_pylist([row, row])
    for name, column in (("pmid", [float("nan"), 5.0]), ("fig_id", ["nan", "F1"])):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(column))
    pq.write_table(table, tmp_path / "a.parquet")
    done = run("records", "validate", tmp_path / "a.parquet", "-q")
    reported = [line.split(", ", 1)[1] for line in done.out.splitlines()[:3]]
    assert reported == [
        "line 1: pmid: is NaN, which JSON does not have, expected str",
        "line 1: fig_id: is 'nan', expected an empty text for a missing value",
        "line 2: pmid: is float, expected str",
    ]
