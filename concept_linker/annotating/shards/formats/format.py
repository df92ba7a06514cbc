"""The interface of an output format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import pyarrow as pa

from concept_linker.annotating.job import Job
from concept_linker.annotating.shards.rows import Row

__all__ = ["Batch", "ShardFormat"]


class Batch(NamedTuple):
    """Linked rows.

    Args:
        rows: the rows.
        extra: mentions and provenance of each row, as far as the job asks for them.
        spans: the spans of each row's full record.
        details: the details of each row's spans.
    """

    rows: Sequence[Row]
    extra: Sequence[Mapping[str, Any]]
    spans: pa.ListArray
    details: pa.ListArray


class ShardFormat(Protocol):
    """Writes shards, one after the other, in one format.

    Every batch is converted by all formats before any of them writes it, so that a row that one
    format cannot hold is in none.

    Args:
        name: the format's name in the registry, which is the ending of its files.
        job: how to annotate.
        metadata: how the records were made.
    """

    #: Whether the format holds the types of JSON only, and not all of Arrow's.
    json_types: ClassVar[bool]

    def __init__(self, name: str, job: Job, metadata: Mapping[str, Any]) -> None: ...

    def file_names(self, shard: str) -> list[str]:
        """Returns the names of one shard's files."""

    def open(self, folder: Path, shard: str) -> AbstractContextManager[None]:
        """Opens one shard's files; they are complete when the block ends without an error."""

    def convert(self, batch: Batch, problems: dict[int, str]) -> None:
        """Converts a batch and adds the rows that the format cannot hold to the problems.

        Args:
            batch: the rows.
            problems: index in the batch → why the row is not written.
        """

    def write(self, batch: Batch, problems: Mapping[int, str]) -> None:
        """Writes the rows of the converted batch that have no problem.

        Raises:
            OSError: they cannot be written.
        """
