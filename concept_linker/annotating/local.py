"""The local engine: worker processes on this machine, each with a shard of its own.

Every worker has a pipe of its own; nothing is shared that one could take with it when it is killed.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from concept_linker.annotating.annotating import ShardReport
from concept_linker.annotating.job import Job
from concept_linker.annotating.reading import Shard
from concept_linker.annotating.watch import TIMED_OUT
from concept_linker.annotating.worker import Begun, Failed, Ready, Task, work
from concept_linker.errors import BatchError

__all__ = ["RETRIES", "run_locally"]

_log = logging.getLogger(__name__)

#: How many shards wait, read, for a worker that is through with its own.
_AHEAD = 2
#: How often a shard whose worker died is tried again before its rows are taken one by one.
RETRIES = 2
#: How often a row must be the one at work when a worker dies, to be the culprit: a worker may be
#: killed for reasons of its own.
_PROOF = 2
#: So many rows of one shard may be culprits, and so many one after the other; more is no matter of
#: rows.
_CULPRITS = 100
_IN_A_ROW = 20
#: How many workers may die one after the other before any is ready.
_FALSE_STARTS = 3
#: What libraries read to know how many threads to start; the workers share the cores already.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(slots=True)
class _Attempt:
    """A shard, and what has happened to those who tried it."""

    shard: Shard
    deaths: int = 0
    careful: bool = False
    blamed: Counter[int | None] = field(default_factory=Counter)
    skipped: dict[int, str] = field(default_factory=dict)

    def task(self) -> Task:
        return Task(self.shard, self.careful, dict(self.skipped))

    def died(self, row: int | None, how: str) -> None:
        """Its worker has died, at a row if it took them one by one."""
        self.deaths += 1
        _log.warning(
            "the worker at shard %d died (%s); trying again, attempt %d",
            self.shard.number,
            how,
            self.deaths + 1,
        )
        if self.careful:
            self.blamed[row] += 1
            if self.blamed[row] >= _PROOF:
                self._set_aside(row, f"workers die of it ({how})")
        self.careful = self.careful or self.deaths > RETRIES

    def took_too_long(self, row: int | None, seconds: float) -> None:
        """Its worker was ended at a row, or at many that begin with it, for the time they took."""
        reason = f"takes more than {seconds:g} s (timeout)"
        if self.careful and row is not None:
            self._set_aside(row, reason)
        else:
            _log.warning("shard %d %s; its rows are taken one by one", self.shard.number, reason)
        self.careful = True

    def _set_aside(self, row: int | None, reason: str) -> None:
        if row is None or len(self.skipped) >= _CULPRITS or self._are_all_culprits(row):
            raise BatchError(f"shard {self.shard.number}: {reason}, and no few rows are to blame")
        self.skipped[row] = f"caption: {reason}"

    def _are_all_culprits(self, row: int) -> bool:
        """Whether those right before a row are."""
        return all(one in self.skipped for one in range(row - _IN_A_ROW + 1, row))


class _Worker:
    """A process, and the shard that it has."""

    def __init__(self, job: Job, folder: Path) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=work, args=(theirs, job, folder), name="concept-linker annotate", daemon=True
        )
        with _one_thread():
            self.process.start()
        theirs.close()
        self.ready = False
        self.attempt: _Attempt | None = None
        self.row: int | None = None
        self.since = 0.0

    @property
    def idle(self) -> bool:
        return self.ready and self.attempt is None

    def give(self, attempt: _Attempt) -> None:
        self.attempt, self.row, self.since = attempt, None, time.monotonic()
        # If it has died, that is seen when it is listened to.
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
    done: Callable[[ShardReport], None],
    workers: int,
    died: Callable[[], None],
    moved: Callable[[Shard, int], None] = lambda shard, rows: None,
) -> None:
    """Annotates shards in processes.

    Args:
        job: what is done.
        folder: the output's folder, which the workers write into.
        source: the shards, read a little ahead of the workers, so memory has a bound.
        done: told of every shard that is finished, in the order they finish.
        workers: how many processes.
        died: told of every worker that dies.
        moved: told of a shard that is being annotated, and how many of its rows are done.

    Raises:
        BatchError: workers die before they begin.
        ConceptLinkerError: what a worker raised because it cannot load its linker.
        OSError: an output cannot be written or an input cannot be read.
    """
    pool = _Pool(job, folder, workers, died, moved)
    try:
        pool.run(iter(source), done)
    finally:
        pool.end()


class _Pool:
    def __init__(
        self,
        job: Job,
        folder: Path,
        size: int,
        died: Callable[[], None],
        moved: Callable[[Shard, int], None],
    ) -> None:
        self._job, self._folder, self._size = job, folder, size
        self._died, self._moved = died, moved
        self._workers: list[_Worker] = []
        self._again: deque[_Attempt] = deque()
        self._false_starts = 0

    def run(self, shards: Iterator[Shard], done: Callable[[ShardReport], None]) -> None:
        ahead: deque[_Attempt] = deque()
        more = True
        while True:
            # Shards that failed come first: what follows them is not held up.
            for worker in self._workers:
                if worker.idle and (queue := self._again or ahead):
                    worker.give(queue.popleft())
            reading = more and len(ahead) < max(_AHEAD, self._size - self._busy())
            if reading:
                shard = next(shards, None)
                if shard is None:
                    more = False
                else:
                    ahead.append(_Attempt(shard))
            to_do = self._busy() + len(ahead) + len(self._again)
            if not (more or to_do):
                return
            self._hire(to_do)
            self._listen(done, 0.0 if reading else None)

    def _busy(self) -> int:
        return sum(worker.attempt is not None for worker in self._workers)

    def _hire(self, wanted: int) -> None:
        """Starts workers for what there is to do."""
        while len(self._workers) < min(self._size, wanted):
            self._workers.append(_Worker(self._job, self._folder))

    def _listen(self, done: Callable[[ShardReport], None], timeout: float | None) -> None:
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout):
            assert isinstance(connection, Connection)
            worker = by_connection[connection]
            try:
                message = connection.recv()
            except (EOFError, ConnectionResetError, OSError):
                self._bury(worker)
                continue
            if isinstance(message, Failed):
                raise message.error
            if isinstance(message, Begun):
                worker.row, worker.since = message.row, message.at
                if worker.attempt is not None:
                    self._moved(worker.attempt.shard, message.row)
            elif isinstance(message, Ready):
                worker.ready, self._false_starts = True, 0
            else:
                worker.attempt = None
                done(message)

    def _bury(self, worker: _Worker) -> None:
        worker.process.join()
        code = worker.process.exitcode
        self._workers.remove(worker)
        worker.end()
        self._died()
        how = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        if worker.attempt is not None:
            limit = self._job.timeout
            if limit and code == TIMED_OUT and time.monotonic() - worker.since >= limit:
                worker.attempt.took_too_long(worker.row, limit)
            else:
                worker.attempt.died(worker.row if worker.attempt.careful else None, how)
            self._again.append(worker.attempt)
        elif not worker.ready:
            self._false_starts += 1
            _log.warning("a worker died before it was ready (%s)", how)
            if self._false_starts >= _FALSE_STARTS:
                raise BatchError(
                    f"{self._false_starts} workers died before they were ready, the last with "
                    f"{how}; a script that calls annotate() does so under "
                    "`if __name__ == '__main__':`"
                )

    def end(self) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started here have one thread each for the libraries that would start many."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
