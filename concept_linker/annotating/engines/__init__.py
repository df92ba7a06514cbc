"""The engines that distribute shards over processes or machines.

To add one, write a function like :class:`Engine` in a module here, and add its line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from concept_linker.runtime.registry import Entry

if TYPE_CHECKING:
    from concept_linker.annotating.job import Job
    from concept_linker.annotating.report import ShardReport
    from concept_linker.annotating.shards.source import Shard, ShardSource

__all__ = ["ENGINES", "Engine", "Observer"]

#: Name → engine.
ENGINES: Final = {
    "local": Entry(f"{__name__}.local:run_locally", "processes on this machine"),
    "ray": Entry(f"{__name__}.ray_data:run_on_ray", "Ray Data, on a cluster (extra 'ray')"),
}


class Observer(Protocol):
    """What an engine reports to."""

    def shard_finished(self, report: ShardReport) -> None:
        """A shard is finished and its files are in the output folder."""

    def shard_progressed(self, shard: Shard, rows: int) -> None:
        """The given number of rows of a shard have been processed."""

    def worker_died(self) -> None:
        """A worker died; its shard will be tried again."""


class Engine(Protocol):
    """Annotates all shards of a source."""

    def __call__(
        self,
        job: Job,
        folder: Path,
        source: ShardSource,
        observer: Observer,
        *,
        workers: int | None,
        address: str | None = None,
    ) -> None:
        """Annotates shards.

        Args:
            job: how to annotate.
            folder: the output folder.
            source: the shards that are not finished.
            observer: what progress is reported to.
            workers: the maximum number of workers; ``None`` leaves it to the cluster.
            address: the address of a cluster, for engines that can use one.

        Raises:
            BatchError: the run cannot continue.
            ConceptLinkerError: a worker cannot load its linker.
            OSError: an input cannot be read or an output cannot be written.
            SettingsError: the engine's package is not installed.
        """
