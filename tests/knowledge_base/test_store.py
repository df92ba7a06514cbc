"""Writing a base is atomic."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_bases import HEAD, names_of, one_line, source

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build_knowledge_base

COMMAND = [sys.executable, "-m", "concept_linker"]


def neighbours(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if path != folder)


# Whole or nothing


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("before", ["old", "none"])
def test_killed_before_each_operation_on_files(tmp_path: Path, before: str) -> None:
    script = Path(__file__).with_name("killed_writes.py")
    command = [sys.executable, str(script), str(tmp_path / "place"), before]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=paths)
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(kills) > 2 * len(store.REQUIRED)
    lefts = [left for _, left, _, _ in kills]
    earlier = 1 if before == "old" else "nothing"
    switch = lefts.index(2)
    assert lefts == [earlier] * switch + [2] * (len(kills) - switch)
    if before == "old":  # in its place, aside, and when the new one is in its place
        renames = [place for place, *_ in kills if place.startswith("os.rename")]
        assert len(renames) == 2
        assert switch < len(kills) - 1
    for place, _, after, left in kills:
        assert (after, left) == (3, ["kb"]), place


@pytest.fixture(scope="module")
def three_thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source for a base of 3,000 names."""
    path = tmp_path_factory.mktemp("source") / "names.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        for number in range(1, 1001):
            record = {
                "concept_id": f"C{number:07}",
                "canonical_name": f"lesion of part {number}",
                "aliases": [f"part {number} tumour", f"disorder {number * 7919} of organ"],
            }
            stream.write(json.dumps(record) + "\n")
    return path


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_at_random_moments(tmp_path: Path, three_thousand: Path) -> None:
    """Kills the real command at 20 moments of its run time; half of the runs replace a base."""
    folder = tmp_path / "kb"
    command = [*COMMAND, "kb", "build", "-q", "--force"]
    command += ["--source", f"jsonl={three_thousand}", "-o", str(folder)]
    run_time = 0.0
    for _ in range(2):  # the first may have to compile
        started = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        run_time = time.monotonic() - started
    moments = random.Random(20)
    killed = 0
    for number in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if number % 2:
            build_knowledge_base([source("old")], folder, replace=True)
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            time.sleep((number + moments.random()) / 20 * run_time)
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        if number % 2 or folder.exists():
            found = len(KnowledgeBase.open(folder))
            assert found == 1000 or (found == 1 and number % 2)
            store.verify(folder)
        build_knowledge_base([source("next", "one")], folder, replace=True)
        assert names_of(folder) == ["next", "one"]
        assert neighbours(folder) == []
    assert killed >= 10, "the machine was too fast or too slow for the kills to hit"


def test_two_builds_of_one_folder_at_a_time(tmp_path: Path, three_thousand: Path) -> None:
    """One succeeds; the other succeeds, too, or reports why not."""
    folder = tmp_path / "kb"
    command = [*COMMAND, "kb", "build", "-q", "--force"]
    command += ["--source", f"jsonl={three_thousand}", "-o", str(folder)]
    both = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [process.communicate()[1].decode() for process in both]
    assert 0 in [process.returncode for process in both]
    for process, error in zip(both, errors, strict=True):
        assert error.count("\n") == (process.returncode != 0)
    assert len(KnowledgeBase.open(folder)) == 1000
    store.verify(folder)
    build_knowledge_base([source("new")], folder, replace=True)
    assert neighbours(folder) == []


def test_a_base_renamed_by_a_killed_build_opens_and_comes_back(base: Path) -> None:
    """Between the two renames."""
    base.rename(base.with_name(".kb.old"))
    assert names_of(base)[0] == "lesion"
    store.verify(base)
    with pytest.raises(KnowledgeBaseError):
        build_knowledge_base([], base, replace=True)
    build_knowledge_base([source("new")], base, replace=True)
    assert names_of(base) == ["new"]
    assert neighbours(base) == []


def test_leftovers_with_this_process_id_do_no_harm(base: Path) -> None:
    """In a container, a build may have the process id of an earlier killed one."""
    for number in (os.getpid(), 4_000_000, 10**30):
        base.with_name(f".kb.{number}.part").mkdir()
    build_knowledge_base([source("new")], base, replace=True)
    assert neighbours(base) == []


def test_other_files_survive(base: Path) -> None:
    living = os.getppid()
    others = [f".kb.{living}.part", ".kb.x.part", ".kb2.4000000.part", ".kb.v2.4000000.part"]
    for name in others:
        base.with_name(name).mkdir()
    build_knowledge_base([source("new")], base, replace=True)
    assert neighbours(base) == sorted(others)


def test_folder_names_with_special_characters(tmp_path: Path) -> None:
    folder = tmp_path / "kb[1]*"
    folder.with_name(".kb[1]*.4000000.part").mkdir()
    build_knowledge_base([source("new")], folder, replace=True)
    assert neighbours(folder) == []


def test_opening_a_base_during_its_replacement(tmp_path: Path) -> None:
    """Opening returns one base or the other, never files of both."""
    folder = tmp_path / "kb"

    def write(mark: int) -> None:
        arrays = {name: np.full(3, mark) for name in store.REQUIRED}
        store.write(folder, arrays, {**HEAD, "options": {"mark": mark}}, replace=True)

    write(0)
    stop = threading.Event()
    problems: list[BaseException] = []

    def keep_writing() -> None:
        try:
            mark = 0
            while not stop.is_set():
                write(mark := mark + 1)
        except BaseException as problem:
            problems.append(problem)

    writer = threading.Thread(target=keep_writing)
    writer.start()
    seen = set()
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            manifest, arrays = store.open_folder(folder)
            marks = {int(n) for array in arrays.values() for n in array}
            assert marks == {manifest.options["mark"]}
            seen |= marks
    finally:
        stop.set()
        writer.join()
    assert problems == []
    assert len(seen) > 1


# Where it may be written


def test_another_folder_is_not_overwritten(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis" / "chapter.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    for taken in (thesis.parent, thesis):
        with pytest.raises(
            KnowledgeBaseError, match=r"is not a knowledge base: it .*; choose a new"
        ):
            build_knowledge_base([source("new")], taken)
    assert thesis.read_text() == "years of work"
    assert neighbours(thesis.parent) == []


def test_new_folders_empty_folders_and_bases_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path / "deep" / "er" / "kb", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        for name in ("first", "second"):
            build_knowledge_base([source(name)], folder, replace=True)
            assert names_of(folder) == [name]
        assert [path for path in neighbours(folder) if path.startswith(".")] == []
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    build_knowledge_base([source("here")], Path("."))
    assert names_of(tmp_path / "here") == ["here"]


def test_writing_through_a_link(base: Path) -> None:
    link = base.with_name("link")
    link.symlink_to(base, target_is_directory=True)
    for name in ("first", "second"):
        build_knowledge_base([source(name)], link, replace=True)
        assert names_of(link) == names_of(base) == [name]
    assert link.is_symlink()
    assert neighbours(base) == ["link"]


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(KnowledgeBaseError, match="cannot be written") as caught:
        build_knowledge_base([source("new")], file / "kb")
    assert "expected a writable place" in one_line(caught)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(KnowledgeBaseError, match="cannot be written"):
            build_knowledge_base([source("new")], tmp_path / "kb")
    finally:
        tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("at_file", [0, 7, len(store.REQUIRED), len(store.REQUIRED) + 2])
def test_a_disk_that_fills_up(base: Path, monkeypatch: pytest.MonkeyPatch, at_file: int) -> None:
    synced = 0

    def full(_: int) -> None:
        nonlocal synced
        synced += 1
        if synced > at_file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(KnowledgeBaseError, match="No space left on device") as caught:
        build_knowledge_base([source("new")], base, replace=True)
    assert str(base) in one_line(caught)
    assert names_of(base)[0] == "lesion"
    store.verify(base)
    assert neighbours(base) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    place = tmp_path / "tiny"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no right to mount a tmpfs: {error}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(tiny_disk: Path) -> None:
    with pytest.raises(KnowledgeBaseError, match=r"cannot be written .* enough free space"):
        build_knowledge_base(
            [source(*(f"name {number}" for number in range(2000)))], tiny_disk / "kb"
        )
    assert list(tiny_disk.iterdir()) == []
