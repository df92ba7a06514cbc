from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.linker import ConceptLinker

Run = Callable[..., Any]
CAPTION = "Axial T2-weighted MRI shows a hyperintense lesion in the left hippocampus."


@pytest.fixture(scope="module")
def linker(open_base: KnowledgeBase) -> ConceptLinker:
    return ConceptLinker.load(open_base)


def test_a_table(run: Run, linker: ConceptLinker) -> None:
    done = run("link", CAPTION)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == CAPTION
    assert (
        lines[1].split()
        == "place mention probability id name semantic type similarity score".split()
    )
    mentions = list(linker.link(CAPTION))
    assert len(mentions) >= 3
    for mention in mentions:
        place = f"{mention.start}-{mention.end} "
        [row] = [line for line in lines[2:] if line.startswith(place)]
        assert mention.text in row
        if mention.best:
            assert f" {mention.best.concept_id} " in row
            assert row.split()[-1] == f"{mention.best.score:.3f}"


def test_json_is_the_annotation(run: Run, linker: ConceptLinker) -> None:
    done = run("link", CAPTION, "--json")
    assert (done.status, done.err) == (0, "")
    [line] = done.out.splitlines()
    assert json.loads(line) == linker.link(CAPTION).to_dict()


def test_lines_of_standard_input(run: Run, linker: ConceptLinker) -> None:
    given = [
        CAPTION.encode(),
        b"",
        b"caf\xff lesion \xc3",
        "  β-cell 𝒳 lésion\tof \x00 the pelvis".encode(),
        b"windows line: a lesion\r",
        b"the last, without an end: a lesion",
    ]
    texts = [line.decode("utf-8", errors="replace").rstrip("\r") for line in given]
    assert texts[2] == "caf\ufffd lesion \ufffd"
    done = run("link", "-", "--json", stdin=b"\n".join(given))
    assert done.status == 1
    assert done.err == "1 line not in UTF-8: unreadable bytes were replaced by U+FFFD\n"
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["text"] for row in rows] == texts
    assert rows == [linker.link(text).to_dict() for text in texts]


@pytest.mark.parametrize(("stdin", "rows"), [(b"", 0), (b"\n", 1), (b"\n\n", 2), (b"a", 1)])
def test_as_many_rows_as_lines(run: Run, stdin: bytes, rows: int, base: Path) -> None:
    done = run("link", "-", "--json", "--kb", base, stdin=stdin)
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) == rows


def test_tables_of_standard_input(run: Run) -> None:
    done = run("link", "-", stdin=b"a lesion\n\nnothing here\n")
    assert done.status == 0
    assert done.out.count("no concepts found") == 2
    assert done.out.count("lesion") >= 2


@pytest.mark.parametrize("text", ["[bold]lesion[/bold]", "[/] lesion [red", ":smile: lesion"])
def test_markup_in_a_caption_is_text(run: Run, base: Path, text: str) -> None:
    done = run("link", text, "--kb", base)
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == text


def test_a_long_caption_stays_on_its_line(run: Run, base: Path) -> None:
    text = "a long caption about a lesion " * 20
    assert run("link", text, "--kb", base).out.splitlines()[0] == text


def test_a_terminal_that_cannot_show_a_character(run: Run, base: Path) -> None:
    done = run("link", "β lesion 𝒳", "--kb", base, encoding="ascii")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[0] == "\\u03b2 lesion \\U0001d4b3"


@pytest.mark.parametrize("text", ["", " ", "\ud800 lesion", "\x1b[31m"])
def test_odd_captions(run: Run, base: Path, text: str) -> None:
    done = run("link", text, "--kb", base, "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["text"] == text
    assert run("link", text, "--kb", base).status == 0


def test_control_characters_are_escaped(run: Run, base: Path) -> None:
    done = run("link", "\x1b]0;mine\x07a lesion\x1b[2J\n\u202e\tof", "--kb", base)
    assert (done.status, done.err) == (0, "")
    shown = done.out.splitlines()
    assert shown[0] == r"\x1b]0;mine\x07a lesion\x1b[2J\n\u202e  of"
    assert "lesion" in shown[2]


def test_utf_16_is_an_error(run: Run, base: Path) -> None:
    done = run("link", "-", "--kb", base, stdin="a lesion\n".encode("utf-16"))
    assert done.status == 2
    assert "standard input is UTF-16, expected UTF-8" in done.error


def test_a_missing_base_is_an_error(run: Run, tmp_path: Path) -> None:
    done = run("link", "lesion", "--kb", tmp_path / "absent")
    assert done.status == 2
    assert done.error.startswith(f"concept-linker: {tmp_path / 'absent'}: no such knowledge base")


def test_called_wrongly(run: Run) -> None:
    assert run("link").status == 2
    done = run("link", "a", "b")
    assert done.status == 2
    assert "put quotes around a text of several words" in done.error


@pytest.mark.parametrize("lines", [1, 5000])
def test_a_closed_reader(base: Path, lines: int) -> None:
    """As with ``| head -1``: no traceback."""
    command = [sys.executable, "-m", "concept_linker", "link", "-", "--json", "--kb", str(base)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        if lines == 1:  # gone before anything is written, and all of it fits a buffer
            process.stdout.close()
        process.stdin.write(b"a lesion\n" * lines)
        process.stdin.close()
        if lines > 1:
            assert json.loads(process.stdout.readline())["text"] == "a lesion"
            process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141
