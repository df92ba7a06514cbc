"""A worker of the local engine: a process with its own linker that annotates shard after shard.

Heavy modules are imported only after the process has started.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concept_linker.annotating.job import Job
    from concept_linker.annotating.report import ShardReport
    from concept_linker.annotating.shards.source import Shard

__all__ = ["BatchStarted", "Failed", "Ready", "Task", "work"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to annotate.

    Args:
        shard: the shard.
        one_by_one: link rows one by one instead of in batches.
        skip: place in the shard → why this row goes into quarantine.
    """

    shard: Shard
    one_by_one: bool
    skip: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can take a shard."""


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """The worker starts to link a batch.

    Args:
        row: the place of its first row in the shard.
        at: the time, on the monotonic clock that all processes of a machine share.
    """

    row: int
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The run cannot continue, because the worker raised this error."""

    error: BaseException


def work(connection: Connection, job: Job, folder: Path) -> None:
    """Runs a worker until its connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _serve(connection, job, folder)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone


def _end_with_parent() -> None:
    """Ends the worker of a killed run, which must not write into the folder of the next run."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _serve(connection: Connection, job: Job, folder: Path) -> None:
    from concept_linker.annotating.shards.annotator import ShardAnnotator, collect_between_shards

    def report_batch(row: int) -> None:
        connection.send(BatchStarted(row, time.monotonic()))

    try:
        annotator = ShardAnnotator(job)
    except Exception as error:
        _send_failure(connection, error)
        return
    connection.send(Ready())
    while True:
        task: Task = connection.recv()
        try:
            with collect_between_shards():
                report: ShardReport = annotator.annotate(
                    task.shard,
                    folder,
                    skip=task.skip,
                    one_by_one=task.one_by_one,
                    on_batch=report_batch,
                )
        except Exception as error:
            _send_failure(connection, error)
            return
        connection.send(report)


def _send_failure(connection: Connection, error: Exception) -> None:
    from concept_linker.errors import BatchError, ConceptLinkerError, SourceError

    if isinstance(error, SourceError):  # it cannot be unpickled from its message alone
        error = BatchError(str(error))
    elif not isinstance(error, ConceptLinkerError | OSError):
        _log.exception("a worker failed")
        error = BatchError(f"a worker failed: {type(error).__name__}: {error}")
    connection.send(Failed(error))
