"""The progress of a run: sums, a progress bar, and counters for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from concept_linker.annotating.report import ShardReport, Summary, Totals
from concept_linker.annotating.shards.source import Shard
from concept_linker.files import write_whole

__all__ = ["Monitor"]

#: The counters: name, help text, and the field of :class:`Totals`.
_COUNTERS = (
    ("captions", "Captions annotated.", "annotated"),
    ("bad_rows", "Rows in quarantine.", "bad"),
    ("mentions", "Mentions found.", "mentions"),
    ("linked_mentions", "Mentions with a concept.", "linked"),
    ("spans", "Spans in records.", "spans"),
    ("negated_mentions", "Negated mentions with a CUI.", "negated"),
    ("shards", "Shards finished.", "shards"),
    ("input_bytes", "Bytes of input processed.", "read"),
    ("linking_seconds", "Seconds spent in linkers, summed over workers.", "linking"),
    ("worker_seconds", "Seconds spent on shards, summed over workers.", "seconds"),
)
#: Seconds between two writes of the counters.
_INTERVAL = 5.0


class Monitor:
    """Follows a run; engines report to it.

    Args:
        earlier: the totals of earlier runs into the same folder.
        size: the size of the input in bytes.
        metrics: the file for Prometheus, or ``None``.
        checkpoint: called with each finished shard before it is counted.

    Attributes:
        totals: the totals of all runs.
        here: the totals of this run.
        died: the number of workers that died.
    """

    def __init__(
        self,
        earlier: Totals,
        size: int,
        metrics: Path | None,
        checkpoint: Callable[[ShardReport], None],
    ) -> None:
        self.totals = earlier
        self.here = Totals()
        self.died = 0
        self._start = time.monotonic()
        self._size = size
        self._metrics = metrics
        self._checkpoint = checkpoint
        self._written = 0.0
        self._bar: Any = None
        self._partial: dict[int, tuple[int, int]] = {}  # shard → rows and bytes processed so far

    @contextmanager
    def shown(self, *, quiet: bool) -> Iterator[None]:
        """Shows a bar on standard error unless quiet; writes the counters at start and end."""
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

    def shard_finished(self, report: ShardReport) -> None:
        """Records a finished shard and counts it."""
        self._checkpoint(report)
        self.totals.add(report)
        self.here.add(report)
        self._partial.pop(report.number, None)
        self._update_bar()
        if time.monotonic() - self._written > _INTERVAL:
            self._write_metrics()

    def shard_progressed(self, shard: Shard, rows: int) -> None:
        """Notes how many rows of a shard have been processed."""
        self._partial[shard.number] = rows, shard.read * rows // shard.rows
        self._update_bar()

    def worker_died(self) -> None:
        """Counts a worker that died."""
        self.died += 1

    def summary(self, output: Path, workers: int | None) -> Summary:
        """Returns the summary of the run so far."""
        return Summary(
            output=output,
            captions=self.totals.annotated,
            bad=self.totals.bad,
            mentions=self.totals.mentions,
            linked=self.totals.linked,
            spans=self.totals.spans,
            negated=self.totals.negated,
            shards=self.totals.shards,
            here=self.here.annotated,
            seconds=self._elapsed(),
            linking=self.here.linking,
            working=self.here.seconds,
            died=self.died,
            workers=workers,
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._start

    def _update_bar(self) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(self._postfix(), refresh=False)
            processed = self.totals.read + sum(size for _, size in self._partial.values())
            self._bar.update(processed - self._bar.n)

    def _postfix(self) -> str:
        captions = self.here.annotated + sum(rows for rows, _ in self._partial.values())
        rate = captions / max(self._elapsed(), 1e-9)
        mentions, linked = self.totals.mentions, ""
        if mentions:
            linked = f"{self.totals.linked / mentions:.0%} linked, "
        return f"{rate:,.0f} captions/s, {linked}{self.totals.bad:,} set aside"

    def _write_metrics(self) -> None:
        if self._metrics is None:
            return
        self._written = time.monotonic()
        values = [(name, text, getattr(self.totals, field)) for name, text, field in _COUNTERS]
        values.append(("worker_deaths", "Workers that died.", self.died))
        lines = []
        for name, text, value in values:
            full = f"concept_linker_{name}_total"
            shown = f"{value:.3f}" if isinstance(value, float) else value
            lines += [f"# HELP {full} {text}", f"# TYPE {full} counter", f"{full} {shown}"]
        with write_whole(self._metrics) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
