"""Counts: of one shard, summed over shards, and of a whole run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Counts", "ShardReport", "Summary", "Totals"]


@dataclass(slots=True, kw_only=True)
class Counts:
    """What is counted of a shard, and summed over shards.

    Args:
        rows: the number of rows.
        annotated: the number of rows in the output.
        bad: the number of rows in quarantine.
        mentions: the number of mentions in the annotated rows.
        linked: the number of these mentions that have a concept.
        spans: the number of spans in the records.
        negated: the number of negated mentions with a CUI; they are counted in ``spans`` only
            if negated mentions are kept.
        read: the number of input bytes read.
        seconds: the time spent on shards.
        linking: the part of it spent in the linker.
    """

    rows: int = 0
    annotated: int = 0
    bad: int = 0
    mentions: int = 0
    linked: int = 0
    spans: int = 0
    negated: int = 0
    read: int = 0
    seconds: float = 0.0
    linking: float = 0.0


@dataclass(slots=True, kw_only=True)
class ShardReport(Counts):
    """The outcome of one shard: its counts, its files and its checksum.

    Args:
        number: the shard's number, from 0.
        files: name → size in bytes and SHA-256 of each file written.
        input_sha256: the checksum of the input rows.
    """

    number: int
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    input_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, the number first."""
        return {"number": self.number, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ShardReport:
        """Returns the report that :meth:`to_dict` was called on."""
        files = {name: (size, sha) for name, (size, sha) in values["files"].items()}
        return cls(**{**values, "files": files})


@dataclass(slots=True, kw_only=True)
class Totals(Counts):
    """Sums over shards, and their number."""

    shards: int = 0

    def add(self, report: ShardReport) -> None:
        """Adds a shard."""
        self.shards += 1
        for name in Counts.__slots__:
            setattr(self, name, getattr(self, name) + getattr(report, name))

    @classmethod
    def of(cls, reports: Iterable[ShardReport]) -> Totals:
        """Returns the sums over these reports."""
        totals = cls()
        for report in reports:
            totals.add(report)
        return totals


@dataclass(frozen=True, slots=True)
class Summary:
    """The outcome of a run; counts include earlier runs into the same folder.

    Args:
        output: the output folder.
        captions: the number of annotated captions.
        bad: the number of rows in ``quarantine`` inside the folder.
        mentions: the number of mentions.
        linked: the number of these mentions that have a concept.
        spans: the number of spans in the records.
        negated: the number of negated mentions with a CUI; they are counted in ``spans`` only
            if negated mentions are kept.
        shards: the number of shards.
        here: the number of captions that this run annotated.
        seconds: the time of this run.
        linking: the time its workers spent in the linker, summed over workers.
        working: the time its workers spent on shards, summed over workers.
        died: the number of workers that died.
        workers: the number of workers, or ``None`` if a cluster decided.
    """

    output: Path
    captions: int
    bad: int
    mentions: int
    linked: int
    spans: int
    negated: int
    shards: int
    here: int
    seconds: float
    linking: float
    working: float
    died: int
    workers: int | None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {**asdict(self), "output": str(self.output)}
