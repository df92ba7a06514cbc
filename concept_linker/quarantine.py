"""Bad rows: stop at the first, or set them aside and go on."""

from __future__ import annotations

import json
from pathlib import Path

from concept_linker.errors import SourceError

__all__ = ["Quarantine"]


class Quarantine:
    r"""What to do with a bad row: stop at it, or set it aside and go on.

    Args:
        path: the JSON Lines file that bad rows go to (``file``, ``line``, ``problem``,
            ``row``); ``None`` means that the first bad row raises.  The file is made only when a
            row goes into it.
        advice: what an error says besides: how to go on in spite of bad rows.

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
        """Whether the first bad row raises."""
        return self._path is None

    def bad(self, path: Path | str, line: int | None, problem: str, *, row: str = "") -> None:
        """Report one bad row.

        Raises:
            SourceError: where rows are not to be skipped.
        """
        if self._path is None:
            advised = f"{problem}; {self._advice}" if self._advice else problem
            raise SourceError(path, advised, line=line)
        self.count += 1
        record = {"file": str(path), "line": line, "problem": problem, "row": row}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(json.dumps(record) + "\n")
