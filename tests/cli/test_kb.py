from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concept_linker.knowledge_base.base import KnowledgeBase

Run = Callable[..., Any]
DATA = Path(__file__).resolve().parents[1] / "data" / "readers"


@pytest.fixture
def bad(jsonl: Path, tmp_path: Path) -> Path:
    """A source with a good line, a bad one on line 2, a good one, and a bad one on line 4."""
    path = tmp_path / "bad.jsonl"
    one, two, _ = jsonl.read_text(encoding="utf-8").splitlines()
    path.write_text(f"{one}\nno JSON\n{two}\n{one}\n", encoding="utf-8")
    return path


# build


def test_build_from_jsonl(run: Run, jsonl: Path, tmp_path: Path) -> None:
    done = run("kb", "build", "-q", "--source", f"jsonl={jsonl}", "-o", tmp_path / "kb")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        str(tmp_path / "kb"),
        "3 concepts, 6 names, 5 keys",
        "  three (jsonl)",
    ]
    concept = KnowledgeBase.open(tmp_path / "kb").concept("C0019564")
    assert concept.name == "Hippocampus"
    assert concept.semantic_types == ("T023",)
    assert concept.definition == "A curved gray matter structure."


@pytest.mark.parametrize(
    ("format", "file", "concept_id", "name"),
    [
        ("obo", "small.obo", "C0000001", "femur"),
        ("obographs", "small.json", "C0000001", "femur"),
        ("mesh", "desc2023.xml", None, None),
        ("mesh", "d2023.bin", None, None),
    ],
)
def test_build_from_each_format(
    run: Run, tmp_path: Path, format: str, file: str, concept_id: str | None, name: str
) -> None:
    folder = tmp_path / "kb"
    done = run("kb", "build", "-q", "--source", f"{format}={DATA / file}", "-o", folder)
    assert (done.status, done.err) == (0, "")
    kb = KnowledgeBase.open(folder)
    assert len(kb) > 0
    assert kb.info.sources[0].files.keys() == {file}
    if concept_id:
        assert name in [found.text for found in kb.concept(concept_id).names]


def test_build_from_several_the_first_trusted_most(run: Run, jsonl: Path, tmp_path: Path) -> None:
    table = tmp_path / "own.tsv"
    table.write_text(
        "id\tname\ttype\tsame_as\nOWN:1\tseahorse\tT023\tC0019564\nOWN:2\tα-cell\tT025\t\n",
        encoding="utf-8",
    )
    sources = [f"table={table}", f"jsonl={jsonl}"]
    for order, correct in ((sources, "seahorse"), (sources[::-1], "Hippocampus")):
        options = [option for source in order for option in ("--source", source)]
        assert run("kb", "build", "-q", "--force", *options, "-o", tmp_path / "kb").status == 0
        kb = KnowledgeBase.open(tmp_path / "kb")
        assert kb.concept("OWN:1").id == "C0019564"
        assert kb.concept("OWN:1").name == correct
        assert len(kb) == 4
        assert kb.info.options["source"] == order


def test_a_progress_bar_unless_quiet(run: Run, jsonl: Path, tmp_path: Path) -> None:
    done = run("kb", "build", "--source", f"jsonl={jsonl}", "-o", tmp_path / "kb")
    assert done.status == 0
    assert "Building: 100%" in done.err
    assert "Building" not in done.out


def test_output_into_the_current_folder(
    run: Run, jsonl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    done = run("kb", "build", "-q", "--skip-bad", "--source", f"jsonl={jsonl}", "-o", ".")
    assert (done.status, done.err) == (0, "")
    assert "C0019564" in KnowledgeBase.open(tmp_path / "here")


def test_a_bad_row_stops_the_build(run: Run, bad: Path, base: Path) -> None:
    for folder in (base, base.with_name("new")):
        done = run("kb", "build", "-q", "--force", "--source", f"jsonl={bad}", "-o", folder)
        assert done.status == 2
        assert done.error.startswith(f"concept-linker: {bad}, line 2: not JSON")
    assert not folder.exists()
    assert len(KnowledgeBase.open(base)) == 3
    loud = run("kb", "build", "--force", "--source", f"jsonl={bad}", "-o", base)
    assert loud.err.splitlines()[-1].startswith(f"concept-linker: {bad}, line 2: ")
    assert "Traceback" not in loud.err


def test_skip_bad_counts_and_sets_aside(run: Run, bad: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er" / "kb"
    rows = folder.with_name("kb.quarantine.jsonl")
    for _ in range(2):  # the second build's rows take the place of the first's
        source = ["--source", f"jsonl={bad}"]
        done = run("kb", "build", "-q", "--force", "--skip-bad", *source, "-o", folder)
        assert done.status == 1
        assert done.err == f"2 bad rows set aside in {rows}\n"
        found = [json.loads(row) for row in rows.read_text(encoding="utf-8").splitlines()]
        assert [(row["file"], row["line"]) for row in found] == [(str(bad), 2), (str(bad), 4)]
        assert found[0]["row"] == "no JSON"
        assert "C0019564" in found[1]["problem"]
    kb = KnowledgeBase.open(folder)
    assert len(kb) == 2
    assert kb.info.options["skip_bad"] is True


def test_skip_bad_without_a_bad_row(run: Run, bad: Path, jsonl: Path, tmp_path: Path) -> None:
    command = ["kb", "build", "-q", "--force", "--skip-bad", "-o", tmp_path / "kb", "--source"]
    run(*command, f"jsonl={bad}")
    done = run(*command, f"jsonl={jsonl}")
    assert (done.status, done.err) == (0, "")
    assert not (tmp_path / "kb.quarantine.jsonl").exists()


def test_nothing_but_bad_rows(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "junk.jsonl"
    source.write_text("junk\n", encoding="utf-8")
    folder = tmp_path / "kb"
    done = run("kb", "build", "-q", "--skip-bad", "--source", f"jsonl={source}", "-o", folder)
    assert done.status == 2
    assert "the sources have no names" in done.error
    assert not folder.exists()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("owl=x.owl", "format is 'owl', expected rrf, obo, "),
        ("x.obo", "--source is 'x.obo', expected FORMAT=PATH, such as obo=hp.obo"),
        ("obo=", "--source is 'obo=', expected FORMAT=PATH"),
        ("=x.obo", "format is ''"),
        ("obo=absent.obo", "absent.obo: no such file"),
    ],
)
def test_a_wrong_source_is_an_error(run: Run, tmp_path: Path, source: str, problem: str) -> None:
    done = run("kb", "build", "-q", "--source", source, "-o", tmp_path / "kb")
    assert done.status == 2
    assert problem in done.error
    assert list(tmp_path.iterdir()) == []


def test_filters_are_for_rrf(run: Run, jsonl: Path, tmp_path: Path) -> None:
    source = ["--source", f"jsonl={jsonl}"]
    done = run("kb", "build", "-q", *source, "--vocabulary", "MSH", "-o", tmp_path / "kb")
    assert done.status == 2
    assert done.error == "concept-linker: filters of rrf are given, but no --source is rrf=PATH"


def test_an_existing_output_is_an_error_before_anything_is_read(run: Run, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis" / "chapter.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    done = run("kb", "build", "-q", "--source", "obo=absent.obo", "-o", thesis.parent)
    assert done.status == 2
    assert "is not a knowledge base: it contains 'chapter.txt'; choose a new folder" in done.error
    assert thesis.read_text() == "years of work"


def test_an_output_that_cannot_be_written(run: Run, jsonl: Path) -> None:
    command = ["kb", "build", "-q", "--source", f"jsonl={jsonl}", "-o", jsonl / "kb"]
    done = run(*command)
    assert done.status == 2
    assert f"{jsonl / 'kb'}: cannot be written" in done.error


def test_a_quarantine_that_cannot_be_written(run: Run, bad: Path, tmp_path: Path) -> None:
    (tmp_path / "kb.quarantine.jsonl").mkdir()
    source = ["--source", f"jsonl={bad}"]
    done = run("kb", "build", "-q", "--skip-bad", *source, "-o", tmp_path / "kb")
    assert done.status == 2
    assert "kb.quarantine.jsonl" in done.error


@pytest.mark.parametrize("arguments", [[], ["-o", "kb"], ["--source", "obo=x.obo"], ["--what"]])
def test_called_wrongly(run: Run, arguments: list[str]) -> None:
    assert run("kb", "build", *arguments).status == 2


def test_an_existing_base_is_replaced_only_with_force(
    run: Run, jsonl: Path, base: Path, bad: Path
) -> None:
    before = (base / "manifest.json").read_bytes()
    for source in (f"jsonl={jsonl}", "obo=absent.obo"):  # seen before anything is read
        done = run("kb", "build", "-q", "--source", source, "-o", base)
        assert done.status == 2
        assert f"{base} is already a knowledge base; choose a new folder" in done.error
    assert (base / "manifest.json").read_bytes() == before
    source = f"jsonl={jsonl}"
    assert run("kb", "build", "-q", "--force", "--source", source, "-o", base).status == 0
    (base / "thesis.tex").write_text("years of work")
    done = run("kb", "build", "-q", "--force", "--source", source, "-o", base)
    assert done.status == 2
    assert "is not a knowledge base: it contains 'thesis.tex'" in done.error
    assert (base / "thesis.tex").read_text() == "years of work"


# info


def test_info(run: Run, base: Path) -> None:
    done = run("kb", "info", base)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[1] == "3 concepts, 6 names, 5 keys"


def test_info_shows_releases_and_names_by_vocabulary(run: Run, jsonl: Path, tmp_path: Path) -> None:
    table, folder = tmp_path / "own.csv", tmp_path / "kb"
    table.write_text("id,name,source\nX:1,lung,MSH\nX:2,liver,NCI\nX:2,hepar,NCI\n")
    obo = DATA / "small.obo"
    sources = [f"--source={one}" for one in (f"obo={obo}", f"jsonl={jsonl}", f"table={table}")]
    assert run("kb", "build", "-q", *sources, "-o", folder).status == 0
    done = run("kb", "info", folder)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[2:] == [
        "  toy (obo, releases/2024-01-01, https://example.org/licence)",
        "  three (jsonl)",
        "  own (table)",
        "names by vocabulary:",
        "            6  TOY",
        "            6  three",
        "            2  NCI",
        "            1  MSH",
    ]
    counts = json.loads(run("kb", "info", folder, "--json").out)["vocabularies"]
    assert counts == {"TOY": 6, "three": 6, "NCI": 2, "MSH": 1}


def test_info_as_json_is_the_manifest(run: Run, base: Path) -> None:
    done = run("kb", "info", base, "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out) == json.loads((base / "manifest.json").read_bytes())
    assert run("kb", "info", base, "--json", "--verify").out == done.out


def test_info_of_the_default_base(run: Run, open_base: KnowledgeBase) -> None:
    done = run("kb", "info")
    assert f"{len(open_base):,} concepts" in done.out
    assert done.status == 0


def test_verify(run: Run, base: Path) -> None:
    done = run("kb", "info", base, "--verify")
    assert done.status == 0
    assert done.out.splitlines()[-1] == "every file matches the manifest"
    path = base / "names_bytes.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    for options in ([], ["--verify"], ["--verify", "--json"]):
        done = run("kb", "info", base, *options)
        assert done.status == 2
        assert f"{path}: wrong checksum, it is damaged; build the base" in done.error


def test_verify_reads_the_large_arrays_too(
    run: Run, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("concept_linker.knowledge_base.mapping.SMALL", 0)
    path = base / "definitions_bytes.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert run("kb", "info", base).status == 0
    done = run("kb", "info", base, "--verify")
    assert done.status == 2
    assert f"{path}: SHA-256" in done.error
    assert done.error.endswith("; build the base again")


@pytest.mark.parametrize("command", [["info"], ["search", "lesion", "--kb"]])
def test_a_missing_base_is_an_error(run: Run, tmp_path: Path, command: list[str]) -> None:
    for absent in (tmp_path / "absent", tmp_path, Path("/")):
        done = run("kb", *command, absent)
        assert done.status == 2
        assert done.error.startswith(f"concept-linker: {absent}: ")
        assert "a folder with manifest.json" in done.error


# search


def test_search(run: Run, base: Path) -> None:
    done = run("kb", "search", "hippocampi", "--kb", base)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == "1.000  C0019564  Hippocampus"
    done = run("kb", "search", "hippocampal formations", "--kb", base)
    assert done.out.splitlines()[0] == "1.000  C0019564  Hippocampus  (hippocampal formation)"


def test_search_as_json(run: Run, base: Path) -> None:
    done = run("kb", "search", "hipocampus", "--kb", base, "--json", "-k", "1")
    [line] = done.out.splitlines()
    found = json.loads(line)
    assert found["concept_id"] == "C0019564"
    assert 0.5 <= found["similarity"] < 1
    expected = KnowledgeBase.open(base).search("hipocampus", k=1, min_similarity=0.5)
    assert [found] == [candidate.to_dict() for candidate in expected]


def test_search_finds_nothing(run: Run, base: Path) -> None:
    done = run("kb", "search", "zzz", "--kb", base)
    assert done.status == 0
    assert (done.out, done.err) == ("", "no name has a similarity of 0.5 or more\n")
    assert run("kb", "search", "zzz", "--kb", base, "--json") == done.__class__(0, "", "")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["-k", "0"], "k is 0"),
        (["--min-similarity", "2"], "min_similarity is 2.0, expected 0 to 1"),
    ],
)
def test_search_out_of_range(run: Run, base: Path, options: list[str], problem: str) -> None:
    done = run("kb", "search", "lesion", "--kb", base, *options)
    assert done.status == 2
    assert problem in done.error
    assert run("kb", "search", "lesion", "--kb", base, "-k", "many").status == 2
