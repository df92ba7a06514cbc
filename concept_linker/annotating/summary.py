"""What a run says of itself at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["Summary"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, with what earlier runs into the same folder had done.

    Args:
        output: the folder.
        captions: how many are annotated.
        bad: how many rows are set aside, in ``quarantine`` inside the folder.
        mentions: how many were found.
        linked: how many of these have a concept.
        spans: how many of these stand in records.
        negated: how many have a CUI, but the caption says that they are absent; they are among
            ``spans`` only where such are kept.
        shards: how many there are.
        here: how many captions this run annotated.
        seconds: how long it took.
        linking: how long linkers worked for it, all workers together.
        working: how long workers had a shard, all together.
        died: how many workers died.
        workers: how many there were; none where a cluster decided.
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
        """As plain JSON values."""
        return {**asdict(self), "output": str(self.output)}
