"""The engine on Ray Data: the same shards and the same shard function, on a cluster.

One task reads the input on the machine where the run was started and streams its shards.  Actors,
each with a linker of its own, annotate them and hand back finished files, which the run writes.  So
the machines of a cluster need the package and the knowledge base, and no folder in common.

A shard that kills its actors again and again is left to the local engine, which finds the row.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from concept_linker.annotating.annotating import ShardReport, Shards, collecting_between_shards
from concept_linker.annotating.job import Job
from concept_linker.annotating.local import RETRIES, run_locally
from concept_linker.annotating.reading import Shard, ShardSource
from concept_linker.errors import BatchError, SettingsError
from concept_linker.files import write_whole

__all__ = ["run_on_ray"]

#: A shard, as one row; and what became of it.
_SHARD = pa.schema(
    [
        ("number", pa.int64()),
        ("rows", pa.int64()),
        ("read", pa.int64()),
        ("pieces", pa.list_(pa.large_binary())),
    ]
)
_DONE = pa.schema(
    [
        ("error", pa.string()),
        ("report", pa.string()),
        ("names", pa.list_(pa.string())),
        ("files", pa.list_(pa.large_binary())),
    ]
)


class _Attempts:
    """How often each shard was begun; an actor of its own, which outlives the others."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def begin(self, number: int) -> int:
        self._counts[number] += 1
        return self._counts[number]


class _Annotator:
    """The actor: loads its linker once, and turns shards into files."""

    def __init__(self, job: Job, attempts: Any) -> None:
        self._attempts = attempts
        self._shards: Shards | None = None
        self._error = ""
        try:
            self._shards = Shards(job)
        except Exception as error:  # told with the first shard; Ray would start another
            self._error = f"{type(error).__name__}: {error}"

    def __call__(self, batch: pa.Table) -> pa.Table:
        import ray

        if self._shards is None:
            return _told(error=self._error)
        [row] = batch.to_pylist()
        if not row["rows"]:  # the end of the input
            return _told(report=json.dumps(row["number"]))
        if ray.get(self._attempts.begin.remote(row["number"])) > 1 + RETRIES:
            return _told()  # Ray would try it for ever
        shard = Shard(row["number"], tuple(row["pieces"]), row["rows"], row["read"])
        try:
            with (
                collecting_between_shards(),
                tempfile.TemporaryDirectory(prefix="concept-linker-") as place,
            ):
                report = self._shards.annotate(shard, Path(place))
                files = {name: (Path(place) / name).read_bytes() for name in report.files}
        except Exception as error:
            return _told(error=f"{type(error).__name__}: {error}")
        return _told(report=json.dumps(report.to_dict()), files=files)


def _told(*, error: str = "", report: str = "", files: dict[str, bytes] | None = None) -> pa.Table:
    files = files or {}
    row = {"error": error, "report": report, "names": list(files), "files": list(files.values())}
    return pa.Table.from_pylist([row], schema=_DONE)


def run_on_ray(
    job: Job,
    folder: Path,
    source: ShardSource,
    done: Callable[[ShardReport], None],
    workers: int | None,
    died: Callable[[], None],
    moved: Callable[[Shard, int], None] = lambda shard, rows: None,
    *,
    address: str | None = None,
) -> None:
    """Annotates shards with Ray Data.

    Args:
        job: what is done.
        folder: the output's folder; only this process writes into it.
        source: the shards.
        done: told of every shard that is finished.
        workers: how many actors at most; as many as the cluster has room for if not given.
        died: told of every shard that is left to the local engine, and of its workers that die.
        moved: told of such a shard, and how many of its rows are done; actors do not tell.
        address: a cluster's address; else a Ray is started on this machine, and ended.

    Raises:
        BatchError: the actors cannot work.
        SettingsError: Ray is not installed.
        OSError: a file cannot be written or read.
    """
    finished = set(source.finished)
    count: int | None = None
    with _connected(address, workers) as ray:
        try:
            for row in _results(ray, job, source, workers, address):
                if row["error"]:
                    raise BatchError(f"an actor cannot work: {row['error']}")
                if not row["report"]:
                    died()
                    continue
                told = json.loads(row["report"])
                if isinstance(told, int):
                    count = told
                    continue
                report = ShardReport.from_dict(told)
                for name, data in zip(row["names"], row["files"], strict=True):
                    with write_whole(folder / name) as part:
                        part.write_bytes(data)
                done(report)
                finished.add(report.number)
        except ray.exceptions.RayError as error:
            raise BatchError(f"Ray: {_first_line(error)}") from error
    if count is None or not finished.issuperset(range(count)):
        run_locally(job, folder, source.without(finished), done, 1, died, moved)


@contextmanager
def _connected(address: str | None, workers: int | None) -> Iterator[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise SettingsError("engine is 'ray', wanted the extra: concept-linker[ray]") from error
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
    """What became of each shard, as they finish."""
    if not (address or "").startswith("ray://"):
        yield from _annotated(job, source, workers)
        return
    # Ray Data runs only inside a cluster, so an actor there runs it for us.
    inside = ray.remote(num_cpus=0)(_Inside).remote(job, source, workers)
    while (row := ray.get(inside.next.remote())) is not None:
        yield row


class _Inside:
    """What stands for a run that is outside the cluster; the input must be where it is."""

    def __init__(self, job: Job, source: ShardSource, workers: int | None) -> None:
        self._rows = _annotated(job, source, workers)

    def next(self) -> dict[str, Any] | None:
        return next(self._rows, None)


def _annotated(job: Job, source: ShardSource, workers: int | None) -> Iterator[dict[str, Any]]:
    import ray

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    before = {name: getattr(context, name) for name in _context()}
    for name, value in _context().items():
        setattr(context, name, value)
    try:
        attempts = ray.remote(num_cpus=0)(_Attempts).remote()
        room = max(1, int(ray.cluster_resources().get("CPU", 1)))
        data = ray.data.read_datasource(_datasource(source), num_cpus=0, override_num_blocks=1)
        data = data.map_batches(
            _Annotator,
            fn_constructor_kwargs={"job": job, "attempts": attempts},
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(
                min_size=1, initial_size=min(workers or room, room), max_size=workers
            ),
            num_cpus=1,
        )
        for batch in data.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0):
            yield from batch.to_pylist()
    finally:
        for name, value in before.items():
            setattr(context, name, value)


def _context() -> dict[str, Any]:
    """A shard is a block of its own, and the bar is ours."""
    return {"target_max_block_size": 1, "enable_progress_bars": False}


def _datasource(source: ShardSource) -> Any:
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Input(Datasource):  # type: ignore[misc]
        """The shards that are not finished."""

        @property
        def supports_distributed_reads(self) -> bool:
            return False  # but where this runs

        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            about = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=None)
            return [ReadTask(lambda: _blocks(source), about)]

    return Input()


def _blocks(source: ShardSource) -> Iterator[pa.Table]:
    """Last, a row that says how many shards the input has."""
    number = -1
    for shard in source.all():
        number = shard.number
        if number in source.finished:
            continue
        row = {
            "number": shard.number,
            "rows": shard.rows,
            "read": shard.read,
            "pieces": list(shard.pieces),
        }
        yield pa.Table.from_pylist([row], schema=_SHARD)
    end = {"number": number + 1, "rows": 0, "read": 0, "pieces": []}
    yield pa.Table.from_pylist([end], schema=_SHARD)


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
