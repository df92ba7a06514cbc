"""Reading rows from files, and cutting them into shards by place."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from runs import captions, write_lines

from concept_linker.annotating.inputs.columns import Columns, infer_columns
from concept_linker.annotating.inputs.files import InputFile, find_inputs, identify
from concept_linker.annotating.inputs.raw_rows import read_raw_rows
from concept_linker.annotating.shards.formats.parquet import fit_columns
from concept_linker.annotating.shards.rows import BadInput, Row, parse_rows
from concept_linker.annotating.shards.source import MAX_SHARD_BYTES, cut_shards
from concept_linker.errors import BatchError, InputError, SourceError
from concept_linker.triplets.json_lines import MAX_LINE


def every_row(files: list[InputFile], size: int) -> list[Row | BadInput]:
    columns = infer_columns(files)
    return [row for shard in cut_shards(files, size) for row in parse_rows(shard, columns)]


def place_and_text(row: Row | BadInput) -> tuple[str, int, str]:
    return Path(row.file).name, row.number, row.caption if isinstance(row, Row) else row.problem


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.output_stream(sink, compression="zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "ending", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".csv", ".tsv", ".csv.gz", ".parquet"]
)
def test_every_format_gives_the_same_rows(tmp_path: Path, ending: str) -> None:
    rows = captions(57)
    path = tmp_path / f"a{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=10)
    else:
        text = io.StringIO(newline="")
        if ".jsonl" in ending:
            text.writelines(json.dumps(row) + "\n" for row in rows)
        else:
            writer = csv.DictWriter(text, rows[0], delimiter="\t" if ".tsv" in ending else ",")
            writer.writeheader()
            writer.writerows(rows)
        data = text.getvalue().encode()
        packed = gzip.compress(data) if ending.endswith(".gz") else data
        path.write_bytes(zstd(data) if ending.endswith(".zst") else packed)
    found = every_row([identify(path)], 10)
    assert [row.caption for row in found if isinstance(row, Row)] == [r["caption"] for r in rows]
    first = 2 if "sv" in ending else 1
    assert [row.number for row in found] == list(range(first, first + 57))
    year: Any = "1990" if "sv" in ending else 1990
    assert isinstance(found[0], Row)
    assert found[0].others == {"licence": "CC BY", "year": year}


@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    size=st.integers(1, 9),
    kinds=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_shards_are_cut_by_place_alone(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], size: int, kinds: list[bool]
) -> None:
    folder = tmp_path_factory.mktemp("files")
    files, expected = [], []
    for number, (count, parquet) in enumerate(zip(counts, kinds, strict=False)):
        rows = captions(count)
        path = folder / f"{number}{'.parquet' if parquet else '.jsonl'}"
        if parquet:
            schema = pa.schema(
                [
                    ("caption", pa.string()),
                    ("image", pa.string()),
                    ("licence", pa.string()),
                    ("year", pa.int64()),
                ]
            )
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
        else:
            write_lines(path, rows)
        files.append(identify(path))
        expected += [(path.name, n, row["caption"]) for n, row in enumerate(rows, 1)]
    shards = list(cut_shards(files, size))
    assert [shard.rows for shard in shards[:-1]] == [size] * (len(shards) - 1)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    assert [place_and_text(row) for row in every_row(files, size)] == expected


def test_long_rows_make_short_shards(tmp_path: Path) -> None:
    long = "x" * (MAX_LINE - 100)
    path = write_lines(tmp_path / "a.jsonl", [{"caption": long, "image": "a"}] * 130)
    shards = list(cut_shards([identify(path)], 1000))
    assert [shard.rows for shard in shards] == [65, 65]
    assert sum(map(len, shards[0].pieces)) < 1.1 * MAX_SHARD_BYTES


def test_csv_with_every_kind_of_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b"\xef\xbb\xbfcaption,image\r\n"
        b'"two\nlines, one row",1.jpg\r\n'  # 2-3
        b"too,many,columns\n"  # 4
        b"\n"
        b'"caf\xff",2.jpg\n'  # 6
        + b'"'
        + b"y" * 5_000_000
        + b'",3.jpg\n'  # 7
        + "β,4.jpg\n".encode()  # 8
        + b'"never closed,5.jpg\n'  # 9
    )
    found = [place_and_text(row)[1:] for row in every_row([identify(path)], 100)]
    assert found[0] == (2, "two\nlines, one row")
    assert found[1] == (4, "line: has 3 columns, expected 2")
    assert found[2][0] == 6
    assert found[2][1].startswith("line: not UTF-8; convert Latin-1 or Windows-1252 with: iconv")
    assert found[3] == (7, "line: has 5,000,008 bytes, expected at most 1,048,576")
    assert found[4] == (8, "β")
    assert found[5] == (9, "line: a quote is not closed; reading continues at the next line")
    assert len(found) == 6


def test_a_truncated_stream_gives_the_rows_before_the_cut(tmp_path: Path) -> None:
    rows = captions(2000)
    for ending in (".jsonl.gz", ".csv.gz"):
        path = tmp_path / f"a{ending}"
        if "csv" in ending:
            text = io.StringIO()
            writer = csv.DictWriter(text, rows[0])
            writer.writeheader()
            writer.writerows(rows)
            data = text.getvalue().encode()
        else:
            data = write_lines(tmp_path / "plain", rows).read_bytes()
        path.write_bytes(gzip.compress(data)[:-2000])
        found = every_row([identify(path)], 500)
        good = [row.caption for row in found if isinstance(row, Row)]
        assert len(good) > 100
        assert good == [row["caption"] for row in rows[: len(good)]]
        assert isinstance(found[-1], BadInput)
        assert len(found) <= len(good) + 2
        assert "gzip stream breaks off" in found[-1].problem


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"not JSON", "line: not JSON"),
        (b"", "line: is empty"),
        (b"5", "record: is int, expected an object"),
        (b"null", "record: is null, expected an object"),
        ({"image": "a"}, "caption: is missing"),
        ({"caption": None, "image": "a"}, "caption: is null, expected str"),
        ({"caption": 5, "image": "a"}, "caption: is int, expected str"),
        ({"caption": "", "image": "a"}, "caption: is empty"),
        ({"caption": "x" * 5_000_000, "image": "a"}, "line: has 5,0"),
        (b'{"caption": "\xff", "image": "a"}', "line: not UTF-8 at byte 13"),
        (b'{"caption": "a\\ud800", "image": "a"}', "caption: has half of a surrogate pair"),
        (b'{"caption": "a", "image": "a", "x": "\\udfff"}', "x: has half of a surrogate"),
        ({"caption": "a"}, "image: is missing"),
        ({"caption": "a", "image": 3}, "image: is int, expected str"),
        (b'{"caption": "a", "caption": "b", "image": "a"}', "caption: occurs twice"),
        ({"caption": "a", "image": "a", "other_keys": 1}, "other_keys: the output has a column"),
        (b"[" * 100_000, "line: nested too deeply"),
    ],
)
def test_a_bad_row_has_its_place_and_reason(tmp_path: Path, line: Any, problem: str) -> None:
    rows = captions(3)
    path = write_lines(tmp_path / "a.jsonl", [*rows[:2], line, rows[2]])
    found = every_row([identify(path)], 10)
    assert [place_and_text(row)[1:] for row in found if isinstance(row, Row)] == [
        (1, rows[0]["caption"]),
        (2, rows[1]["caption"]),
        (4, rows[2]["caption"]),
    ]
    bad = found[2]
    assert isinstance(bad, BadInput)
    assert bad.problem.startswith(problem)
    assert (bad.file, bad.number) == (str(path), 3)


def test_parquet_with_text_that_is_not_utf8(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"bad \xff", b"good too"], pa.binary()).view(pa.string())
    table = pa.table({"caption": broken, "image": ["1", "2", "3"]})
    pq.write_table(table, tmp_path / "a.parquet")
    found = every_row([identify(tmp_path / "a.parquet")], 10)
    assert [place_and_text(row)[2] for row in found] == [
        "good",
        "record: not UTF-8 (invalid start byte)",
        "good too",
    ]


def test_a_folder_gives_its_files_in_order_without_side_cars(tmp_path: Path) -> None:
    for name in (
        "b.jsonl",
        "a/c.csv.gz",
        "a/b.parquet",
        "b.provenance.jsonl",
        ".hidden.jsonl",
        "x.txt",
        "b.jsonl.quarantine.jsonl",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    names = [str(path.relative_to(tmp_path)) for path in find_inputs([tmp_path])]
    assert names == ["a/b.parquet", "a/c.csv.gz", "b.jsonl"]
    for paths, message in (
        ([tmp_path / "none"], "no such file or folder"),
        ([], "no input"),
        ([tmp_path, tmp_path / "b.jsonl"], "is given twice"),
        ([tmp_path / ".." / tmp_path.name / "a", Path("/dev/null")], "expected a file or a folder"),
    ):
        with pytest.raises(InputError, match=message):
            find_inputs(paths)


def test_a_side_car_joins_by_row_and_must_be_as_long(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(3))
    about = [{"pmcid": f"PMC{n}"} for n in range(3)]
    side_car = write_lines(tmp_path / "a.provenance.jsonl", about)
    found = every_row([identify(path)], 2)
    assert [row.provenance.pmcid for row in found if isinstance(row, Row)] == [
        "PMC0",
        "PMC1",
        "PMC2",
    ]
    write_lines(side_car, [about[0], b"nonsense", {"other": 1}])
    assert [isinstance(row, Row) for row in every_row([identify(path)], 2)] == [True, False, False]
    for count, message in ((2, "ends before row 3"), (4, "more rows than the 3")):
        write_lines(side_car, about[:1] * count)
        with pytest.raises(SourceError, match=message):
            list(read_raw_rows(identify(path)))


def test_an_input_that_changes_or_is_removed_stops_the_run(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(3))
    file = identify(path)
    write_lines(path, captions(4))
    with pytest.raises(BatchError, match="was changed during"):
        list(cut_shards([file], 2))
    path.unlink()
    with pytest.raises(BatchError, match="was removed during"):
        list(cut_shards([file], 2))


def columns_of(tmp_path: Path, *rows: list[Any], **options: Any) -> Columns:
    files = [write_lines(tmp_path / f"{n}.jsonl", some) for n, some in enumerate(rows)]
    return infer_columns([identify(path) for path in files], **options)


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    found = columns_of(tmp_path, [{"text": "a", "file_name": "b", "n": 1}])
    assert (found.caption, found.image, found.others.names) == ("text", "file_name", ["n"])
    found = columns_of(tmp_path, [{"words": "a", "image": 5, "n": 1}])
    assert found.caption == "words"
    with pytest.raises(
        InputError, match=r"0\.jsonl: no column is named caption.*it has a, b, image"
    ):
        columns_of(tmp_path, [{"a": "x", "b": "y", "image": "z"}])
    with pytest.raises(InputError, match=r"no column is named image.*--image"):
        columns_of(tmp_path, [{"caption": "x"}])
    with pytest.raises(
        InputError, match="has no column 'title' for the caption, expected one of caption"
    ):
        columns_of(tmp_path, [{"caption": "x", "image": "y"}], caption="title")


scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=3)
values = st.recursive(
    scalars | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)
objects = st.lists(st.dictionaries(st.sampled_from("pqrs"), values, max_size=3), max_size=6)


@example(seen=[{"p": [None, None]}], later=[])
@given(seen=objects, later=objects)
def test_no_value_of_another_column_is_lost_or_changed(
    tmp_path_factory: pytest.TempPathFactory, seen: list[Any], later: list[Any]
) -> None:
    base = {"caption": "a", "image": "b"}
    columns = columns_of(tmp_path_factory.mktemp("c"), [base, *({**base, **row} for row in seen)])
    made = fit_columns([*seen, *later], columns)
    table = pa.Table.from_pylist(
        made, schema=pa.schema([*columns.others, ("other_keys", pa.string())])
    ).to_pylist()
    for row, back in zip([*seen, *later], table, strict=True):
        whole = {**back, **json.loads(back.pop("other_keys") or "{}")}
        whole.pop("other_keys", None)
        assert {k: v for k, v in whole.items() if v is not None} == {
            k: v for k, v in row.items() if v is not None
        }
