"""The engines that distribute shards over processes or machines.

To add one, write a function like :class:`Engine` in a module here, and add its line.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from concept_linker.runtime.registry import Entry

if TYPE_CHECKING:
    from concept_linker.annotating.job import Job
    from concept_linker.annotating.monitor import Monitor
    from concept_linker.annotating.shards.source import ShardSource

__all__ = ["ENGINES", "Engine"]

#: Name → engine.
ENGINES: Final = {
    "local": Entry(
        "concept_linker.annotating.engines.local:run_locally", "processes on this machine"
    ),
    "ray": Entry(
        "concept_linker.annotating.engines.ray_data:run_on_ray",
        "Ray Data, on a cluster (extra 'ray')",
    ),
}


class Engine(Protocol):
    """Annotates all shards of a source."""

    def __call__(
        self,
        job: Job,
        folder: Path,
        source: ShardSource,
        monitor: Monitor,
        *,
        workers: int | None,
        address: str | None = None,
    ) -> None:
        """Annotates shards.

        Args:
            job: how to annotate.
            folder: the output folder.
            source: the shards that are not finished.
            monitor: what the engine reports finished shards, progress and dead workers to.
            workers: the maximum number of workers; ``None`` leaves it to the cluster.
            address: the address of a cluster, for engines that can use one.

        Raises:
            BatchError: the run cannot continue.
            ConceptLinkerError: a worker cannot load its linker.
            OSError: an input cannot be read or an output cannot be written.
            SettingsError: the engine's package is not installed.
        """
