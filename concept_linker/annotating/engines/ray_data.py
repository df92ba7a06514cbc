"""The engine on Ray Data: the same shards and the same bytes, on a cluster.

One task reads the input on the machine where the run was started and streams its shards.  Actors,
each with its own linker, annotate them and return finished files, which the run writes.  So the
machines of a cluster need the package and the knowledge base, but no common folder.

A shard that kills its actors repeatedly is left to the local engine, which finds the row.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from concept_linker.annotating.engines.local import RETRIES, run_locally
from concept_linker.annotating.job import Job
from concept_linker.annotating.monitor import Monitor
from concept_linker.annotating.report import ShardReport
from concept_linker.annotating.shards.annotator import ShardAnnotator, collect_between_shards
from concept_linker.annotating.shards.source import Shard, ShardSource
from concept_linker.errors import BatchError, SettingsError
from concept_linker.files import write_whole

__all__ = ["run_on_ray"]

#: A shard as a row of a Ray dataset, and its result as a row.
_SHARD_SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("rows", pa.int64()),
        ("read", pa.int64()),
        ("pieces", pa.list_(pa.large_binary())),
    ]
)
_RESULT_SCHEMA = pa.schema(
    [
        ("error", pa.string()),
        ("report", pa.string()),
        ("names", pa.list_(pa.string())),
        ("files", pa.list_(pa.large_binary())),
    ]
)


class _AttemptCounter:
    """Counts how often each shard was started; an actor that outlives the others."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def start(self, number: int) -> int:
        self._counts[number] += 1
        return self._counts[number]


class _Annotator:
    """The actor: loads its linker once, and turns shards into files."""

    def __init__(self, job: Job, attempts: Any) -> None:
        self._attempts = attempts
        self._annotator: ShardAnnotator | None = None
        self._error = ""
        try:
            self._annotator = ShardAnnotator(job)
        except Exception as error:  # returned with the first shard; if raised, Ray would restart it
            self._error = f"{type(error).__name__}: {error}"

    def __call__(self, batch: pa.Table) -> pa.Table:
        import ray

        if self._annotator is None:
            return _result(error=self._error)
        [row] = batch.to_pylist()
        if not row["rows"]:  # the end of the input
            return _result(report=json.dumps(row["number"]))
        if ray.get(self._attempts.start.remote(row["number"])) > 1 + RETRIES:
            return _result()  # Ray would try it forever
        shard = Shard(row["number"], tuple(row["pieces"]), row["rows"], row["read"])
        try:
            with (
                collect_between_shards(),
                tempfile.TemporaryDirectory(prefix="concept-linker-") as folder,
            ):
                report = self._annotator.annotate(shard, Path(folder))
                files = {name: (Path(folder) / name).read_bytes() for name in report.files}
        except Exception as error:
            return _result(error=f"{type(error).__name__}: {error}")
        return _result(report=json.dumps(report.to_dict()), files=files)


def _result(
    *, error: str = "", report: str = "", files: dict[str, bytes] | None = None
) -> pa.Table:
    files = files or {}
    row = {"error": error, "report": report, "names": list(files), "files": list(files.values())}
    return pa.Table.from_pylist([row], schema=_RESULT_SCHEMA)


def run_on_ray(
    job: Job,
    folder: Path,
    source: ShardSource,
    monitor: Monitor,
    *,
    workers: int | None,
    address: str | None = None,
) -> None:
    """Annotates shards with Ray Data; see :class:`~concept_linker.annotating.engines.Engine`.

    Only this process writes into the output folder.  Actors do not report the progress within a
    shard.  Without an address, a Ray is started on this machine for the run.
    """
    finished = set(source.finished)
    count: int | None = None
    with _connected(address, workers) as ray:
        try:
            for row in _results(ray, job, source, workers, address):
                if row["error"]:
                    raise BatchError(f"an actor failed: {row['error']}")
                if not row["report"]:
                    monitor.worker_died()
                    continue
                value = json.loads(row["report"])
                if isinstance(value, int):
                    count = value
                    continue
                report = ShardReport.from_dict(value)
                for name, data in zip(row["names"], row["files"], strict=True):
                    with write_whole(folder / name) as part:
                        part.write_bytes(data)
                monitor.shard_finished(report)
                finished.add(report.number)
        except ray.exceptions.RayError as error:
            raise BatchError(f"Ray: {_first_line(error)}") from error
    if count is None or not finished.issuperset(range(count)):
        run_locally(job, folder, source.without(finished), monitor, workers=1)


@contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # otherwise Ray sends usage statistics
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError(
            "engine is 'ray', but Ray is not installed; run: pip install 'concept-linker[ray]'"
        ) from error
    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {"address": address or "local", "logging_level": "error"}
    if address is None:
        options |= {"num_cpus": workers, "include_dashboard": False}
    try:
        ray.init(**options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise BatchError(f"Ray at {address!r}: {_first_line(error)}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _results(
    ray: Any, job: Job, source: ShardSource, workers: int | None, address: str | None
) -> Iterator[dict[str, Any]]:
    """Yields the result of each shard as it finishes."""
    if not (address or "").startswith("ray://"):
        yield from _annotated(job, source, workers)
        return
    # Ray Data runs only inside a cluster, so an actor there runs it for this process.
    inside = ray.remote(num_cpus=0)(_Inside).remote(job, source, workers)
    while (row := ray.get(inside.next.remote())) is not None:
        yield row


class _Inside:
    """Runs inside the cluster for a process outside; the input must be readable there."""

    def __init__(self, job: Job, source: ShardSource, workers: int | None) -> None:
        self._rows = _annotated(job, source, workers)

    def next(self) -> dict[str, Any] | None:
        return next(self._rows, None)


def _annotated(job: Job, source: ShardSource, workers: int | None) -> Iterator[dict[str, Any]]:
    import ray

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    # Every shard is a block, and the progress bar is ours.
    options = {"target_max_block_size": 1, "enable_progress_bars": False}
    before = {name: getattr(context, name) for name in options}
    for name, value in options.items():
        setattr(context, name, value)
    try:
        attempts = ray.remote(num_cpus=0)(_AttemptCounter).remote()
        cores = max(1, int(ray.cluster_resources().get("CPU", 1)))
        data = ray.data.read_datasource(_datasource(source), num_cpus=0, override_num_blocks=1)
        data = data.map_batches(
            _Annotator,
            fn_constructor_kwargs={"job": job, "attempts": attempts},
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                min_size=1, initial_size=min(workers or cores, cores), max_size=workers
            ),
            num_cpus=1,
        )
        for batch in data.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0):
            yield from batch.to_pylist()
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _datasource(source: ShardSource) -> Any:
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Input(Datasource):  # type: ignore[misc]
        """The shards that are not finished."""

        @property
        def supports_distributed_reads(self) -> bool:
            return False  # the input may be on this machine only

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            about = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
            return [ReadTask(lambda: _blocks(source), about)]

    return Input()


def _blocks(source: ShardSource) -> Iterator[pa.Table]:
    """Yields a table per unfinished shard; the last one has the number of shards and no rows."""
    number = -1
    for shard in source.all_shards():
        number = shard.number
        if number in source.finished:
            continue
        row = {
            "number": shard.number,
            "rows": shard.rows,
            "read": shard.read,
            "pieces": list(shard.pieces),
        }
        yield pa.Table.from_pylist([row], schema=_SHARD_SCHEMA)
    end = {"number": number + 1, "rows": 0, "read": 0, "pieces": []}
    yield pa.Table.from_pylist([end], schema=_SHARD_SCHEMA)


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
