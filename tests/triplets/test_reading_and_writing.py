"""Reading and writing every file format, and reading damaged files."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from made_records import record, write

from concept_linker.errors import InputError, SettingsError, SourceError
from concept_linker.triplets import json_lines
from concept_linker.triplets.breach import BadRow
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.json_lines import read_lines
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.reading import read_records
from concept_linker.triplets.record_files import side_car
from concept_linker.triplets.writing import open_writer

ROOT = Path(__file__).resolve().parents[2]
ENDINGS = [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"]
ABOUT = Provenance(pmcid="PMC22", version=2, licence="CC BY", retrieved="2026-11-22").to_dict()


def save(path: Path, rows: list[dict[str, Any]], **options: Any) -> Path:
    with open_writer(path, **options) as writer:
        for row in rows:
            writer.write(row)
    return path


def load(path: Path, **options: Any) -> list[Any]:
    found = list(read_records(path, **options))
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    return [row for _, row in found]


def noisy(number: int) -> list[dict[str, Any]]:
    """Rows that do not compress well."""
    noise = random.Random(1)
    return [row | {"fig_id": noise.randbytes(99).hex()} for row in many(number)]


def many(number: int) -> list[dict[str, Any]]:
    spans = [("C0221198", 0.875, 0, 6, ["lesion"], 0)]
    return [record(f"Lesion number {n}", spans) | {"pmid": str(n)} for n in range(number)]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("provenance", [False, True])
def test_round_trip(tmp_path: Path, ending: str, provenance: bool) -> None:
    rows = many(3000)
    if provenance:
        rows = [row | {"provenance": ABOUT} for row in rows]
    path = save(tmp_path / f"a{ending}", rows, provenance=provenance)
    assert load(path) == rows
    again = save(tmp_path / f"b{ending}", rows, provenance=provenance)
    assert again.read_bytes() == path.read_bytes()
    assert side_car(path).exists() == (provenance and ending != ".parquet")
    left = {p.name for p in tmp_path.iterdir()} - {path.name, again.name}
    assert left <= {side_car(path).name, side_car(again).name}


@pytest.mark.parametrize("ending", ENDINGS)
def test_minimised_round_trip(tmp_path: Path, ending: str) -> None:
    rows = [
        {"caption": "µ", "image": "a.jpg", "umls_meta_info": [[0, 1]] * (n % 2)} for n in (0, 1)
    ]
    assert load(save(tmp_path / f"a{ending}", rows, form="minimised")) == rows


def test_a_file_without_rows(tmp_path: Path) -> None:
    for ending in ENDINGS:
        assert load(save(tmp_path / f"a{ending}", [])) == []


def test_bytes_equal_those_of_json_dumps(tmp_path: Path, sample_lines: list[str]) -> None:
    path = save(tmp_path / "a.jsonl", [json.loads(line) for line in sample_lines])
    assert path.read_text(encoding="ascii").splitlines() == sample_lines


def test_row_groups_have_a_fixed_size(tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet", many(10_500))
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [
        10_000,
        500,
    ]


@given(rows=st.lists(st.binary(max_size=300), max_size=8), size=st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_do_not_depend_on_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[bytes], size: int
) -> None:
    """Lines equal those of bytes.split; of long ones, head and length."""
    assume(not b"\n".join(rows).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")))  # compressed
    with monkeypatch.context() as patched:
        patched.setattr(json_lines, "_CHUNK", size)
        patched.setattr(json_lines, "MAX_LINE", 100)
        patched.setattr(json_lines, "_HEAD", 10)
        data = b"\n".join(rows)
        path = tmp_path / "a.jsonl"
        path.write_bytes(data)
        found = list(read_lines(path))
    expected = data.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [len(line.data) + line.omitted for line in found] == list(map(len, expected))
    for line, whole in zip(found, expected, strict=True):
        assert line.data == (whole if len(whole) <= 100 else whole[:10])
    assert all(not line.broken for line in found[:-1])


def test_corruptions_are_named_by_line(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    good = json.dumps(records[0])
    rows = {
        1: b"\xef\xbb\xbf" + good.encode(),
        3: good.encode() + b"\r",
        5: good.replace('"1"', "NaN", 1).encode(),
        7: good.replace('"a/b.jpg"', "7").encode(),
        9: good.replace("{", '{"pmid": "2", ', 1).encode(),
        11: json.dumps(records[0] | {"caption": "x" * 10_000_000}).encode(),
        13: good.encode()[:-1] + b"\xff",
        15: good.replace("Caf", "\\ud800", 1).encode(),
        17: b"",
        19: b"[" * 100_000,
        21: b'{"pmid": ' + b"9" * 5000 + b"}",
        23: good[:200].encode(),
    }
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(rows.get(n, good.encode()) for n in range(1, 24)))
    found = load(path)
    assert {n for n, row in enumerate(found, 1) if isinstance(row, BadRow)} == set(rows)
    messages = {n: str(found[n - 1]) for n in rows}
    for number, words in {
        1: "line: begins with a byte order mark",
        3: "line: ends with CRLF",
        5: "pmid: is NaN",
        7: "image: is int, expected str",
        9: "pmid: occurs twice",
        11: "line: has 10,000,365 bytes, expected at most 1,048,576",
        13: "line: not UTF-8 at byte",
        15: "surrogate pair at character 0",
        17: "line: is empty",
        19: "line: nested too deeply",
        23: "the file ends here without a line feed",
    }.items():
        assert words in messages[number], (number, messages[number])
    assert len(found[10].text) < 2000
    repaired = load(path, lenient=True)
    assert {n for n in rows if isinstance(repaired[n - 1], BadRow)} == set(rows) - {1, 3}


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
def test_a_truncated_stream_gives_the_rows_before_the_cut(tmp_path: Path, ending: str) -> None:
    rows = noisy(2000)
    path = save(tmp_path / f"a{ending}", rows)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    *before, last = load(path)
    assert len(before) > 200
    assert before == rows[: len(before)]
    assert isinstance(last, BadRow)
    assert "breaks off or is damaged here" in str(last)


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    rows = many(2)
    path.write_bytes(b"".join(gzip.compress(json.dumps(row).encode() + b"\n") for row in rows))
    assert load(path) == rows


def test_a_damaged_parquet_file_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "a.parquet", many(100))
    data = bytearray(path.read_bytes())
    path.write_bytes(data[:-20])
    with pytest.raises(SourceError, match="not a complete Parquet file"):
        load(path)
    for begin, end in ((4, 60), (40, 200), (len(data) - 200, len(data) - 100)):
        hurt = data.copy()
        hurt[begin:end] = bytes(byte ^ 0x5A for byte in data[begin:end])
        path.write_bytes(hurt)
        with pytest.raises(
            SourceError, match=r"a\.parquet.*: (damaged|not a complete Parquet file)"
        ):
            load(path)
    pq.write_table(pa.table({"caption": ["a"]}), path)
    with pytest.raises(SourceError, match="has no column 'image'"):
        load(path)


def test_bad_rows_of_parquet(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = save(tmp_path / "a.parquet", records)
    table = pq.read_table(path)
    captions = pa.array([None, b"\xff", b"Nothing at all"], pa.binary()).cast(pa.binary())
    text = pa.Array.from_buffers(pa.string(), 3, captions.buffers(), null_count=1)
    place = table.schema.get_field_index("caption")
    pq.write_table(table.set_column(place, table.schema.field(place), text), path)
    null, bad, good = load(path)
    assert str(null) == "caption: is null, expected str"
    assert "not UTF-8" in str(bad)
    assert good == records[2]


def test_a_side_car_joins_by_row(tmp_path: Path) -> None:
    rows = many(3)
    path = write(tmp_path / "a.jsonl", rows)
    about = [ABOUT, ABOUT | {"pmcid": "PMC99"}, ABOUT | {"retrieved": "yesterday"}]
    write(side_car(path), about)
    first, second, third = load(path)
    assert first == rows[0] | {"provenance": ABOUT}
    assert str(second) == "provenance: belongs to PMC99, but the record belongs to PMC22"
    assert "'yesterday', expected YYYY-MM-DD" in str(third)
    write(side_car(path), [ABOUT] * 2)
    with pytest.raises(SourceError, match="ends before row 3"):
        load(path)
    write(side_car(path), [ABOUT] * 4)
    with pytest.raises(SourceError, match="more rows than the 3"):
        load(path)


def test_an_old_side_car_is_removed(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jsonl", [many(1)[0] | {"provenance": ABOUT}], provenance=True)
    assert load(save(path, many(1))) == many(1)
    assert not side_car(path).exists()


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_error_keeps_the_old_file(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"a{ending}", many(3), provenance=False)
    before = path.read_bytes()

    def fail() -> None:
        with open_writer(path) as writer:
            writer.write(many(1)[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


KILLED = """
import os, signal, sys
from test_reading_and_writing import noisy
from concept_linker.triplets.writing import open_writer
with open_writer(sys.argv[1]) as writer:
    for row in noisy(4000):
        writer.write(row)
    if sys.argv[2] == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
"""
FULL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
from test_reading_and_writing import noisy
from concept_linker.triplets.writing import open_writer
try:
    with open_writer(sys.argv[1]) as writer:
        for row in noisy(4000):
            writer.write(row)
except OSError:
    sys.exit(7)
"""


def run(code: str, *arguments: str) -> int:
    path = f"{ROOT}{os.pathsep}{Path(__file__).parent}"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    ).returncode


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_run_keeps_the_old_file(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jsonl", many(3))
    before = path.read_bytes()
    assert run(KILLED, str(path), "kill") == -signal.SIGKILL
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    save(path, many(2))  # the next run removes the unfinished file
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="resource limits")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk_keeps_the_old_file(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"a{ending}", many(3))
    before = path.read_bytes()
    assert run(FULL, str(path)) == 7
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_a_row_that_cannot_be_written_costs_no_other(tmp_path: Path) -> None:
    good, bad = many(2)
    for ending in (".jsonl", ".parquet"):
        with open_writer(tmp_path / f"a{ending}") as writer:
            writer.write(good)
            with pytest.raises(InputError):
                writer.write(bad | {"provenance": ABOUT, "more": float("nan")})
            writer.write(good)
        assert load(tmp_path / f"a{ending}") == [good, good]
    columns = pa.schema([("age", pa.int8())])
    with open_writer(tmp_path / "b.parquet", columns=columns) as writer:
        writer.write(good | {"age": 7})
        for age in ("old", 1000):
            with pytest.raises(InputError, match="age: expected int8"):
                writer.write(bad | {"age": age})
        writer.write(good)
    others = Checker(Rules(other_keys=True))
    rows = load(tmp_path / "b.parquet", checker=others)
    assert rows == [good | {"age": 7}, good | {"age": None}]


@pytest.mark.parametrize("name", ["a.json", "a.csv", ".jsonl", "a"])
def test_an_unknown_ending_is_an_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="expected a name that ends in"):
        save(tmp_path / name, [])


def test_into_a_folder_or_images_into_json(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(tmp_path / "a.jsonl", [])
    with pytest.raises(SettingsError, match="cannot hold images"):
        save(tmp_path / "b.jsonl", [], images=tmp_path)


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    for ending in ENDINGS:
        path = save(tmp_path / f"a{ending}", many(3000))
        reported: list[int] = []
        list(read_records(path, progress=reported.append))
        assert sum(reported) == path.stat().st_size


def test_the_last_line_needs_no_line_feed(tmp_path: Path) -> None:
    row = many(1)[0]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    assert load(path) == [row]
