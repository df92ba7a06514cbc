"""The local engine: worker processes on this machine, each with one shard at a time.

Every worker has its own pipe.  Nothing is shared that a killed worker could leave locked.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from concept_linker.annotating.engines.worker import BatchStarted, Failed, Ready, Task, work
from concept_linker.annotating.job import Job
from concept_linker.annotating.monitor import Monitor
from concept_linker.annotating.shards.source import Shard
from concept_linker.annotating.shards.time_limit import TIMED_OUT
from concept_linker.errors import BatchError

__all__ = ["RETRIES", "run_locally"]

_log = logging.getLogger(__name__)

#: The number of shards that are read ahead of the workers.
_READ_AHEAD = 2
#: How often a shard is tried again after its worker died, before its rows are linked one by one.
RETRIES = 2
#: How many workers must die at a row before the row is to blame; one may die for other reasons.
_DEATHS_TO_BLAME = 2
#: The maximum number of rows of a shard, in all and in succession, that can be to blame.  If there
#: are more, the cause is elsewhere.
_MAX_BLAMED = 100
_MAX_BLAMED_IN_A_ROW = 20
#: How many workers in succession may die before one is ready.
_MAX_FAILED_STARTS = 3
#: Environment variables for the number of threads; the workers already share the cores.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
)  # fmt: skip


@dataclass(slots=True)
class _Attempt:
    """A shard, and what happened to the workers that tried it."""

    shard: Shard
    deaths: int = 0
    one_by_one: bool = False
    deaths_at: Counter[int | None] = field(default_factory=Counter)
    skip: dict[int, str] = field(default_factory=dict)

    def task(self) -> Task:
        return Task(self.shard, self.one_by_one, dict(self.skip))

    def worker_died(self, row: int | None, how: str) -> None:
        """Notes that the worker died, and at which row if rows were linked one by one."""
        self.deaths += 1
        _log.warning(
            "the worker of shard %d died (%s); trying again, attempt %d",
            self.shard.number,
            how,
            self.deaths + 1,
        )
        if self.one_by_one:
            self.deaths_at[row] += 1
            if self.deaths_at[row] >= _DEATHS_TO_BLAME:
                self._blame(row, f"kills workers ({how})")
        self.one_by_one = self.one_by_one or self.deaths > RETRIES

    def timed_out(self, row: int | None, seconds: float) -> None:
        """Notes that the worker exceeded the time limit at a row, or at the batch it starts."""
        reason = f"takes more than {seconds:g} s (timeout)"
        if self.one_by_one and row is not None:
            self._blame(row, reason)
        else:
            _log.warning("shard %d %s; linking its rows one by one", self.shard.number, reason)
        self.one_by_one = True

    def _blame(self, row: int | None, reason: str) -> None:
        if row is None or len(self.skip) >= _MAX_BLAMED or self._all_before_blamed(row):
            raise BatchError(
                f"shard {self.shard.number}: {reason}; this happens at too many rows for the rows "
                "to be the cause"
            )
        self.skip[row] = f"caption: {reason}"

    def _all_before_blamed(self, row: int) -> bool:
        return all(one in self.skip for one in range(row - _MAX_BLAMED_IN_A_ROW + 1, row))


class _Worker:
    """A process, and the shard it is working on."""

    def __init__(self, job: Job, folder: Path) -> None:
        context = get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=work,
            args=(child_connection, job, folder),
            name="concept-linker annotate",
            daemon=True,
        )
        with _single_threaded():
            self.process.start()
        child_connection.close()
        self.ready = False
        self.attempt: _Attempt | None = None
        self.row: int | None = None
        self.since = 0.0

    @property
    def idle(self) -> bool:
        return self.ready and self.attempt is None

    def start(self, attempt: _Attempt) -> None:
        self.attempt, self.row, self.since = attempt, None, time.monotonic()
        # If the worker has died, reading from it will show that.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(attempt.task())

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def run_locally(
    job: Job,
    folder: Path,
    source: Iterable[Shard],
    monitor: Monitor,
    *,
    workers: int | None,
    address: str | None = None,
) -> None:
    """Annotates shards in processes; see :class:`~concept_linker.annotating.engines.Engine`.

    Workers write into the output folder themselves.  Shards are read only a little ahead of them,
    so that memory is bounded.  An address is ignored.
    """
    pool = _Pool(job, folder, workers or 1, monitor)
    try:
        pool.run(iter(source))
    finally:
        pool.end()


class _Pool:
    def __init__(self, job: Job, folder: Path, size: int, monitor: Monitor) -> None:
        self._job, self._folder, self._size = job, folder, size
        self._monitor = monitor
        self._workers: list[_Worker] = []
        self._retries: deque[_Attempt] = deque()
        self._failed_starts = 0

    def run(self, shards: Iterator[Shard]) -> None:
        queue: deque[_Attempt] = deque()
        more = True
        while True:
            # Failed shards come first, so that they do not hold up the end of the run.
            for worker in self._workers:
                if worker.idle and (waiting := self._retries or queue):
                    worker.start(waiting.popleft())
            reading = more and len(queue) < max(_READ_AHEAD, self._size - self._busy())
            if reading:
                shard = next(shards, None)
                if shard is None:
                    more = False
                else:
                    queue.append(_Attempt(shard))
            unfinished = self._busy() + len(queue) + len(self._retries)
            if not (more or unfinished):
                return
            self._start_workers(unfinished)
            self._receive(0.0 if reading else None)

    def _busy(self) -> int:
        return sum(worker.attempt is not None for worker in self._workers)

    def _start_workers(self, shards: int) -> None:
        """Starts workers until there is one for each shard, or enough."""
        while len(self._workers) < min(self._size, shards):
            self._workers.append(_Worker(self._job, self._folder))

    def _receive(self, timeout: float | None) -> None:
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout):
            assert isinstance(connection, Connection)
            worker = by_connection[connection]
            try:
                message = connection.recv()
            except (EOFError, ConnectionResetError, OSError):
                self._handle_death(worker)
                continue
            if isinstance(message, Failed):
                raise message.error
            if isinstance(message, BatchStarted):
                worker.row, worker.since = message.row, message.at
                if worker.attempt is not None:
                    self._monitor.shard_progressed(worker.attempt.shard, message.row)
            elif isinstance(message, Ready):
                worker.ready, self._failed_starts = True, 0
            else:
                worker.attempt = None
                self._monitor.shard_finished(message)

    def _handle_death(self, worker: _Worker) -> None:
        worker.process.join()
        code = worker.process.exitcode
        self._workers.remove(worker)
        worker.end()
        self._monitor.worker_died()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        if worker.attempt is not None:
            attempt, limit = worker.attempt, self._job.timeout
            if limit and code == TIMED_OUT and time.monotonic() - worker.since >= limit:
                attempt.timed_out(worker.row, limit)
            else:
                attempt.worker_died(worker.row if attempt.one_by_one else None, how)
            self._retries.append(attempt)
        elif not worker.ready:
            self._failed_starts += 1
            _log.warning("a worker died before it was ready (%s)", how)
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise BatchError(
                    f"{self._failed_starts} workers died before they were ready, the last with "
                    f"{how}; a script must call annotate() under `if __name__ == '__main__':`"
                )

    def end(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Gives processes that are started in this block one thread for each numerical library."""
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
