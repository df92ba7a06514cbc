"""Reads delimited lines as Arrow tables, with the line number of every row.

Arrow's CSV parser parses a block of whole lines at once. Only a block that it rejects is checked
line by line, to find the bad lines and keep the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from concept_linker.knowledge_base.readers.opening import LONGEST_LINE, is_too_long, not_utf8
from concept_linker.knowledge_base.source import Quarantine

__all__ = ["Block", "blocks", "split_first_line"]


@dataclass(frozen=True)
class Block:
    """Several rows.

    Args:
        columns: the requested columns, as strings.
        lines: int64, the line number of each row.
        raw: the rows' lines with their line ends; empty if rows are not lines of text.
    """

    columns: pa.Table
    lines: NDArray[np.int64]
    raw: bytes

    @cached_property
    def _rows(self) -> list[bytes]:
        return self.raw.split(b"\n")

    def row(self, index: int) -> str:
        """Returns the text of a row, for a message."""
        if not self.raw:
            return "\t".join(str(column[index]) for column in self.columns.columns)
        return self._rows[index].decode("utf-8")


def split_first_line(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Returns the first line without its end, and the chunks after it.

    A line that is too long is cut off.
    """
    head = b""
    for chunk in chunks:
        head += chunk
        if b"\n" in chunk or is_too_long(head):
            break
    line, _, rest = head.partition(b"\n")

    def following() -> Iterator[bytes]:
        yield rest
        yield from chunks

    return line.removesuffix(b"\r"), following()


def blocks(
    chunks: Iterable[bytes],
    place: str,
    *,
    columns: Sequence[str],
    used: Sequence[str],
    delimiter: str,
    quarantine: Quarantine,
    line: int = 1,
) -> Iterator[Block]:
    """Reads rows of unquoted columns, block by block; empty lines are skipped.

    Args:
        chunks: the bytes, cut anywhere.
        place: the name of the file, for messages.
        columns: the names of all columns.
        used: the columns to keep.
        delimiter: one ASCII character.
        quarantine: collects lines that are not UTF-8, have the wrong number of columns, or
            contain a carriage return.
        line: the number of the first line.
    """
    layout = _Layout(place, columns, used, delimiter, quarantine)
    rest = b""
    for chunk in chunks:
        whole, end, tail = chunk.rpartition(b"\n")
        if not end:
            rest = rest[:LONGEST_LINE] + chunk
            continue
        data = rest + whole + end
        rest = tail
        yield from layout.parsed(data, line)
        line += data.count(b"\n")
    if rest:
        yield from layout.parsed(rest + b"\n", line)


@dataclass(frozen=True)
class _Layout:
    place: str
    columns: Sequence[str]
    used: Sequence[str]
    delimiter: str
    quarantine: Quarantine

    def parsed(self, data: bytes, line: int) -> Iterator[Block]:
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        count = data.count(b"\n")
        try:
            data.decode("utf-8")
            # Arrow treats a lone carriage return as a line end.
            table = None if b"\r" in data else self._table(data)
        except (UnicodeDecodeError, pa.ArrowInvalid):
            table = None
        lines = np.arange(line, line + count, dtype=np.int64)
        if table is None or table.num_rows != count:
            data, lines = self._good(data, line)
            if not data:
                return
            table = self._table(data)
        yield Block(table, lines, data)

    def _good(self, data: bytes, line: int) -> tuple[bytes, NDArray[np.int64]]:
        good: list[bytes] = []
        lines: list[int] = []
        for number, row in enumerate(data[:-1].split(b"\n"), line):
            if not row:
                continue
            if problem := self._problem(row):
                shown = row[:LONGEST_LINE].decode("utf-8", "backslashreplace")
                self.quarantine.bad(self.place, number, problem, row=shown)
                continue
            good.append(row + b"\n")
            lines.append(number)
        return b"".join(good), np.array(lines, dtype=np.int64)

    def _problem(self, row: bytes) -> str:
        try:
            row.decode("utf-8")
        except UnicodeDecodeError as error:
            return not_utf8(error)
        if b"\r" in row:
            return "carriage return inside the line, expected line feeds between lines only"
        if problem := is_too_long(row):
            return problem
        count = row.count(self.delimiter.encode()) + 1
        return (
            "" if count == len(self.columns) else f"{count} columns, expected {len(self.columns)}"
        )

    def _table(self, data: bytes) -> pa.Table:
        return pyarrow.csv.read_csv(
            pa.BufferReader(data),
            pyarrow.csv.ReadOptions(column_names=list(self.columns), block_size=LONGEST_LINE),
            pyarrow.csv.ParseOptions(
                delimiter=self.delimiter, quote_char=False, double_quote=False, escape_char=False
            ),
            pyarrow.csv.ConvertOptions(
                check_utf8=False,  # the whole block has been checked
                include_columns=list(self.used),
                column_types=dict.fromkeys(self.used, pa.string()),
                strings_can_be_null=False,
            ),
        ).combine_chunks()
