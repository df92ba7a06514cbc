"""Writes the files of a shard in all formats; a row is in all of them or in none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa

from concept_linker.annotating.job import Job
from concept_linker.annotating.shards.formats import FORMATS
from concept_linker.annotating.shards.formats.format import Batch, ShardFormat
from concept_linker.annotating.shards.rows import Row
from concept_linker.annotation import Annotation
from concept_linker.triplets.from_annotation import record_settings
from concept_linker.triplets.json_lines import MAX_LINE
from concept_linker.triplets.mention_columns import MENTIONS
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import PROVENANCE, SPANS, dump
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["QUARANTINE", "ShardWriter"]

#: The folder of bad rows inside the output.
QUARANTINE: Final = "quarantine"
#: Captions from this length on may make a record that is longer than the maximum.
_LONG: Final = 20_000


class ShardWriter:
    """Writes shards, one after the other.

    Args:
        job: how to annotate.
        tokenizer: the job's tokenizer, for the files' metadata.
    """

    def __init__(self, job: Job, tokenizer: WordPiece | None) -> None:
        self._job = job
        metadata = record_settings(**job.profile, tokenizer=tokenizer)
        self._formats: list[ShardFormat] = [
            FORMATS[name].load()(name, job, metadata) for name in job.formats
        ]
        linked_by = Provenance().linked(**job.linked_by).to_dict()
        self._linked_by = {name: value for name, value in linked_by.items() if value}

    @contextmanager
    def open(self, folder: Path, shard: str) -> Iterator[None]:
        """Opens the files of one shard; they are complete when the block ends without an error.

        Raises:
            OSError: a file cannot be written.
        """
        with ExitStack() as stack:
            for one in self._formats:
                stack.enter_context(one.open(folder, shard))
            yield

    def file_names(self, shard: str) -> list[str]:
        """Returns the names of one shard's files."""
        return [name for one in self._formats for name in one.file_names(shard)]

    def write(
        self,
        rows: Sequence[Row],
        annotations: Sequence[Annotation],
        spans: pa.ListArray,
        details: pa.ListArray,
        problems: dict[int, str],
    ) -> None:
        """Writes rows with their mentions and spans into the open files.

        Args:
            rows: the rows.
            annotations: the annotation of each.
            spans: the spans of each record.
            details: the details of each record's spans.
            problems: index in ``rows`` → why the row is not written; problems found here are
                added.
        """
        extra = [self._extra(*one) for one in zip(rows, annotations, strict=True)]
        batch = Batch(rows, extra, spans, details)
        for one in self._formats:
            one.convert(batch, problems)
        _check_lengths(batch, problems)
        for one in self._formats:
            one.write(batch, problems)

    def _extra(self, row: Row, annotation: Annotation) -> dict[str, object]:
        """Returns the columns that follow the record and the input's other columns."""
        extra: dict[str, object] = {}
        if self._job.mentions:
            extra[MENTIONS] = [mention.to_row() for mention in annotation]
        if self._job.columns.provenance:
            extra[PROVENANCE] = {**row.provenance.to_dict(), **self._linked_by}
        return extra


def _check_lengths(batch: Batch, problems: dict[int, str]) -> None:
    """Adds the rows whose record is too long for a line; no format holds what another cannot."""
    for number, row in enumerate(batch.rows):
        if len(row.caption) > _LONG and number not in problems:
            record = {**row.record, SPANS: batch.spans[number].as_py()}
            if (length := len(dump(record))) > MAX_LINE:
                problems[number] = (
                    f"caption: makes a record of {length:,} bytes, expected at most {MAX_LINE:,}"
                )
