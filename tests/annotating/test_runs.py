"""Whole runs with processes: the same bytes whatever happens, and runs that are refused."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_linker import DyingSpec, FakeLinkerSpec
from runs import captions, quarantined, records_in, shards_in, write_lines

import concept_linker
from concept_linker.annotating import annotate as annotate_module
from concept_linker.annotating.engines import ENGINES, local
from concept_linker.annotating.engines.local import run_locally
from concept_linker.annotating.inputs.files import identify
from concept_linker.annotating.job import Job
from concept_linker.annotating.monitor import Monitor
from concept_linker.annotating.report import Totals
from concept_linker.annotating.shards import source as source_module
from concept_linker.annotating.shards.source import ShardSource, cut_shards
from concept_linker.errors import BatchError, InputError, SettingsError
from concept_linker.triplets.reading import read_records

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MakeJob = Callable[..., Job]


@pytest.fixture
def linked(small_base: Path) -> Callable[..., Any]:
    """``concept_linker.annotate`` with the small base, into Parquet and JSON Lines."""

    def annotate(inputs: Any, output: Path, **options: Any) -> Any:
        values = {"detector": "dictionary", "formats": "parquet,jsonl", "shard_size": 50}
        return concept_linker.annotate(inputs, output, kb=small_base, **{**values, **options})

    return annotate


@pytest.fixture
def annotate(linked: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The same with the fake linker."""
    monkeypatch.setattr(annotate_module, "LinkerSpec", FakeLinkerSpec)
    return linked


def locally(job: Job, folder: Path, path: Path, workers: int = 1, size: int = 50) -> dict[str, int]:
    """Runs the local engine alone; returns counts of annotated rows, bad rows and dead workers."""
    monitor = Monitor(Totals(), path.stat().st_size, None, checkpoint=lambda report: None)
    source = ShardSource((identify(path),), size, frozenset())
    run_locally(job, folder, source, monitor, workers=workers)
    totals = monitor.totals
    return {"annotated": totals.annotated, "bad": totals.bad, "died": monitor.died}


@pytest.mark.parametrize("name", ENGINES)
def test_every_engine_can_be_loaded(name: str) -> None:
    assert callable(ENGINES[name].load())


def test_any_number_of_workers_gives_the_same_bytes(
    linked: Any, many: Path, tmp_path: Path
) -> None:
    summaries = [linked(many, tmp_path / str(n), workers=n) for n in (1, 4)]
    assert shards_in(tmp_path / "1") == shards_in(tmp_path / "4")
    assert len(shards_in(tmp_path / "1")) == 12
    assert [s.captions for s in summaries] == [300, 300]
    manifest = json.loads((tmp_path / "4/manifest.json").read_bytes())
    assert manifest["asked"]["inputs"][0]["sha256"] == identify(many).sha256
    assert manifest["asked"]["linker"]["settings"]["detector"] == "dictionary"
    assert manifest["result"]["annotated"] == 300
    assert not list(tmp_path.glob("*/.*.part"))


def test_resuming_does_only_what_is_missing(annotate: Any, many: Path, tmp_path: Path) -> None:
    out, metrics = tmp_path / "out", tmp_path / "metrics.prom"
    annotate(many, out, workers=2)
    whole = shards_in(out)
    (out / "part-00001.parquet").unlink()
    (out / "part-00003.jsonl").write_bytes(b"damaged")
    with (out / "progress.jsonl").open("ab") as file:
        file.write(b'{"number": 5, "rows"')  # cut off
    summary = annotate(many, out, workers=1, metrics=metrics)
    assert (summary.here, summary.captions) == (100, 300)
    assert shards_in(out) == whole
    assert annotate(many, out).here == 0
    counters = dict(re.findall(r"^(\w+) ([\d.]+)$", metrics.read_text(), re.MULTILINE))
    assert counters["concept_linker_captions_total"] == "300"
    assert counters["concept_linker_worker_deaths_total"] == "0"


def test_another_input_or_setting_is_refused_by_name(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    annotate(many, out, workers=1)
    whole = shards_in(out)
    for options, message in (
        ({"min_score": 0.5}, "linker.settings.min_score was [0-9.]+, now 0.5"),
        ({"formats": "jsonl"}, "formats: 2 before, 1 now"),
        ({"shard_size": 60, "mentions": True}, "mentions was false, now true; shard_size was 50"),
    ):
        with pytest.raises(BatchError, match=message):
            annotate(many, out, **options)
    changed = write_lines(many, [*captions(299), {"caption": "other", "image": "x"}])
    with pytest.raises(BatchError, match=r"inputs\[0\].*sha256 was .* again with --no-resume"):
        annotate(changed, out)
    assert shards_in(out) == whole
    annotate(changed, out, workers=1, shard_size=200, formats="jsonl", resume=False)
    assert set(shards_in(out)) == {"part-00000.jsonl", "part-00001.jsonl"}
    assert len(records_in(out)) == 300


def test_a_folder_of_something_else_is_left_alone(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").touch()
    with pytest.raises(BatchError, match=r"mine: contains thesis\.tex, but no manifest\.json"):
        annotate(many, tmp_path / "mine", resume=False)
    with pytest.raises(BatchError, match="is a file, expected a folder"):
        annotate(many, many)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/manifest.json").write_text('{"name": "an extension"}')
    with pytest.raises(BatchError, match=r"manifest\.json: was not written by this version"):
        annotate(many, tmp_path / "other", resume=False)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["thesis.tex"]


def test_errors_before_the_run_are_one_line(linked: Any, many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for options, error in (
        ({"workers": 0}, SettingsError),
        ({"timeout": 0}, SettingsError),
        ({"timeout": float("nan")}, SettingsError),
        ({"max_characters": 0}, SettingsError),
        ({"negated": "mark"}, SettingsError),
        ({"shard_size": 0}, SettingsError),
        ({"engine": "spark"}, SettingsError),
        ({"ray_address": "auto"}, SettingsError),
        ({"formats": "xml"}, SettingsError),
        ({"formats": "jsonl,jsonl.gz"}, SettingsError),
        ({"profile": "mine"}, SettingsError),
        ({"form": "small"}, SettingsError),
        ({"nonsense": 1}, SettingsError),
        ({"caption": "title"}, InputError),
    ):
        with pytest.raises(error) as caught:
            linked(many, out, **options)
        assert "\n" not in str(caught.value)
        assert not out.exists() or not shards_in(out)


def test_exactly_the_bad_rows_are_in_quarantine(annotate: Any, tmp_path: Path) -> None:
    chance = random.Random(7)
    kinds: list[Any] = [
        b"no JSON", {"image": "a"}, {"caption": None, "image": "a"}, {"caption": 5, "image": "a"},
        {"caption": "x" * 5_000_000, "image": "a"}, b'{"caption": "\xff", "image": "a"}',
        b'{"caption": "\\udfff", "image": "a"}', b"",
    ]  # fmt: skip
    rows: list[Any] = captions(2000)
    bad = sorted(chance.sample(range(2000), 24))
    for number, place in enumerate(bad):
        rows[place] = kinds[number % len(kinds)]
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", workers=2, shard_size=300)
    assert (summary.captions, summary.bad) == (1976, 24)
    found = quarantined(tmp_path / "out")
    assert [(row["file"], row["line"]) for row in found] == [(str(path), n + 1) for n in bad]
    assert all(row["problem"] for row in found)
    good = [row["caption"] for n, row in enumerate(rows) if n not in bad]
    assert [row["caption"] for row in records_in(tmp_path / "out")] == good


def test_the_row_that_kills_workers_is_found_and_no_other_is_blamed(
    job_for: MakeJob, small_base: Path, tmp_path: Path
) -> None:
    rows = captions(150)
    rows[70]["caption"] = "POISON"
    rows[130]["caption"] = "UNLUCKY lesion"
    path = write_lines(tmp_path / "a.jsonl", rows)
    choice = FakeLinkerSpec(str(small_base), "dictionary", scratch=tmp_path)
    sums = locally(job_for(path, linker=choice), tmp_path / "out", path, workers=2)
    # Three times in a batch, twice row by row; and once by chance.
    assert sums == {"annotated": 149, "bad": 1, "died": 6}
    [bad] = quarantined(tmp_path / "out")
    assert (bad["line"], bad["problem"]) == (71, "caption: kills workers (signal 9)")
    assert [row["image"] for row in records_in(tmp_path / "out")] == [
        f"{n}.jpg" for n in range(150) if n != 70
    ]


def test_a_caption_that_never_ends_costs_only_itself(annotate: Any, tmp_path: Path) -> None:
    rows = captions(150)
    endless = {20: "REGEX", 70: "LOOP", 149: "SLEEP"}
    for place, where in endless.items():
        rows[place]["caption"] = f"ENDLESS {where}"
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", workers=2, shard_size=100, timeout=1)
    assert (summary.captions, summary.bad) == (147, 3)
    assert [(row["line"], row["problem"]) for row in quarantined(tmp_path / "out")] == [
        (place + 1, "caption: takes more than 1 s (timeout)") for place in endless
    ]
    assert [row["image"] for row in records_in(tmp_path / "out")] == [
        f"{n}.jpg" for n in range(150) if n not in endless
    ]
    again = annotate(path, tmp_path / "again", workers=1, shard_size=100, timeout=1)
    assert (again.captions, again.bad) == (147, 3)
    assert shards_in(tmp_path / "again") == shards_in(tmp_path / "out")


def test_a_batch_over_the_time_limit_is_linked_row_by_row(annotate: Any, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(400))
    slow = partial(FakeLinkerSpec, seconds=4e-3)  # 256 of them take a second
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(annotate_module, "LinkerSpec", slow)
        summary = annotate(path, tmp_path / "out", workers=1, shard_size=400, timeout=0.5)
    assert (summary.captions, summary.bad, summary.died) == (400, 0, 1)


def test_compiling_does_not_count_against_the_time_limit(
    annotate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate_module, "LinkerSpec", partial(FakeLinkerSpec, compiling=1.5))
    path = write_lines(tmp_path / "a.jsonl", captions(10))
    summary = annotate(path, tmp_path / "out", workers=1, timeout=1)
    assert (summary.captions, summary.died) == (10, 0)


def test_a_caption_that_is_too_long_is_not_linked(annotate: Any, tmp_path: Path) -> None:
    rows = [*captions(2), {"caption": "POISON" + "x" * 2000, "image": "a"}]
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", workers=1, max_characters=2000)
    assert (summary.captions, summary.bad, summary.died) == (2, 1, 0)
    [bad] = quarantined(tmp_path / "out")
    assert bad["problem"] == (
        "caption: has 2,006 characters, expected at most 2,000 (max_characters)"
    )
    rows[2]["caption"] = "POISON" + "x" * 100_000
    summary = annotate(write_lines(path, rows), tmp_path / "other", workers=1)
    assert (summary.captions, summary.bad, summary.died) == (2, 1, 0)


def test_shards_of_a_temporarily_different_input_are_made_again(
    annotate: Any, tmp_path: Path
) -> None:
    path, out = write_lines(tmp_path / "a.jsonl", captions(2000)), tmp_path / "out"
    annotate(path, tmp_path / "whole", shard_size=100)

    def foreign() -> int:
        return sum("lesion 9" in row["caption"] for row in records_in(out))

    with other_while_read(path), pytest.raises(BatchError, match="20 shards, the first"):
        annotate(path, out, shard_size=100, workers=2)
    assert not records_in(out)
    with pytest.MonkeyPatch.context() as patch, other_while_read(path):
        patch.setattr(annotate_module, "_check_input_unchanged", killed)
        with pytest.raises(KeyboardInterrupt):
            annotate(path, out, shard_size=100, workers=2)
    assert foreign()
    summary = annotate(path, out, shard_size=100, workers=2)
    assert (summary.captions, summary.here) == (2000, 2000)
    assert shards_in(out) == shards_in(tmp_path / "whole")


def killed(*_: Any) -> None:
    raise KeyboardInterrupt


@contextmanager
def other_while_read(path: Path) -> Iterator[None]:
    """Replaces a file during the first reading by one of the same size and the same times."""
    cut, right, times = source_module.cut_shards, path.read_bytes(), path.stat()

    def put(data: bytes) -> None:
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def cut_other(files: Any, rows: Any) -> Iterator[Any]:
        patch.setattr(source_module, "cut_shards", cut)
        put(right.replace(b"Figure ", b"lesion "))
        yield from cut(files, rows)
        put(right)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_module, "cut_shards", cut_other)
        yield
    assert path.read_bytes() == right


def test_shards_of_other_runs_are_removed(annotate: Any, many: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    annotate(many, out, workers=1)
    whole = shards_in(out)
    for name in ("part-00099.parquet", "part-00099.provenance.jsonl", "part-of-mine.txt"):
        (out / name).touch()
    annotate(many, out, workers=1)
    (out / "part-of-mine.txt").unlink()
    assert shards_in(out) == whole


def test_only_shards_are_removed(annotate: Any, many: Path, tmp_path: Path) -> None:
    out, thesis = tmp_path / "out", tmp_path / "thesis.tex"
    annotate(many, out, workers=1)
    (out / "quarantine").mkdir()
    mine = [out / "part-of-thesis.tex", out / "part-00001.parquet.bak", thesis]
    mine += [out / "quarantine/part-1.tex", out / "part-00001.parquet.old/thesis.tex"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    annotate(many, out, workers=1, resume=False)
    # And a forged folder, whose progress lists files that are not shards.
    report = json.loads((out / "progress.jsonl").read_text().splitlines()[0])
    for name in ("../thesis.tex", str(thesis), "part-of-thesis.tex", "quarantine/../../thesis.tex"):
        report["files"][name] = [4, hashlib.sha256(b"mine").hexdigest()]
    report["input_sha256"] = "0" * 64  # so that the shard is made again
    (out / "progress.jsonl").write_text(json.dumps(report) + "\n")
    annotate(many, out, workers=1)
    assert all(path.read_text() == "mine" for path in mine)


def test_a_symbolic_link_as_quarantine_is_refused(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    annotate(many, out, workers=1)
    other.mkdir()
    (other / "part-00000.jsonl").touch()
    (out / "quarantine").symlink_to(other)
    with pytest.raises(BatchError, match="quarantine: is a symbolic link, expected a folder"):
        annotate(many, out, workers=1, resume=False)
    assert (other / "part-00000.jsonl").exists()


def test_a_small_input_has_small_shards(annotate: Any, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(2600))
    annotate(path, tmp_path / "out", workers=1, shard_size=None)
    progress = (tmp_path / "out/progress.jsonl").read_text().splitlines()
    assert [json.loads(line)["rows"] for line in progress] == [250] * 8 + [500, 100]


def test_the_bar_moves_within_a_shard(
    annotate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[float] = []
    update = Monitor._update_bar

    def update_and_note(monitor: Monitor) -> None:
        update(monitor)
        shown.append(monitor._bar.n / monitor._bar.total)

    monkeypatch.setattr(Monitor, "_update_bar", update_and_note)
    path = write_lines(tmp_path / "a.jsonl", captions(2000))
    annotate(path, tmp_path / "out", workers=1, shard_size=2000, quiet=False)
    assert shown == sorted(shown)
    assert len(set(shown)) == 9  # 256 captions at a time
    assert (shown[0], shown[-1]) == (0, 1)


def test_negated_mentions_are_counted_and_span_details_name_them(
    annotate: Any, tmp_path: Path
) -> None:
    rows = [
        {"caption": "There is no lesion.", "image": "1"},
        {"caption": "A lesion, no lesion.", "image": "2"},
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    detail = {"probability": 1.0, "score": 0.75, "label": "DISO"}
    absent, there = {**detail, "negated": True}, {**detail, "negated": False}
    for options, starts, details in (
        ({}, [[], [2]], [[], [there]]),
        ({"negated": "keep"}, [[12], [2, 13]], [[absent], [there, absent]]),
    ):
        out = tmp_path / f"out{len(options)}"
        summary = annotate(path, out, workers=1, other_columns=False, **options)
        assert (summary.mentions, summary.negated, summary.spans) == (3, 2, sum(map(len, starts)))
        records = records_in(out)
        found = [[span["start_char"] for span in one["umls_meta_info"]] for one in records]
        assert found == starts
        assert [row["span_details"] for row in records_in(out, ".parquet")] == details
        side_car = out / "part-00000.span_details.jsonl"
        assert side_car.exists() == bool(options)
        if options:
            lines = [json.loads(line) for line in side_car.read_text().splitlines()]
            assert [line["span_details"] for line in lines] == details
        for ending in ("jsonl", "parquet"):
            for _, row in read_records(out / f"part-00000.{ending}"):
                assert isinstance(row, dict), row
        annotated = out / "part-00000.parquet"
        assert [row["span_details"] for _, row in read_records(annotated, details=True)] == details  # type: ignore[index]
    # A run over annotated records ignores their side-cars.
    annotate(tmp_path / "out1", tmp_path / "third", workers=1, formats="parquet")
    assert len(records_in(tmp_path / "third", ".parquet")) == 4


def test_text_without_images_is_annotated(annotate: Any, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"text": "A lesion.", "id": 7}])
    summary = annotate(path, tmp_path / "out", workers=1, images=False)
    [record] = records_in(tmp_path / "out")
    assert (summary.spans, record["image"], record["id"]) == (1, "", 7)
    with pytest.raises(SettingsError, match="image is 'id', but images is False"):
        annotate(path, tmp_path / "out", images=False, image="id")


def test_if_every_row_kills_workers_the_run_ends(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(100))
    [shard] = cut_shards([identify(path)], 100)
    for apart in (1, 2):
        attempt = local._Attempt(shard)
        killed = itertools.chain([None] * 3, (row for n in range(50) for row in [n * apart] * 2))
        with nullcontext() if apart > 1 else pytest.raises(BatchError, match="too many rows"):
            for row in killed:
                attempt.worker_died(row, "signal 6")
        assert len(attempt.skip) == (50 if apart > 1 else 19)


def test_workers_that_die_before_they_are_ready_end_the_run(
    job_for: MakeJob, many: Path, tmp_path: Path
) -> None:
    with pytest.raises(BatchError, match=r"3 workers died before they were ready.*signal 9"):
        locally(job_for(many, linker=DyingSpec()), tmp_path / "out", many)


def test_a_changed_knowledge_base_ends_the_run(
    job_for: MakeJob, many: Path, tmp_path: Path
) -> None:
    job = job_for(many)
    job = replace(job, linker=replace(job.linker, kb_sha256="0" * 64))
    with pytest.raises(
        BatchError, match=r"the knowledge base has the checksum .* as at the start of the run"
    ):
        locally(job, tmp_path / "out", many)


def command(base: Path, source: Path | str, out: Path) -> list[str]:
    options = ["--detector", "dictionary", "--shard-size", "100", "--workers", "2"]
    rest = ["--format", "parquet,jsonl", "--quiet", "--kb", str(base)]
    return [
        sys.executable,
        str(HERE / "fake_linker.py"),
        "annotate",
        str(source),
        "-o",
        str(out),
        *options,
        *rest,
    ]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def start(base: Path, source: Path | str, out: Path, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command(base, source, out), env=ENVIRONMENT, **options)


def test_killed_at_random_moments_it_gives_the_same_bytes(
    annotate: Any, small_base: Path, tmp_path: Path
) -> None:
    chance = random.Random(23)
    path = write_lines(tmp_path / "a.jsonl", captions(10_000))
    annotate(path, tmp_path / "whole", workers=2, shard_size=100)
    out = tmp_path / "out"
    for victim in ("run", "run", "run", "worker"):
        process = start(small_base, path, out)
        begun = len(shards_in(out))
        while process.poll() is None and len(shards_in(out)) < begun + 4:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.2))
        try:
            whole_run = psutil.Process(process.pid)
            workers = [c for c in whole_run.children() if "spawn_main" in " ".join(c.cmdline())]
            (whole_run if victim == "run" or not workers else chance.choice(workers)).kill()
        except psutil.NoSuchProcess:
            pass
        assert process.wait() == (-signal.SIGKILL if victim == "run" else 0)
    assert start(small_base, path, out).wait() == 0
    assert shards_in(out) == shards_in(tmp_path / "whole")
    assert not list(out.glob(".*.part"))


def finished(out: Path) -> list[str]:
    """The shards that a run has recorded as finished."""
    path = out / "progress.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_ends_the_workers(
    small_base: Path, tmp_path: Path, sent: signal.Signals
) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(10_000))
    out = tmp_path / "out"
    # A shell that runs the tests in the background makes them ignore it.
    restore = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = start(small_base, path, out, stderr=subprocess.PIPE, preexec_fn=restore)
    while process.poll() is None and len(finished(out)) < 2:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children()
    process.send_signal(sent)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.decode().splitlines() == [
        "concept-linker: stopped; run the same command again to continue"
    ]
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert not list(out.glob(".*.part"))
    there = 100 * len(finished(out))
    assert there >= 200
    assert start(small_base, path, out).wait() == 0
    last_run = json.loads((out / "manifest.json").read_bytes())["result"]["last_run"]
    assert last_run["captions"] == 10_000 - there


def test_two_runs_do_not_share_a_folder(annotate: Any, small_base: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(10_000))
    process = start(small_base, path, tmp_path / "out")
    while process.poll() is None and not (tmp_path / "out/manifest.json").exists():
        time.sleep(0.01)
    with pytest.raises(BatchError, match="another run is writing into this folder"):
        annotate(path, tmp_path / "out")
    process.kill()
    process.wait()


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mounts a file system in memory; skips if this is not allowed."""
    folder.mkdir()
    if not shutil.which("mount") or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], check=False)
    if done.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_keeps_finished_shards(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    annotate(many, tmp_path / "whole", workers=1)
    whole = shards_in(tmp_path / "whole")
    with mounted(tmp_path / "small", "-o", "size=128k") as disk:
        out = disk / "out"
        with pytest.raises(BatchError, match=r"No space left on device; finished shards: [1-9]"):
            annotate(many, out, workers=1)
        reports = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
        for report in reports:
            for name in report["files"]:
                assert (out / name).read_bytes() == whole[name]
        assert not list(out.glob(".*.part"))
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        annotate(many, out, workers=1)
        assert shards_in(out) == whole


def test_a_folder_that_is_not_writable(annotate: Any, many: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(BatchError, match=r"out: Read-only .*expected a writable folder"):
            annotate(many, disk / "out")


def test_standard_input_is_read_like_a_file(
    annotate: Any, small_base: Path, many: Path, tmp_path: Path
) -> None:
    for number in range(2):
        with many.open("rb") as stdin:
            assert start(small_base, "-", tmp_path / "out", stdin=stdin).wait() == 0
        assert len(records_in(tmp_path / "out")) == 300, number
    assert not (tmp_path / "out/.standard-input").exists()
    done = subprocess.run(
        command(small_base, "-", tmp_path / "out"),
        env=ENVIRONMENT,
        input=b'{"caption": "a", "image": "b"}\n',
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"other input or settings: inputs[0].bytes was" in done.stderr
