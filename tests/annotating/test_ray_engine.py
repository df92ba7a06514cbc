"""The engine on Ray: the same bytes as the local engine, and no row lost with an actor."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from fake_linker import FakeLinkerSpec, LocalOnlySpec
from runs import captions, quarantined, records_in, shards_in, write_lines

import concept_linker
from concept_linker.annotating import annotate as annotate_module
from concept_linker.errors import BatchError

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("ignore")]

ray = pytest.importorskip("ray", reason="needs the ray extra")
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Ray with two cores on this machine, for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HERE), str(HERE.parents[1])]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, logging_level="error")
        yield
        ray.shutdown()


@pytest.fixture
def annotate(small_base: Path) -> Callable[..., Any]:
    def annotate(inputs: Path, output: Path, **options: Any) -> Any:
        values = {"detector": "dictionary", "formats": "parquet,jsonl", "shard_size": 50}
        return concept_linker.annotate(inputs, output, kb=small_base, **{**values, **options})

    return annotate


def test_it_gives_the_same_bytes_as_the_local_engine(
    cluster: None, annotate: Any, many: Path, tmp_path: Path
) -> None:
    with many.open("ab") as file:
        file.write(b"not JSON\n")
    local = annotate(many, tmp_path / "local", workers=2)
    onray = annotate(many, tmp_path / "ray", engine="ray", workers=2)
    assert shards_in(tmp_path / "ray") == shards_in(tmp_path / "local")
    assert records_in(tmp_path / "ray") == records_in(tmp_path / "local")
    assert (onray.captions, onray.bad, onray.mentions) == (300, 1, local.mentions)
    (tmp_path / "ray/part-00002.parquet").unlink()
    assert annotate(many, tmp_path / "ray", engine="ray", workers=2).here == 50
    assert shards_in(tmp_path / "ray") == shards_in(tmp_path / "local")


def kill_actors(count: int, out: Path, stop: threading.Event, killed: list[int]) -> None:
    """Kills this number of actors, each after two more shards."""
    chance = random.Random(3)
    for _ in range(count):
        target = len(list(out.glob("part-*.jsonl"))) + 2
        while len(list(out.glob("part-*.jsonl"))) < target and not stop.is_set():
            time.sleep(0.02)
        actors = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "MapWorker" in " ".join(process.info["cmdline"] or ())
        ]
        if actors and not stop.is_set():
            victim = chance.choice(actors)
            victim.kill()
            killed.append(victim.pid)


def test_killed_actors_lose_no_row(
    cluster: None, annotate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate_module, "LinkerSpec", partial(FakeLinkerSpec, seconds=2e-3))
    path = write_lines(tmp_path / "a.jsonl", captions(1500))
    annotate(path, tmp_path / "whole", workers=1)
    stop = threading.Event()
    killed: list[int] = []
    killer = threading.Thread(target=kill_actors, args=(2, tmp_path / "ray", stop, killed))
    killer.start()
    try:
        annotate(path, tmp_path / "ray", engine="ray", workers=2)
    finally:
        stop.set()
        killer.join()
    assert len(killed) == 2
    assert shards_in(tmp_path / "ray") == shards_in(tmp_path / "whole")


@pytest.mark.parametrize("text", ["POISON", "ENDLESS LOOP"])
def test_a_row_that_kills_actors_is_found(
    cluster: None, annotate: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(annotate_module, "LinkerSpec", FakeLinkerSpec)
    rows = captions(200)
    rows[120]["caption"] = text
    path = write_lines(tmp_path / "a.jsonl", rows)
    summary = annotate(path, tmp_path / "out", engine="ray", workers=2, timeout=1)
    assert (summary.captions, summary.bad) == (199, 1)
    assert [row["line"] for row in quarantined(tmp_path / "out")] == [121]


def test_a_knowledge_base_that_actors_lack_ends_the_run(
    cluster: None, annotate: Any, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotate_module, "LinkerSpec", LocalOnlySpec)
    with pytest.raises(BatchError, match="an actor failed: FileNotFoundError: no such base"):
        annotate(many, tmp_path / "out", engine="ray", workers=2)
