"""A base on disk is whole or not there, and one that is damaged says so."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.base import KnowledgeBase
from concept_linker.knowledge_base.build import build
from concept_linker.knowledge_base.source import SourceInfo, SourceTables

COMMAND = [sys.executable, "-m", "concept_linker"]
HEAD: dict[str, Any] = {
    "made_by": "a test",
    "sources": (),
    "options": {},
    "counts": {},
    "types": (),
    "name_sources": (),
}


def source(*names: str) -> SourceTables:
    rows = [(f"C{number:07}", name, 0, "X") for number, name in enumerate(names, 1)]
    return SourceTables.from_rows(
        SourceInfo("table", "test"),
        names=rows,
        types=[(one, "T033") for one, *_ in rows],
        definitions=[(one, f"what {name} is") for one, name, *_ in rows],
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that no test writes to."""
    folder = tmp_path_factory.mktemp("store") / "whole"
    build([source("lesion", "hippocampus", "pleural effusion")], folder)
    return folder


@pytest.fixture
def base(whole: Path, tmp_path: Path) -> Path:
    """One to damage."""
    return Path(shutil.copytree(whole, tmp_path / "kb"))


def names_of(folder: Path) -> list[str]:
    kb = KnowledgeBase.open(folder)
    return [kb.concept(f"C{number:07}").name for number in range(1, len(kb) + 1)]


def beside(folder: Path) -> list[str]:
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
    for place, _, after, left_beside in kills:
        assert (after, left_beside) == (3, ["kb"]), place


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
    """The real command, killed at 20 moments over its run time, half of them over a base."""
    folder = tmp_path / "kb"
    command = [*COMMAND, "kb", "build", "-q"]
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
            build([source("old")], folder)
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
            time.sleep((number + moments.random()) / 20 * run_time)
            process.kill()
        killed += process.returncode == -signal.SIGKILL
        if number % 2 or folder.exists():
            found = len(KnowledgeBase.open(folder))
            assert found == 1000 or (found == 1 and number % 2)
            store.verify(folder)
        build([source("next", "one")], folder)
        assert names_of(folder) == ["next", "one"]
        assert beside(folder) == []
    assert killed >= 10, "the machine was too fast or too slow for the kills to hit"


def test_two_builds_of_one_folder_at_a_time(tmp_path: Path, three_thousand: Path) -> None:
    """One wins; the other wins too or says that it could not."""
    folder = tmp_path / "kb"
    command = [*COMMAND, "kb", "build", "-q"]
    command += ["--source", f"jsonl={three_thousand}", "-o", str(folder)]
    both = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [process.communicate()[1].decode() for process in both]
    assert 0 in [process.returncode for process in both]
    for process, error in zip(both, errors, strict=True):
        assert error.count("\n") == process.returncode
    assert len(KnowledgeBase.open(folder)) == 1000
    store.verify(folder)
    build([source("new")], folder)
    assert beside(folder) == []


def test_a_base_set_aside_by_a_kill_opens_and_comes_back(base: Path) -> None:
    """Between the two renames."""
    base.rename(base.with_name(".kb.old"))
    assert names_of(base)[0] == "lesion"
    store.verify(base)
    with pytest.raises(KnowledgeBaseError):
        build([], base)
    build([source("new")], base)
    assert names_of(base) == ["new"]
    assert beside(base) == []


def test_what_is_left_of_this_process_number_is_in_nobodys_way(base: Path) -> None:
    """In a container, a build has the number that the killed one before it had."""
    for number in (os.getpid(), 4_000_000, 10**30):
        base.with_name(f".kb.{number}.part").mkdir()
    build([source("new")], base)
    assert beside(base) == []


def test_what_is_not_ours_stays(base: Path) -> None:
    living = os.getppid()
    others = [f".kb.{living}.part", ".kb.x.part", ".kb2.4000000.part", ".kb.v2.4000000.part"]
    for name in others:
        base.with_name(name).mkdir()
    build([source("new")], base)
    assert beside(base) == sorted(others)


def test_names_that_are_patterns(tmp_path: Path) -> None:
    folder = tmp_path / "kb[1]*"
    folder.with_name(".kb[1]*.4000000.part").mkdir()
    build([source("new")], folder)
    assert beside(folder) == []


def test_opened_while_it_is_replaced(tmp_path: Path) -> None:
    """An opening sees one base or the other, never files of both."""
    folder = tmp_path / "kb"

    def write(mark: int) -> None:
        arrays = {name: np.full(3, mark) for name in store.REQUIRED}
        store.write(folder, arrays, {**HEAD, "options": {"mark": mark}})

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


def test_a_folder_that_is_no_base_is_not_written_over(tmp_path: Path) -> None:
    thesis = tmp_path / "thesis" / "chapter.txt"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    for taken in (thesis.parent, thesis):
        with pytest.raises(KnowledgeBaseError, match="is no knowledge base; wanted a new folder"):
            build([source("new")], taken)
    assert thesis.read_text() == "years of work"
    assert beside(thesis.parent) == []


def test_new_folders_empty_folders_and_bases_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path / "deep" / "er" / "kb", tmp_path / "empty"):
        if folder.name == "empty":
            folder.mkdir()
        for name in ("first", "second"):
            build([source(name)], folder)
            assert names_of(folder) == [name]
        assert [path for path in beside(folder) if path.startswith(".")] == []
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    build([source("here")], Path("."))
    assert names_of(tmp_path / "here") == ["here"]


def test_behind_a_link(base: Path) -> None:
    link = base.with_name("link")
    link.symlink_to(base, target_is_directory=True)
    for name in ("first", "second"):
        build([source(name)], link)
        assert names_of(link) == names_of(base) == [name]
    assert link.is_symlink()
    assert beside(base) == ["link"]


def one_line(caught: pytest.ExceptionInfo[KnowledgeBaseError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_place_that_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(KnowledgeBaseError, match="cannot be written") as caught:
        build([source("new")], file / "kb")
    assert "wanted a folder that can be made" in one_line(caught)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_read_only_place(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(KnowledgeBaseError, match="cannot be written"):
            build([source("new")], tmp_path / "kb")
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
        build([source("new")], base)
    assert str(base) in one_line(caught)
    assert names_of(base)[0] == "lesion"
    store.verify(base)
    assert beside(base) == []


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
        build([source(*(f"name {number}" for number in range(2000)))], tiny_disk / "kb")
    assert list(tiny_disk.iterdir()) == []


# Damage


def damaged(folder: Path, *, wanted: str) -> None:
    """Opening says in one line what to do."""
    with pytest.raises(KnowledgeBaseError, match=wanted) as caught:
        KnowledgeBase.open(folder)
    message = one_line(caught)
    assert str(folder) in message
    assert re.search("wanted|build the base again", message)


def test_missing(tmp_path: Path) -> None:
    damaged(tmp_path / "absent", wanted="no such knowledge base")
    (tmp_path / "file").write_text("")
    damaged(tmp_path / "file", wanted="no such knowledge base")
    damaged(tmp_path, wanted="no knowledge base; wanted a folder with manifest.json")
    damaged(Path("/"), wanted="no knowledge base; wanted a folder with manifest.json")


@pytest.mark.parametrize("name", ["names_bytes", "definitions_bytes", "postings"])
@pytest.mark.parametrize("kept", [-1, 64, 0])
def test_truncated(base: Path, name: str, kept: int) -> None:
    path = base / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:kept])
    damaged(base, wanted=f"{name}.npy: .* bytes, wanted .*; it is damaged, build")


def test_grown(base: Path) -> None:
    with (base / "names_bytes.npy").open("ab") as stream:
        stream.write(b"x")
    damaged(base, wanted="it is damaged, build")


def test_each_file_missing(base: Path) -> None:
    paths = sorted(base.glob("*.npy"))
    assert {path.stem for path in paths} >= set(store.REQUIRED)
    for path in paths:
        data = path.read_bytes()
        path.unlink()
        damaged(base, wanted=f"{path.name}: missing; build")
        path.write_bytes(data)
    assert names_of(base)[0] == "lesion"


def test_verify_finds_one_flipped_bit_in_any_file(base: Path) -> None:
    store.verify(base)
    draw = random.Random(1)
    for path in sorted(base.glob("*.npy")):
        data = path.read_bytes()
        flipped = bytearray(data)
        header = 128
        flipped[draw.randrange(header, len(data)) if len(data) > header else 9] ^= (
            1 << draw.randrange(8)
        )
        path.write_bytes(flipped)
        with pytest.raises(KnowledgeBaseError, match="build the base again") as caught:
            store.verify(base)
        assert path.name in one_line(caught)
        path.write_bytes(data)
    store.verify(base)


@pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional header")
def test_every_flipped_bit_of_a_header(base: Path) -> None:
    """Opening fails as it should, or does not notice and verifying does."""
    path = base / "key_signatures.npy"
    data = path.read_bytes()
    refused = 0
    for bit in range(128 * 8):
        flipped = bytearray(data)
        flipped[bit >> 3] ^= 1 << (bit & 7)
        path.write_bytes(flipped)
        try:
            store.open_folder(base)
        except KnowledgeBaseError:
            refused += 1
        else:
            if not bit % 64:
                with pytest.raises(KnowledgeBaseError, match="SHA-256"):
                    store.verify(base)
    assert refused > 400


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.view(np.int8),
        lambda array: array[:-1],
        lambda array: array[:, None],
        lambda array: np.array([{}] * 2, object),
    ],
    ids=["dtype", "length", "shape", "pickle"],
)
@pytest.mark.parametrize("honest", [False, True], ids=["size differs", "size as listed"])
def test_another_array(base: Path, change: Callable[[Any], Any], honest: bool) -> None:
    path = base / "names_bytes.npy"
    np.save(path, change(np.load(path)), allow_pickle=True)
    if honest:
        size = path.stat().st_size
        edit_manifest(base, lambda data: data["arrays"]["names_bytes"].update(size=size))
    damaged(base, wanted=r"names_bytes.npy: .*; (it is damaged, )?build the base again")


def edit_manifest(base: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = base / store.MANIFEST
    data = json.loads(path.read_bytes())
    edit(data)
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    "version", [store.FORMAT + 1, store.FORMAT - 1, str(store.FORMAT), None, store.FORMAT + 0.5]
)
def test_another_format(base: Path, version: object) -> None:
    edit_manifest(base, lambda data: data.update(format=version))
    damaged(
        base,
        wanted=re.escape(f"format {version!r}, wanted {store.FORMAT}; build the base again, or"),
    )


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"garbage",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"{}",
        b'{"format": %d}' % store.FORMAT,
        b"[" * 100_000,
    ],
)
def test_a_manifest_that_is_none(base: Path, text: bytes) -> None:
    (base / store.MANIFEST).write_bytes(text)
    damaged(base, wanted="build the base again")


def test_every_entry_of_the_manifest_is_needed(base: Path) -> None:
    path = base / store.MANIFEST
    text = path.read_bytes()
    data = json.loads(text)
    for entry in data:
        edit_manifest(base, lambda data, entry=entry: data.pop(entry))
        damaged(base, wanted="build the base again")
        path.write_bytes(text)
    for name in store.REQUIRED:
        edit_manifest(base, lambda data, name=name: data["arrays"].pop(name))
        damaged(base, wanted=f"lacks {name}; build the base again")
        path.write_bytes(text)
    edit_manifest(base, lambda data: data.update(more=1))
    damaged(base, wanted="more: ")


def test_arrays_of_any_shape_come_back(tmp_path: Path) -> None:
    arrays = {name: np.zeros((0, 16), np.uint8) for name in store.REQUIRED}
    arrays |= {"names_bytes": np.arange(6, dtype=np.int32).reshape(2, 3), "more": np.array(7)}
    store.write(tmp_path / "kb", arrays, HEAD)
    manifest, found = store.open_folder(tmp_path / "kb")
    assert manifest.made_by == "a test"
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].size or not found[name].flags.writeable
    store.verify(tmp_path / "kb")
