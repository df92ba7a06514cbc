"""JSON Lines, plain or compressed, with side-cars for provenance and details of spans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from concept_linker.annotating.job import Job
from concept_linker.annotating.shards.formats.format import Batch
from concept_linker.triplets.record import PROVENANCE, SPAN_DETAILS, SPANS, dump, minimise
from concept_linker.triplets.writing import RecordWriter, open_writer

__all__ = ["JsonLinesFormat"]


class JsonLinesFormat:
    """The formats ``jsonl``, ``jsonl.gz`` and ``jsonl.zst``.

    If negated mentions are kept, a side-car says which spans they are.
    """

    json_types = True

    def __init__(self, name: str, job: Job, metadata: Mapping[str, Any]) -> None:
        self._name = name
        self._job = job
        self._records: RecordWriter
        self._details: RecordWriter | None = None

    def file_names(self, shard: str) -> list[str]:
        """Returns the names of one shard's files."""
        names = [f"{shard}.{self._name}"]
        if self._job.columns.provenance:
            names.append(f"{shard}.{PROVENANCE}.{self._name}")
        if self._job.keeps_negated:
            names.append(f"{shard}.{SPAN_DETAILS}.{self._name}")
        return names

    @contextmanager
    def open(self, folder: Path, shard: str) -> Iterator[None]:
        """Opens one shard's files; they are complete when the block ends without an error."""
        path = folder / f"{shard}.{self._name}"
        provenance = self._job.columns.provenance
        with ExitStack() as stack:
            records = open_writer(path, form=self._job.form, provenance=provenance)
            self._records = stack.enter_context(records)
            if self._job.keeps_negated:
                details = open_writer(folder / f"{shard}.{SPAN_DETAILS}.{self._name}")
                self._details = stack.enter_context(details)
            yield

    def convert(self, batch: Batch, problems: dict[int, str]) -> None:
        """Finds other columns that JSON cannot hold, such as NaN."""
        for number, row in enumerate(batch.rows):
            if row.others and number not in problems:
                try:
                    dump(row.others)
                except (ValueError, TypeError) as error:
                    problems[number] = f"the row cannot be written as JSON: {error}"

    def write(self, batch: Batch, problems: Mapping[int, str]) -> None:
        """Writes the rows that have no problem."""
        spans = batch.spans.to_pylist()
        details = batch.details.to_pylist() if self._details is not None else []
        for number, (row, extra) in enumerate(zip(batch.rows, batch.extra, strict=True)):
            if number in problems:
                continue
            record: Any = {**row.record, SPANS: spans[number]}
            if self._job.form == "minimised":
                record, _ = minimise(record)
            self._records.write({**record, **row.others, **extra})
            if self._details is not None:
                self._details.write({SPAN_DETAILS: details[number]})
