"""Bad rows of a corpus: a bad row is rejected alone, or it stops the reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element, tostring

from pydantic import ValidationError

from concept_linker.quarantine import Quarantine

__all__ = ["BadRowError", "Reject", "RowGuard", "make_reject", "row_text"]

_MAX_PROBLEM, _MAX_ROW = 400, 100_000  # characters


class BadRowError(ValueError):
    """A row is bad; :class:`RowGuard` adds the file and line."""


class Reject(Protocol):
    """Rejects a bad row of one file."""

    def __call__(self, line: int | None, problem: str, *, row: str = "") -> None:
        """Sets the row aside.

        Raises:
            SourceError: the quarantine stops at bad rows.
        """
        ...


def make_reject(quarantine: Quarantine, path: Path) -> Reject:
    """Returns a function that sets aside bad rows of a file, with problem and row cut to length."""

    def reject(line: int | None, problem: str, *, row: str = "") -> None:
        quarantine.bad(path, line, problem[:_MAX_PROBLEM], row=row[:_MAX_ROW])

    return reject


class RowGuard:
    """Context manager that rejects a row when its content is bad; reading continues after it.

    Args:
        reject: called when the row is bad.
        line: the row's line, if known.
        row: the row: text, an XML element, or a JSON value.
        place: the row's place within a line or document, for the message.
    """

    __slots__ = ("_line", "_place", "_reject", "_row")

    def __init__(self, reject: Reject, line: int | None, row: object, place: str = "") -> None:
        self._reject, self._line, self._row, self._place = reject, line, row, place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> bool:
        if isinstance(error, ValidationError):
            problem = _first_problem(error, self._place)
        elif isinstance(error, BadRowError):
            problem = f"{self._place}: {error}" if self._place else str(error)
        else:
            return False
        self._reject(self._line, problem, row=row_text(self._row))
        return True


def row_text(row: object) -> str:
    """Returns a row as text: elements as XML, other values as JSON."""
    if isinstance(row, str):
        return row
    try:
        if isinstance(row, Element):
            return tostring(row, "unicode").strip()
        return json.dumps(row, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to show)"


def _first_problem(error: ValidationError, place: str) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(filter(None, (place, *map(str, first["loc"]))))
    message = first["msg"].replace("\n", " ")
    return f"{place}: {message}" if place else message
