from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concept_linker import Annotation, Candidate, KnowledgeBase, Mention
from concept_linker.triplets.from_annotation import to_record

Run = Callable[..., Any]


def made(caption: str, words: str, **options: Any) -> dict[str, Any]:
    start = caption.index(words)
    best = Candidate("C0221198", "lesion", "lesion", 0.875, 0.9)
    mention = Mention(start, start + len(words), words, best=best)
    record: Any = to_record(Annotation(caption, (mention,)), image="a.jpg", pmc="1", **options)
    return dict(record)


def write(path: Path, rows: list[Any]) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def exact(tmp_path: Path) -> Path:
    return write(tmp_path / "exact.jsonl", [made("A (large) lesion.", "lesion")])


@pytest.fixture
def published(tmp_path: Path) -> Path:
    rows = [made("A (large) lesion.", "lesion", offsets="medconcept23m")]
    return write(tmp_path / "published.jsonl", rows)


@pytest.fixture
def bad(tmp_path: Path, exact: Path) -> Path:
    """A good row, one that is not JSON, one with two breaches."""
    row = json.loads(exact.read_text()) | {"pmid": 5, "image": ""}
    return write(tmp_path / "bad.jsonl", [exact.read_text().strip(), "{", row])


def test_validate(run: Run, exact: Path, published: Path) -> None:
    done = run("records", "validate", "-q", exact)
    assert (done.status, done.err) == (0, "")
    assert done.out == "1 row, 0 bad\n1 record: offsets index the caption\n"
    done = run("records", "validate", "-q", published)
    assert done.status == 0
    assert "index the text of MedConcept-23M" in done.out
    assert run("records", "validate", "-q", published, "--profile", "medconcept23m").status == 0
    for option in ("--offsets", "--profile"):
        wanted = "caption" if option == "--offsets" else "exact"
        done = run("records", "validate", "-q", published, option, wanted)
        assert done.status == 1
        assert "is 'e) les' in the caption" in done.out or "but the tokens say 'lesion'" in done.out


def test_validate_names_line_key_and_reason(run: Run, bad: Path) -> None:
    done = run("records", "validate", "-q", bad)
    assert done.status == 1
    assert done.err.startswith("records without an image, as from `annotate --no-images`")
    lines = done.out.splitlines()
    assert lines[0].startswith(f"{bad}, line 2: line: not JSON: ")
    assert lines[1] == f"{bad}, line 3: pmid: is int, expected str"
    assert lines[2].startswith(f"{bad}, line 3: image: is ''")
    assert lines[3] == "3 rows, 2 bad"
    few = run("records", "validate", "-q", bad, "--shown", "1").out
    assert "… and 2 more breaches; --shown 0 prints all" in few
    done = run("records", "validate", "-q", bad, "--json")
    *breaches, summary = map(json.loads, done.out.splitlines())
    assert [(one["line"], one["key"]) for one in breaches] == [
        (2, "line"),
        (3, "pmid"),
        (3, "image"),
    ]
    assert (summary["rows"], summary["bad"], summary["breaches"]) == (3, 2, 3)


def test_repair(run: Run, exact: Path, published: Path, tmp_path: Path) -> None:
    output = tmp_path / "new" / "out.jsonl"
    done = run("records", "repair", "-q", published, "-o", output)
    assert (done.status, done.out, done.err) == (0, f"{output}: 1 record\n", "")
    assert output.read_bytes() == exact.read_bytes()


def test_minimise(run: Run, exact: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    assert run("records", "minimise", "-q", exact, "-o", output).status == 0
    assert json.loads(output.read_text())["umls_meta_info"] == [[10, 16]]
    options = ("--token-spans", "--max-tokens", "3", "--json")
    done = run("records", "minimise", "-q", exact, "-o", output, *options)
    assert json.loads(done.out)["spans_left_out"] == 1
    assert json.loads(output.read_text())["umls_meta_info"] == []


def test_convert_sets_bad_rows_aside(run: Run, bad: Path, exact: Path, tmp_path: Path) -> None:
    output, back = tmp_path / "out.parquet", tmp_path / "back.jsonl"
    done = run("records", "convert", "-q", bad, "-o", output)
    aside = tmp_path / "out.parquet.quarantine.jsonl"
    assert (done.status, done.out) == (1, f"{output}: 1 record\n")
    assert done.err == f"2 bad rows set aside in {aside}\n"
    assert [json.loads(line)["line"] for line in aside.read_text().splitlines()] == [2, 3]
    done = run("records", "convert", "-q", output, "-o", back, "--json")
    assert json.loads(done.out) == {
        "rows": 1,
        "written": 1,
        "bad": 0,
        "spans_left_out": 0,
        "output": str(back),
        "quarantine": None,
    }
    assert back.read_bytes() == exact.read_bytes()


def test_convert_to_the_published_profile(
    run: Run, exact: Path, published: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    done = run("records", "convert", "-q", exact, "-o", output, "--profile", "medconcept23m")
    assert done.status == 0
    assert output.read_bytes() == published.read_bytes()


def test_stats_and_card(run: Run, exact: Path, tmp_path: Path, open_base: KnowledgeBase) -> None:
    done = run("records", "stats", "-q", exact, "--plot", tmp_path / "plot.svg")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("1 record of 1 article, 0 bad rows\n1 span,")
    assert (tmp_path / "plot.svg").stat().st_size > 1000
    found = json.loads(run("records", "stats", "-q", exact, "--json").out)
    assert found["semantic_groups"] == {"DISO": 1}
    output = tmp_path / "README.md"
    done = run("records", "card", "-q", exact, "-o", output, "--title", "Mine", "--kb", "none")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert output.read_text(encoding="utf-8").startswith('---\npretty_name: "Mine"\n')
    assert run("records", "card", "-q", exact, "--kb", "none").out.startswith("---\n")


def test_a_progress_bar_appears_for_long_work(
    run: Run, exact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = ("records", "convert", exact, "-o", tmp_path / "out.jsonl")
    assert run(*convert).err == ""
    monkeypatch.setattr("concept_linker.cli.console._BAR_DELAY", 0)
    done = run(*convert)
    assert "Converting: 100%" in done.err
    assert done.out == f"{tmp_path / 'out.jsonl'}: 1 record\n"
    assert run(*convert, "-q").err == ""


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["validate", "none.jsonl"], "none.jsonl: no such file"),
        (["stats", "empty"], "empty: no file in this folder ends in"),
        (["card", "-"], "-: standard input is not supported here, expected a file path"),
        (["validate", "IN", "--offsets", "bytes"], "expected caption or medconcept23m"),
        (["validate", "IN", "--profile", "mine"], "expected exact or medconcept23m"),
        (["validate", "IN", "--tokenizer", "none"], "not a WordPiece vocabulary"),
        (["convert", "IN", "-o", "out.csv"], "expected a name that ends in"),
        (["convert", "IN", "-o", "out.jsonl", "--images", "none"], "expected a folder"),
        (["stats", "IN", "--plot", "out.gif"], "expected a name that ends in"),
    ],
)
def test_an_error_of_records_is_one_line(
    run: Run,
    exact: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    wanted: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.iterdir())
    called = [str(exact) if one == "IN" else one for one in arguments]
    done = run("records", *called, "-q")
    assert done.status == 2
    assert wanted in done.error
    assert sorted(tmp_path.iterdir()) == before


def test_another_vocabulary_is_noted(run: Run, exact: Path, tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[UNK]\na\n(\nlarge\n)\nlesion\n.\n")
    done = run("records", "validate", "-q", exact, "--tokenizer", vocabulary)
    assert done.status == 0
    assert done.err == f"{vocabulary}: not the vocabulary of MedConcept-23M\n"


def test_every_breach_of_a_row_with_bad_line_ends_is_reported(
    run: Run, exact: Path, tmp_path: Path
) -> None:
    """Byte order mark and CRLF do not hide other breaches."""
    row = json.loads(exact.read_text())
    wrong: dict[str, Any] = {
        "fig_label": None,
        "fig_list-items": None,
        "pmc": "PMC2",
        "umls_meta_info": str(row["umls_meta_info"]),
        "graphic_ref": "nan",
    }
    spans = [row["umls_meta_info"][0] | {"umls_similarity": "0.875", "start_token": 2.0}]
    rows = [row, row | wrong, row | {"umls_meta_info": spans}, {"caption": "A.", "image": "b.jpg"}]
    text = "".join(f"{json.dumps(one)}\r\n" for one in rows)
    path = tmp_path / "windows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    done = run("records", "validate", "-q", path, "--json")
    *breaches, summary = map(json.loads, done.out.splitlines())
    reported: dict[int, list[str]] = {}
    for one in breaches:
        assert one["file"] == str(path)
        reported.setdefault(one["line"], []).append(one["key"])
    span = "umls_meta_info[0]"
    assert reported[1] == ["line", "line"]
    assert sorted(reported[2]) == sorted(["line", *wrong])
    assert reported[3] == ["line", f"{span}.umls_similarity", f"{span}.start_token"]
    missing = [key for key in row if key not in ("caption", "image")]
    assert reported[4] == ["line", *missing]
    assert summary["bad"] == 4
    assert "`concept-linker records repair` removes byte order marks and CRLF" in done.err
    output = tmp_path / "out.jsonl"
    done = run("records", "repair", "-q", path, "-o", output)
    assert (done.status, output.read_bytes()) == (1, exact.read_bytes())
    aside = (tmp_path / "out.jsonl.quarantine.jsonl").read_text().splitlines()
    problems = {one["line"]: one["problem"] for one in map(json.loads, aside)}
    assert list(problems) == [2, 3, 4]
    for line, problem in problems.items():
        assert [part.split(": ")[0] for part in problem.split("; ")] == reported[line][1:]


def test_a_file_of_one_form_has_no_row_of_the_other(run: Run, exact: Path, tmp_path: Path) -> None:
    full = json.loads(exact.read_text())
    small = {"caption": "A.", "image": "a.jpg", "umls_meta_info": []}
    for rows, reported in (
        ([full, small], "is in the minimised form"),
        ([small, full], "in the full"),
    ):
        path = write(tmp_path / "mixed.jsonl", rows)
        done = run("records", "validate", "-q", path)
        assert done.status == 1
        [line] = [line for line in done.out.splitlines() if "line 2:" in line]
        assert reported in line


def test_other_keys_are_named_with_the_option_that_allows_them(
    run: Run, exact: Path, tmp_path: Path
) -> None:
    row = json.loads(exact.read_text()) | {"mentions": [], "licence": "CC BY"}
    path = write(tmp_path / "more.jsonl", [row] * 3)
    done = run("records", "validate", "-q", path)
    assert done.status == 1
    hint = "--other-keys allows other keys, here: mentions, licence\n"
    assert done.err == hint
    output = tmp_path / "out.jsonl"
    done = run("records", "convert", "-q", path, "-o", output)
    assert done.err == f"3 bad rows set aside in {output}.quarantine.jsonl\n{hint}"
    assert run("records", "convert", "-q", path, "-o", output, "--other-keys").status == 0
    assert [json.loads(line) for line in output.read_text().splitlines()] == [row] * 3
    assert run("records", "validate", "-q", path, "--other-keys").status == 0


def test_any_number_of_other_keys_costs_no_memory(run: Run, exact: Path, tmp_path: Path) -> None:
    row = json.loads(exact.read_text())
    rows = [row | {f"key {n} {k}": 0 for k in range(100)} for n in range(20)]
    done = run("records", "validate", "-q", write(tmp_path / "a.jsonl", rows), "--shown", "1")
    assert len(done.out.splitlines()) < 300
    assert "  …: 1,800 breaches" in done.out
    assert len(done.err) < 300


def test_the_output_of_annotate_is_valid(
    run: Run, tmp_path: Path, open_base: KnowledgeBase
) -> None:
    """Empty columns, and those with details of spans, do not count as other keys."""
    captions = tmp_path / "captions.csv"
    captions.write_text("caption,image\nA lesion of the lung.,a.jpg\nA liver.,b.jpg\n")
    annotate = ("annotate", captions, "--workers", "1", "-q", "--detector", "dictionary")
    assert run(*annotate, "-o", tmp_path / "plain").status == 0
    assert run(*annotate, "-o", tmp_path / "more", "--mentions").status == 0
    for folder, options, status in (("plain", (), 0), ("more", (), 1), ("more", OTHERS, 0)):
        done = run("records", "validate", tmp_path / folder, "-q", *options)
        assert (done.status, "2 rows" in done.out) == (status, True), done.out + done.err
        output = tmp_path / "out.parquet"
        done = run("records", "convert", tmp_path / folder, "-o", output, "-q", *options)
        assert done.status == status
        assert ("--other-keys allows other keys, here: mentions" in done.err) == (status == 1)


OTHERS = ("--other-keys",)
