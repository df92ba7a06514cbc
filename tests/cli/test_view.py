"""``concept-linker view``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from concept_linker import Annotation, Candidate, Mention
from concept_linker.triplets.writing import open_writer

Run = Callable[..., Any]
GIF = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.gif").write_bytes(GIF)
    best = Candidate("C0221198", "Lesion", "lesion", 1.0, 1.0)
    path = tmp_path / "figures.jsonl"
    with open_writer(path) as writer:
        for image in ("a.gif", "b.gif"):
            annotation = Annotation("A lesion.", (Mention(2, 8, "lesion", best=best),))
            writer.write(dict(annotation.to_record(image=image)))
    return path


def view(run: Run, *arguments: str | Path) -> str:
    done = run("view", *arguments, "-q", "--kb", "none")
    assert done.status == 0, done.err
    out: str = done.out
    return out


def test_a_page_is_written(run: Run, records: Path, tmp_path: Path) -> None:
    page = tmp_path / "out/page.html"
    assert view(run, records, "-o", page).startswith(f"{page}: 2 records, ")
    html = page.read_text(encoding="utf-8")
    assert "<title>figures.jsonl</title>" in html
    assert 'http-equiv="Content-Security-Policy" content="default-src &#x27;none&#x27;;' in html
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]


def test_images_are_referred_to_or_embedded(run: Run, records: Path, tmp_path: Path) -> None:
    page, images = tmp_path / "page.html", tmp_path / "images"
    view(run, records, "--images", images, "-o", page)
    assert '"./images/a.gif"' in page.read_text("utf-8")
    done = run("view", records, "--images", images, "--embed", "-o", page, "-q", "--json")
    assert '"data:image/gif;base64,' in page.read_text("utf-8")
    summary = json.loads(done.out)
    assert (summary["records"], summary["images_missing"]) == (2, 1)
    assert "1 image missing" in done.err


def test_images_that_are_in_the_file_are_embedded(run: Run, records: Path, tmp_path: Path) -> None:
    (tmp_path / "images/b.gif").write_bytes(GIF)
    packed, page = tmp_path / "figures.parquet", tmp_path / "page.html"
    images = ("--images", tmp_path / "images")
    assert run("records", "convert", records, "-o", packed, *images, "-q").status == 0
    view(run, packed, "-o", page)
    assert page.read_text("utf-8").count('"data:image/gif;base64,') == 2


def test_two_annotations(run: Run, records: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    view(run, records, "--against", records, "-o", page, "--title", "Compared")
    html = page.read_text("utf-8")
    assert '"compared":true' in html
    assert "<title>Compared</title>" in html


def test_omitted_records_are_noted(run: Run, records: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    done = run("view", records, "-o", page, "-q", "--kb", "none", "--limit", "1")
    assert (done.status, "only the first 1 record;" in done.err) == (0, True)
    with records.open("a") as file:
        file.write("{}\n")
    done = run("view", records, "-o", page, "-q", "--kb", "none")
    assert done.status == 1
    assert "1 bad row left out" in done.err
    assert page.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected either -o PAGE.html or --serve"),
        (["-o", "page.txt"], "page.txt: expected a file name that ends in .html"),
        (["-o", "page.html", "--images", "nowhere"], "--images is nowhere, expected a folder"),
        (["-o", "page.html", "--images", "."], "--images .: has none of the 2 images"),
        (["-o", "page.html", "--embed"], "contains no images; add --images FOLDER"),
        (["-o", "page.html", "--kb", "nowhere"], "nowhere"),
    ],
)
def test_wrong_calls_are_one_line(
    run: Run,
    records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("view", records, *arguments, "-q")
    assert done.status == 2
    assert message in done.error


def test_it_serves_until_it_is_interrupted(records: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "concept_linker", "view", str(records), "--serve", "-q"]
    command += ["--kb", "none", "--images", str(tmp_path / "images")]
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[0]
        with urlopen(url, timeout=10) as answer:
            assert b"A lesion." in answer.read()
        with urlopen(f"{url}images/a.gif", timeout=10) as answer:
            assert answer.read() == GIF
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
