"""What a run has done so far: sums, a bar, and counters that Prometheus reads."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from concept_linker.annotating.annotating import ShardReport
from concept_linker.annotating.reading import Shard
from concept_linker.files import write_whole

__all__ = ["Monitor", "Totals"]

#: The counters: name, what it counts, and the field of :class:`Totals`.
_COUNTERS = (
    ("captions", "Captions annotated.", "annotated"),
    ("bad_rows", "Rows set aside.", "bad"),
    ("mentions", "Mentions found.", "mentions"),
    ("linked_mentions", "Mentions with a concept.", "linked"),
    ("spans", "Concepts in records.", "spans"),
    ("negated_mentions", "Mentions with a CUI that captions say are absent.", "negated"),
    ("shards", "Shards finished.", "shards"),
    ("input_bytes", "Bytes of input that are done.", "read"),
    ("linking_seconds", "Seconds that linkers worked, all workers together.", "linking"),
    ("worker_seconds", "Seconds that workers had a shard, all together.", "seconds"),
)
_EVERY = 5.0


@dataclass(slots=True)
class Totals:
    """Sums over shards; the fields are those of :class:`ShardReport`."""

    shards: int = 0
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

    def add(self, report: ShardReport) -> None:
        """Adds a shard."""
        self.shards += 1
        for name in Totals.__slots__[1:]:
            setattr(self, name, getattr(self, name) + getattr(report, name))

    @classmethod
    def of(cls, reports: Iterable[ShardReport]) -> Totals:
        """The sums of some."""
        totals = cls()
        for report in reports:
            totals.add(report)
        return totals


class Monitor:
    """Follows a run.

    Args:
        earlier: what runs before this one have finished.
        size: the bytes of the whole input.
        metrics: the file for Prometheus, or none.

    Attributes:
        totals: of all runs together.
        here: of this one.
        died: how many workers have died.
    """

    def __init__(self, earlier: Totals, size: int, metrics: Path | None) -> None:
        self.totals = earlier
        self.here = Totals()
        self.died = 0
        self.began = time.monotonic()
        self._size = size
        self._metrics = metrics
        self._written = 0.0
        self._bar: Any = None
        self._begun: dict[int, tuple[int, int]] = {}  # shard → rows and bytes that are done

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self.began

    @contextmanager
    def shown(self, *, quiet: bool) -> Iterator[None]:
        """A bar on standard error, and the counters written, first and last."""
        self._write_metrics()
        try:
            if quiet:
                yield
                return
            from tqdm import tqdm

            layout = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}{postfix}"
            with tqdm(
                total=self._size, initial=self.totals.read, desc="Annotating", bar_format=layout
            ) as self._bar:
                yield
        finally:
            self._bar = None
            self._write_metrics()

    def add(self, report: ShardReport) -> None:
        """A shard is finished."""
        self.totals.add(report)
        self.here.add(report)
        self._begun.pop(report.number, None)
        self._show()
        if time.monotonic() - self._written > _EVERY:
            self._write_metrics()

    def moved(self, shard: Shard, rows: int) -> None:
        """So many rows of a shard are done."""
        self._begun[shard.number] = rows, shard.read * rows // shard.rows
        self._show()

    def _show(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._postfix(), refresh=False)
            done = self.totals.read + sum(size for _, size in self._begun.values())
            self._bar.update(done - self._bar.n)

    def worker_died(self) -> None:
        """A worker has died."""
        self.died += 1

    def _postfix(self) -> str:
        done = self.here.annotated + sum(rows for rows, _ in self._begun.values())
        rate = done / max(self.elapsed, 1e-9)
        mentions, linked = self.totals.mentions, ""
        if mentions:
            linked = f"{self.totals.linked / mentions:.0%} linked, "
        return f"{rate:,.0f} captions/s, {linked}{self.totals.bad:,} set aside"

    def _write_metrics(self) -> None:
        if self._metrics is None:
            return
        self._written = time.monotonic()
        values = [(name, what, getattr(self.totals, field)) for name, what, field in _COUNTERS]
        values.append(("worker_deaths", "Workers that died.", self.died))
        lines = []
        for name, what, value in values:
            full = f"concept_linker_{name}_total"
            shown = f"{value:.3f}" if isinstance(value, float) else value
            lines += [f"# HELP {full} {what}", f"# TYPE {full} counter", f"{full} {shown}"]
        with write_whole(self._metrics) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
