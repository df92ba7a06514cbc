"""Whole runs with processes: the same bytes whatever happens, and what is refused."""

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
from deadly import DeadlyChoice, StillbornChoice
from runs import captions, records_in, set_aside, shards_in, write_lines

import concept_linker
from concept_linker.annotating import local, reading, running
from concept_linker.annotating.annotating import ShardReport
from concept_linker.annotating.inputs import identify
from concept_linker.annotating.job import Job
from concept_linker.annotating.local import run_locally
from concept_linker.annotating.monitor import Monitor
from concept_linker.annotating.reading import ShardSource, cut
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
    """The same with the linker that costs nothing."""
    monkeypatch.setattr(running, "LinkerChoice", DeadlyChoice)
    return linked


def locally(job: Job, folder: Path, path: Path, workers: int = 1, size: int = 50) -> dict[str, int]:
    """Runs the local engine alone; how many rows were annotated, set aside, and workers died."""
    sums = {"annotated": 0, "bad": 0, "died": 0}

    def done(report: ShardReport) -> None:
        sums["annotated"] += report.annotated
        sums["bad"] += report.bad

    def died() -> None:
        sums["died"] += 1

    source = ShardSource((identify(path),), size, frozenset())
    run_locally(job, folder, source, done, workers, died)
    return sums


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
        file.write(b'{"number": 5, "rows"')  # torn
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
        ({"formats": "jsonl"}, "formats: 2 then, 1 now"),
        ({"shard_size": 60, "mentions": True}, "mentions was false, now true; shard_size was 50"),
    ):
        with pytest.raises(BatchError, match=message):
            annotate(many, out, **options)
    changed = write_lines(many, [*captions(299), {"caption": "other", "image": "x"}])
    with pytest.raises(BatchError, match=r"inputs\[0\].*sha256 was .* or --no-resume"):
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
    with pytest.raises(BatchError, match=r"mine: has thesis\.tex, but no manifest\.json"):
        annotate(many, tmp_path / "mine", resume=False)
    with pytest.raises(BatchError, match="is a file, wanted a folder"):
        annotate(many, many)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/manifest.json").write_text('{"name": "an extension"}')
    with pytest.raises(BatchError, match=r"manifest\.json: no manifest of this version"):
        annotate(many, tmp_path / "other", resume=False)
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["thesis.tex"]


def test_what_cannot_begin_says_why_in_one_line(linked: Any, many: Path, tmp_path: Path) -> None:
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
        ({"like": "mine"}, SettingsError),
        ({"form": "small"}, SettingsError),
        ({"nonsense": 1}, SettingsError),
        ({"caption": "title"}, InputError),
    ):
        with pytest.raises(error) as caught:
            linked(many, out, **options)
        assert "\n" not in str(caught.value)
        assert not out.exists() or not shards_in(out)


def test_exactly_the_bad_rows_are_set_aside(annotate: Any, tmp_path: Path) -> None:
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
    found = set_aside(tmp_path / "out")
    assert [(row["file"], row["line"]) for row in found] == [(str(path), n + 1) for n in bad]
    assert all(row["problem"] for row in found)
    good = [row["caption"] for n, row in enumerate(rows) if n not in bad]
    assert [row["caption"] for row in records_in(tmp_path / "out")] == good


def test_a_culprit_is_found_and_the_unlucky_are_not_blamed(
    job_for: MakeJob, small_base: Path, tmp_path: Path
) -> None:
    rows = captions(150)
    rows[70]["caption"] = "POISON"
    rows[130]["caption"] = "UNLUCKY lesion"
    path = write_lines(tmp_path / "a.jsonl", rows)
    choice = DeadlyChoice(str(small_base), "dictionary", scratch=tmp_path)
    sums = locally(job_for(path, linker=choice), tmp_path / "out", path, workers=2)
    # Three times at once, twice row by row; and once of bad luck.
    assert sums == {"annotated": 149, "bad": 1, "died": 6}
    [bad] = set_aside(tmp_path / "out")
    assert (bad["line"], bad["problem"]) == (71, "caption: workers die of it (signal 9)")
    assert [row["image"] for row in records_in(tmp_path / "out")] == [
        f"{n}.jpg" for n in range(150) if n != 70
    ]


def test_a_caption_that_never_ends_costs_itself_alone(annotate: Any, tmp_path: Path) -> None:
    rows = captions(150)
    endless = {20: "REGEX", 70: "LOOP", 149: "SLEEP"}
    for place, where in endless.items():
        rows[place]["caption"] = f"ENDLESS {where}"
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", workers=2, shard_size=100, timeout=1)
    assert (summary.captions, summary.bad) == (147, 3)
    assert [(row["line"], row["problem"]) for row in set_aside(tmp_path / "out")] == [
        (place + 1, "caption: takes more than 1 s (timeout)") for place in endless
    ]
    assert [row["image"] for row in records_in(tmp_path / "out")] == [
        f"{n}.jpg" for n in range(150) if n not in endless
    ]
    again = annotate(path, tmp_path / "again", workers=1, shard_size=100, timeout=1)
    assert (again.captions, again.bad) == (147, 3)
    assert shards_in(tmp_path / "again") == shards_in(tmp_path / "out")


def test_many_captions_together_have_more_time_than_one(annotate: Any, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(400))
    slow = partial(DeadlyChoice, seconds=4e-3)  # 256 of them take a second
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "LinkerChoice", slow)
        summary = annotate(path, tmp_path / "out", workers=1, shard_size=400, timeout=0.5)
    assert (summary.captions, summary.bad, summary.died) == (400, 0, 1)


def test_what_is_done_only_once_counts_against_no_caption(
    annotate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LinkerChoice", partial(DeadlyChoice, compiling=1.5))
    path = write_lines(tmp_path / "a.jsonl", captions(10))
    summary = annotate(path, tmp_path / "out", workers=1, timeout=1)
    assert (summary.captions, summary.died) == (10, 0)


def test_a_caption_that_is_too_long_is_not_linked(annotate: Any, tmp_path: Path) -> None:
    rows = [*captions(2), {"caption": "POISON" + "x" * 2000, "image": "a"}]
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", workers=1, max_characters=2000)
    assert (summary.captions, summary.bad, summary.died) == (2, 1, 0)
    [bad] = set_aside(tmp_path / "out")
    assert bad["problem"] == (
        "caption: has 2,006 characters, wanted 2,000 at most (max_characters)"
    )
    rows[2]["caption"] = "POISON" + "x" * 100_000
    summary = annotate(write_lines(path, rows), tmp_path / "other", workers=1)
    assert (summary.captions, summary.bad, summary.died) == (2, 1, 0)


def test_shards_of_what_was_there_only_for_a_while_are_made_anew(
    annotate: Any, tmp_path: Path
) -> None:
    path, out = write_lines(tmp_path / "a.jsonl", captions(2000)), tmp_path / "out"
    annotate(path, tmp_path / "whole", shard_size=100)

    def foreign() -> int:
        return sum("lesion 9" in row["caption"] for row in records_in(out))

    with other_while_read(path), pytest.raises(BatchError, match="20 of its shards, the first"):
        annotate(path, out, shard_size=100, workers=2)
    assert not records_in(out)
    with pytest.MonkeyPatch.context() as patch, other_while_read(path):
        patch.setattr(running, "_check_what_was_read", killed)
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
    """While a run reads a file first, it is another one, of the same size and the same times."""
    cut, right, times = reading.cut, path.read_bytes(), path.stat()

    def put(data: bytes) -> None:
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def cut_other(files: Any, rows: Any) -> Iterator[Any]:
        patch.setattr(reading, "cut", cut)
        put(right.replace(b"Figure ", b"lesion "))
        yield from cut(files, rows)
        put(right)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "cut", cut_other)
        yield
    assert path.read_bytes() == right


def test_no_shard_is_left_that_is_not_of_the_run(annotate: Any, many: Path, tmp_path: Path) -> None:
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
    # And a folder that somebody else made, whose progress tells of more files than shards.
    report = json.loads((out / "progress.jsonl").read_text().splitlines()[0])
    for name in ("../thesis.tex", str(thesis), "part-of-thesis.tex", "quarantine/../../thesis.tex"):
        report["files"][name] = [4, hashlib.sha256(b"mine").hexdigest()]
    report["input_sha256"] = "0" * 64  # so the shard shall be made anew
    (out / "progress.jsonl").write_text(json.dumps(report) + "\n")
    annotate(many, out, workers=1)
    assert all(path.read_text() == "mine" for path in mine)


def test_a_link_in_place_of_the_quarantine_is_refused(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    annotate(many, out, workers=1)
    other.mkdir()
    (other / "part-00000.jsonl").touch()
    (out / "quarantine").symlink_to(other)
    with pytest.raises(BatchError, match="quarantine: is a link, wanted a folder"):
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
    show = Monitor._show

    def seen(monitor: Monitor) -> None:
        show(monitor)
        shown.append(monitor._bar.n / monitor._bar.total)

    monkeypatch.setattr(Monitor, "_show", seen)
    path = write_lines(tmp_path / "a.jsonl", captions(2000))
    annotate(path, tmp_path / "out", workers=1, shard_size=2000, quiet=False)
    assert shown == sorted(shown)
    assert len(set(shown)) == 9  # 256 captions at a time
    assert (shown[0], shown[-1]) == (0, 1)


def test_negated_mentions_are_counted_and_told_beside_the_record(
    annotate: Any, tmp_path: Path
) -> None:
    rows = [
        {"caption": "There is no lesion.", "image": "1"},
        {"caption": "A lesion, no lesion.", "image": "2"},
    ]
    path = write_lines(tmp_path / "a.jsonl", rows)
    told = {"score": 0.75, "label": "DISO"}
    absent, there = {**told, "negated": True}, {**told, "negated": False}
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
    # A run over annotated records is not led astray by what stands beside them.
    annotate(tmp_path / "out1", tmp_path / "third", workers=1, formats="parquet")
    assert len(records_in(tmp_path / "third", ".parquet")) == 4


def test_text_without_images_is_annotated(annotate: Any, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{"text": "A lesion.", "id": 7}])
    summary = annotate(path, tmp_path / "out", workers=1, images=False)
    [record] = records_in(tmp_path / "out")
    assert (summary.spans, record["image"], record["id"]) == (1, "", 7)
    with pytest.raises(SettingsError, match="image is given, and that there are no images"):
        annotate(path, tmp_path / "out", images=False, image="id")


def test_where_every_row_is_a_culprit_it_is_no_matter_of_rows(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(100))
    [shard] = cut([identify(path)], 100)
    for apart in (1, 2):
        attempt = local._Attempt(shard)
        killed = itertools.chain([None] * 3, (row for n in range(50) for row in [n * apart] * 2))
        with nullcontext() if apart > 1 else pytest.raises(BatchError, match="no few rows"):
            for row in killed:
                attempt.died(row, "signal 6")
        assert len(attempt.skipped) == (50 if apart > 1 else 19)


def test_workers_that_die_at_birth_end_the_run(
    job_for: MakeJob, many: Path, tmp_path: Path
) -> None:
    with pytest.raises(BatchError, match=r"3 workers died before they were ready.*signal 9"):
        locally(job_for(many, linker=StillbornChoice()), tmp_path / "out", many)


def test_a_base_that_changes_ends_the_run(job_for: MakeJob, many: Path, tmp_path: Path) -> None:
    job = job_for(many)
    job = replace(job, linker=replace(job.linker, kb_sha256="0" * 64))
    with pytest.raises(BatchError, match="another knowledge base than the run began with"):
        locally(job, tmp_path / "out", many)


def command(base: Path, source: Path | str, out: Path) -> list[str]:
    options = ["--detector", "dictionary", "--shard-size", "100", "--workers", "2"]
    rest = ["--format", "parquet,jsonl", "--quiet", "--kb", str(base)]
    return [
        sys.executable,
        str(HERE / "deadly.py"),
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


def test_killed_at_random_moments_it_ends_as_if_nothing_had_been(
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


def noted(out: Path) -> list[str]:
    """The shards that a run has noted as finished."""
    path = out / "progress.jsonl"
    return path.read_text().splitlines() if path.is_file() else []


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_when_asked_it_stops_cleanly_and_workers_end(
    small_base: Path, tmp_path: Path, asked: signal.Signals
) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(10_000))
    out = tmp_path / "out"
    # Where the tests run in the background, a shell has told them to ignore it.
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = start(small_base, path, out, stderr=subprocess.PIPE, preexec_fn=heard)
    while process.poll() is None and len(noted(out)) < 2:
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children()
    process.send_signal(asked)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.decode().splitlines() == [
        "concept-linker: stopped; the same command goes on from there"
    ]
    assert not psutil.wait_procs(workers, timeout=10)[1]
    assert not list(out.glob(".*.part"))
    there = 100 * len(noted(out))
    assert there >= 200
    assert start(small_base, path, out).wait() == 0
    last_run = json.loads((out / "manifest.json").read_bytes())["result"]["last_run"]
    assert last_run["captions"] == 10_000 - there


def test_two_runs_do_not_share_a_folder(annotate: Any, small_base: Path, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", captions(10_000))
    process = start(small_base, path, tmp_path / "out")
    while process.poll() is None and not (tmp_path / "out/manifest.json").exists():
        time.sleep(0.01)
    with pytest.raises(BatchError, match="another run is writing"):
        annotate(path, tmp_path / "out")
    process.kill()
    process.wait()


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of memory; skips where none may be mounted."""
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


def test_a_full_disk_leaves_finished_shards_and_says_so(
    annotate: Any, many: Path, tmp_path: Path
) -> None:
    annotate(many, tmp_path / "whole", workers=1)
    whole = shards_in(tmp_path / "whole")
    with mounted(tmp_path / "small", "-o", "size=128k") as disk:
        out = disk / "out"
        with pytest.raises(BatchError, match=r"No space left on device; shards finished: [1-9]"):
            annotate(many, out, workers=1)
        told = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
        for report in told:
            for name in report["files"]:
                assert (out / name).read_bytes() == whole[name]
        assert not list(out.glob(".*.part"))
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        annotate(many, out, workers=1)
        assert shards_in(out) == whole


def test_a_folder_that_cannot_be_written(annotate: Any, many: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk") as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(BatchError, match=r"out: Read-only .*wanted a folder that can be writt"):
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
