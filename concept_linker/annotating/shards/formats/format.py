"""The interface of an output format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import pyarrow as pa

from concept_linker.annotating.inputs.columns import Columns
from concept_linker.annotating.shards.rows import Row
from concept_linker.triplets.record import Form

__all__ = ["Batch", "BatchWriter", "Layout", "ShardFormat"]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the files of a run contain.

    Args:
        form: full or minimised records.
        columns: the roles of the input's columns.
        mentions: whether there is a column with all mentions.
        keep_negated: whether negated mentions are spans.
        metadata: how the records were made.
    """

    form: Form
    columns: Columns
    mentions: bool
    keep_negated: bool
    metadata: Mapping[str, Any]


class Batch(NamedTuple):
    """Linked rows.

    Args:
        rows: the rows.
        extra: mentions and provenance of each row, as far as the layout has them.
        spans: the spans of each row's full record.
        details: the details of each row's spans.
    """

    rows: Sequence[Row]
    extra: Sequence[Mapping[str, Any]]
    spans: pa.ListArray
    details: pa.ListArray


class BatchWriter(Protocol):
    """Writes the batches of one shard.

    Every batch is converted by all formats before any of them writes it, so that a row that one
    format cannot hold is in none.
    """

    def convert(self, batch: Batch, problems: dict[int, str]) -> None:
        """Finds the rows that the format cannot hold and adds them to the problems.

        Args:
            batch: the rows.
            problems: index in the batch → why the row is not written.
        """

    def write(self, batch: Batch, problems: Mapping[int, str]) -> None:
        """Writes the rows that have no problem.

        Raises:
            OSError: they cannot be written.
        """


class ShardFormat(Protocol):
    """An output format.

    Args:
        name: its name in the registry, which is the ending of its files.
        layout: what the files contain.
    """

    #: Whether the format holds the types of JSON only, and not all of Arrow's.
    json_types: ClassVar[bool]

    def __init__(self, name: str, layout: Layout) -> None: ...

    def file_names(self, shard: str) -> list[str]:
        """Returns the names of one shard's files."""

    def open(self, folder: Path, shard: str) -> AbstractContextManager[BatchWriter]:
        """Opens one shard's files; they are complete when the block ends without an error."""
