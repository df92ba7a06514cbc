"""Handling of bad rows: stop at the first, or collect them in a file and continue."""

from __future__ import annotations

import json
from pathlib import Path

from concept_linker.errors import SourceError

__all__ = ["Quarantine"]


class Quarantine:
    r"""Raises an error at the first bad row, or collects bad rows in a file.

    Args:
        path: the JSON Lines file for bad rows (``file``, ``line``, ``problem``, ``row``), which is
            created with the first of them; ``None`` raises an error instead.
        advice: added to that error: how to continue in spite of bad rows.

    >>> Quarantine().bad("names.tsv", 3, "2 columns, expected 3", row="a\tb")
    Traceback (most recent call last):
    concept_linker.errors.SourceError: names.tsv, line 3: 2 columns, expected 3
    """

    def __init__(self, path: Path | None = None, *, advice: str = "") -> None:
        self._path = path
        self._advice = advice
        self.count = 0

    @property
    def stops(self) -> bool:
        """Whether the first bad row raises an error."""
        return self._path is None

    def bad(self, path: Path | str, line: int | None, problem: str, *, row: str = "") -> None:
        """Reports a bad row.

        Raises:
            SourceError: bad rows are not collected.
        """
        if self._path is None:
            advised = f"{problem}; {self._advice}" if self._advice else problem
            raise SourceError(path, advised, line=line)
        self.count += 1
        record = {"file": str(path), "line": line, "problem": problem, "row": row}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(json.dumps(record) + "\n")
