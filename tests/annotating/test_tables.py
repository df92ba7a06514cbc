"""Tables as people save them: separators, encodings, unclosed quotes."""

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
from hypothesis import given
from hypothesis import strategies as st

from concept_linker.annotating.inputs.columns import infer_columns
from concept_linker.annotating.inputs.files import identify
from concept_linker.annotating.shards.rows import BadInput, Row, parse_rows
from concept_linker.annotating.shards.source import cut_shards
from concept_linker.errors import InputError, SourceError

#: Characters of captions: separators, quotes and line breaks among them.
LETTERS = "ab ,;\t|\"\n'é."


def rows_in(path: Path, **options: Any) -> list[Row | BadInput]:
    file = identify(path)
    columns = infer_columns([file], **options)
    return [row for shard in cut_shards([file], None) for row in parse_rows(shard, columns)]


def pairs(rows: list[Row | BadInput]) -> list[tuple[str, str]]:
    return [(row.record["image"], row.caption) for row in rows if isinstance(row, Row)]


def table(rows: list[tuple[str, ...]], **how: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)
    return text.getvalue().encode()


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["a.csv", "a.tsv", "a.txt", "packed.csv"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n", b"sep="])
def test_the_header_decides_the_separator(
    tmp_path: Path, separator: str, ending: str, before: bytes
) -> None:
    given = [("1.jpg", "CT, axial; left | right"), ("2.jpg", "A\ttab"), ("3.jpg", "Plain")]
    data = table([("image", "caption"), *given], delimiter=separator)
    data = (before + separator.encode() + b"\r\n" if before == b"sep=" else before) + data
    path = tmp_path / ending
    path.write_bytes(gzip.compress(data) if "packed" in ending else data)
    assert pairs(rows_in(path)) == given


def test_columns_with_other_names_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_bytes(b"filepath\ttitle\na/1.jpg\tCT shows an effusion, right.\na/2.jpg\tLiver\n")
    found = pairs(rows_in(path, caption="title", image="filepath"))
    assert found == [("a/1.jpg", "CT shows an effusion, right."), ("a/2.jpg", "Liver")]
    with pytest.raises(
        InputError, match=r"it has filepath, title; name the caption column with --caption"
    ):
        rows_in(path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.csv",
            "image,caption\n1.jpg,a lesion\n".encode("utf-16"),
            "UTF-16; convert it with: ic",
        ),
        ("a.csv", "image,caption\n1.jpg,a lesion\n".encode("utf-16-le"), "looks like UTF-16"),
        ("a.jsonl", '{"caption": "a"}'.encode("utf-16"), "looks like UTF-16"),
        ("a.csv", "image,l\xe9gende\n".encode("latin-1"), "line 1: is not UTF-8; convert Latin-1"),
        (
            "a.csv",
            b"caption\n1.jpg\tA lesion\n2.jpg\tA liver\n",
            "names one column.*tabs separate 2",
        ),
        ("a.csv", b"caption\n1.jpg;A lesion\n", "names one column.*semicolons separate 2"),
        ("a.csv", b"image,caption\r1.jpg,a lesion\r", "CR alone; convert it with: tr"),
        ("a.csv", b"caption,image,caption\na,b,c\n", "line 1: has two columns named 'caption'"),
        ("a.csv", b"caption,image, caption\na,b,c\n", "line 1: has two columns named 'caption'"),
        ("a.csv", b"PK\x03\x04\x14\x00", "looks like a zip archive or an Excel workbook"),
        ("a.jsonl.gz", b"BZh91AY", "looks like bzip2; unpack it, or compress it with gzip or zstd"),
        ("a.jsonl", gzip.compress(gzip.compress(b"{}\n")), "compressed twice; unpack it once"),
        ("a.csv", gzip.compress(b"PAR1..."), "a compressed Parquet file; unpack it"),
        ("a.csv", b"%PDF-1.7\n", "looks like a PDF"),
        ("a.csv", b"\x80\x04\x95", "a pickle, which is never opened"),
        ("a.json", b"[\n", "looks like one JSON list, expected JSON Lines"),
        ("a.jsonl", b'[{"caption": "a"},\n {"caption": "b"}]\n', "looks like one JSON list"),
        ("a.jsonl", b'[{"caption": "' + b"x" * 2_000_000 + b'"}]', "looks like one JSON list"),
        ("a.json", b'{\n  "images": [\n    {"caption": "a"}\n]}\n', "looks like one JSON object"),
        (
            "a.jsonl",
            b"image;caption\n1.jpg;a lesion\n",
            "a table separated by semicolons, not JSON",
        ),
    ],
)
def test_an_unsupported_format_is_named_in_one_line(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(SourceError, match=message) as caught:
        rows_in(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_json_lines_with_another_name_or_a_bad_first_row_are_read(tmp_path: Path) -> None:
    good = b'{"caption": "a lesion", "image": "1.jpg"}\n'
    for name, data, bad in (
        ("a.csv", good, 0),
        ("a.json", good, 0),
        ("b.jsonl", b"[1, 2]\n" + good, 1),
        ("c.jsonl", b"[{\n" + good, 1),
        ("d.jsonl", b'{"torn": \n' + good, 1),
    ):
        (tmp_path / name).write_bytes(data)
        found = rows_in(tmp_path / name)
        assert (pairs(found), len(found)) == ([("1.jpg", "a lesion")], 1 + bad), name


def test_duplicate_columns_in_parquet_are_an_error(tmp_path: Path) -> None:
    columns = pa.array(["a"]), pa.array(["b"]), pa.array(["c"])
    made = pa.Table.from_arrays(columns, names=["caption", "image", "caption"])
    pq.write_table(made, tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="has two columns named 'caption'"):
        rows_in(tmp_path / "a.parquet")


@pytest.mark.parametrize("missing", ["nan", "NaN", "<NA>", "None", "NULL"])
def test_placeholders_for_missing_values_are_bad_rows(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"image,caption\n1.jpg,a lesion\n{missing},a lesion\n2.jpg,{missing}\n")
    found = rows_in(path)
    assert pairs(found) == [("1.jpg", "a lesion")]
    problems = [row.problem for row in found if isinstance(row, BadInput)]
    assert problems == [
        f"{key}: is '{missing}', which means a missing value" for key in ("image", "caption")
    ]


def test_nan_and_infinity_are_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"caption": "NaN levels", "image": "1", "id": value} for value in (1, float("nan"))]
    rows.append({"caption": "b", "image": "1", "id": [{"deep": float("inf")}]})  # type: ignore[dict-item]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = rows_in(path)
    assert pairs(found) == [("1", "NaN levels")]
    assert [row.problem for row in found if isinstance(row, BadInput)] == [
        "id: is NaN or Infinity, which JSON does not have"
    ] * 2
    made = pa.table({"caption": ["a"], "image": ["b"], "pmid": [float("nan")]})
    pq.write_table(made, tmp_path / "a.parquet")
    [bad] = rows_in(tmp_path / "a.parquet")
    assert isinstance(bad, BadInput)
    assert "pmid: is NaN" in bad.problem


texts = st.text(LETTERS, min_size=1, max_size=12)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=8), st.sampled_from(",;\t|"))
def test_tables_that_the_csv_module_writes_are_read_unchanged(
    tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[str, str]], separator: str
) -> None:
    # As in prose, a blank follows a character that could separate columns.
    rows = [
        (f"{n}.jpg", *(text.replace(separator, f"{separator} ") for text in row))
        for n, row in enumerate(given_)
    ]
    path = tmp_path_factory.mktemp("t") / "a.csv"
    header = ("image", "caption", "note")
    path.write_bytes(table([header, *rows], delimiter=separator, quoting=csv.QUOTE_ALL))
    found = rows_in(path)
    assert pairs(found) == [(image, caption) for image, caption, _ in rows]


STYLES: dict[str, dict[str, Any]] = {
    "quoted where needed": {},
    "all quoted": {"quoting": csv.QUOTE_ALL},
    "semicolons": {"delimiter": ";"},
}
BROKEN = [
    '{0}.jpg{1}"A caption that is never closed',
    '"{0}.jpg{1}A name that is never closed',
    '{0}.jpg{1}"A quote"" that is never closed',
]
CAPTIONS = [
    "CT of lesion {}",
    "CT of {}, axial",
    'A 5" tube of {}',
    "Two\nlines of {}",
    'He said "{}", twice',
    'Ends in {}"',
    "Ends, in {},",
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("names", ["{}.jpg", "id{}"])
def test_an_unclosed_quote_costs_only_its_row(
    tmp_path: Path, style: str, broken: str, names: str
) -> None:
    how = STYLES[style]
    separator = how.get("delimiter", ",")
    good = [(names.format(n), CAPTIONS[n % len(CAPTIONS)].format(n)) for n in range(600)]
    lines = [table([row], **how) for row in good]
    damage = (broken.format("bad", separator) + "\r\n").encode()
    for place in range(590, 0, -59):
        lines.insert(place, damage)
    path = tmp_path / "a.csv"
    path.write_bytes(table([("image", "caption")], **how) + b"".join(lines))
    found = rows_in(path)
    assert pairs(found) == good
    bad = [row for row in found if isinstance(row, BadInput)]
    assert len(bad) == 10
    assert all("a quote is not closed" in row.problem for row in bad)


def test_ten_thousand_rows_after_an_unclosed_quote_are_read(tmp_path: Path) -> None:
    rows = [(f"{n}.jpg", f"A lesion of case {n}") for n in range(10_000)]
    for last in (b"", b'z.jpg,ends in 5"\n'):
        data = b'image,caption\n0.png,"never closed\n' + table(rows) + last
        (tmp_path / "a.csv").write_bytes(data)
        found = rows_in(tmp_path / "a.csv")
        assert pairs(found)[:10_000] == rows
        assert isinstance(found[0], BadInput)
        assert (found[0].number, len(found)) == (2, 10_001 + bool(last))


def test_a_file_name_never_becomes_part_of_a_caption(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'image,caption\n1.jpg,"never closed\n2.jpg,ends in 5"\n3.jpg,good\n')
    assert pairs(rows_in(path)) == [("2.jpg", 'ends in 5"'), ("3.jpg", "good")]


def test_the_rest_of_a_broken_row_never_becomes_a_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'image,caption\n1.jpg,"One line\nsays "hello", again\nand, ends"\n2.jpg,good\n'
        b'3.jpg,"Kidney,\nliver, spleen"\n4.jpg,"a\nb",c\n5.jpg,good\n'
    )
    found = rows_in(path)
    assert pairs(found) == [
        ("2.jpg", "good"),
        ("3.jpg", "Kidney,\nliver, spleen"),
        ("5.jpg", "good"),
    ]


def test_text_without_images(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"text,year\nA lesion,1990\n,1991\n")
    with pytest.raises(InputError, match=r"--image, or use --no-images"):
        rows_in(path)
    found = rows_in(path, images=False)
    assert pairs(found) == [("", "A lesion")]
    assert isinstance(found[0], Row)
    assert found[0].others == {"year": "1990"}
