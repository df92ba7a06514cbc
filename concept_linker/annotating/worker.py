"""A worker: a process that loads its own linker and annotates shard after shard.

Nothing heavy is imported here before the process has begun its work.
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
    from concept_linker.annotating.annotating import ShardReport
    from concept_linker.annotating.job import Job
    from concept_linker.annotating.reading import Shard

__all__ = ["Begun", "Failed", "Ready", "Task", "work"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to annotate.

    Args:
        shard: the shard.
        careful: rows one by one, else many together.
        skipped: place in the shard → why this row is set aside.
    """

    shard: Shard
    careful: bool
    skipped: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker can take a shard."""


@dataclass(frozen=True, slots=True)
class Begun:
    """The worker begins a row, or many that begin with it.

    Args:
        row: its place in the shard.
        at: when, on the clock that all processes of a machine share.
    """

    row: int
    at: float


@dataclass(frozen=True, slots=True)
class Failed:
    """The run cannot go on: what the worker raised."""

    error: BaseException


def work(connection: Connection, job: Job, folder: Path) -> None:
    """The whole life of a worker; ends when the connection is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _serve(connection, job, folder)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody is there any more


def _end_with_parent() -> None:
    """A run that was killed must not go on writing: another may already be at the same folder."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _serve(connection: Connection, job: Job, folder: Path) -> None:
    from concept_linker.annotating.annotating import Shards, collecting_between_shards

    try:
        shards = Shards(job)
    except Exception as error:
        _send_failure(connection, error)
        return
    connection.send(Ready())
    while True:
        task: Task = connection.recv()

        def announce(row: int) -> None:
            connection.send(Begun(row, time.monotonic()))

        try:
            with collecting_between_shards():
                report: ShardReport = shards.annotate(
                    task.shard,
                    folder,
                    skipped=task.skipped,
                    careful=task.careful,
                    announce=announce,
                )
        except Exception as error:
            _send_failure(connection, error)
            return
        connection.send(report)


def _send_failure(connection: Connection, error: Exception) -> None:
    from concept_linker.errors import BatchError, ConceptLinkerError, SourceError

    if isinstance(error, SourceError):  # it cannot be made again from its message
        error = BatchError(str(error))
    elif not isinstance(error, ConceptLinkerError | OSError):
        _log.exception("a worker cannot go on")
        error = BatchError(f"a worker cannot go on: {type(error).__name__}: {error}")
    connection.send(Failed(error))
