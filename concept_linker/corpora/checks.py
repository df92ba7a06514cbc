"""What is bad in a corpus, and what becomes of it: it is set aside, or stops the reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element, tostring

from pydantic import ValidationError

from concept_linker.quarantine import Quarantine

__all__ = ["Bad", "BadCorpusError", "SetAside", "bad_rows", "written"]


#: How much of a problem and of a bad row is kept, in characters.
_LONGEST, _SHOWN = 400, 100_000


class BadCorpusError(ValueError):
    """What is wrong; :class:`SetAside` adds file and line."""


class Bad(Protocol):
    """Takes what is bad in a file."""

    def __call__(self, line: int | None, problem: str, *, row: str = "") -> None:
        """Sets it aside.

        Raises:
            SourceError: where bad rows stop the reading.
        """
        ...


def bad_rows(quarantine: Quarantine, path: Path) -> Bad:
    """What takes the bad rows of a file, each with as much of it as one can read."""

    def bad(line: int | None, problem: str, *, row: str = "") -> None:
        quarantine.bad(path, line, problem[:_LONGEST], row=row[:_SHOWN])

    return bad


class SetAside:
    """What turns out bad inside costs only what is made inside.

    Args:
        bad: takes it.
        line: the line that it is on, where that is known.
        row: what is read inside: text, an element, or a value of JSON.
        place: where it is in a line or document, for the message.
    """

    __slots__ = ("_bad", "_line", "_place", "_row")

    def __init__(self, bad: Bad, line: int | None, row: object, place: str = "") -> None:
        self._bad, self._line, self._row, self._place = bad, line, row, place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> bool:
        if isinstance(error, ValidationError):
            problem = _problem(error, self._place)
        elif isinstance(error, BadCorpusError):
            problem = f"{self._place}: {error}" if self._place else str(error)
        else:
            return False
        self._bad(self._line, problem, row=written(self._row))
        return True


def written(row: object) -> str:
    """How a row is kept: text as it is, elements as XML, values as JSON."""
    if isinstance(row, str):
        return row
    try:
        if isinstance(row, Element):
            return tostring(row, "unicode").strip()
        return json.dumps(row, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


def _problem(error: ValidationError, place: str = "") -> str:
    """The first thing that is wrong, in one line."""
    first = error.errors(include_url=False)[0]
    place = ".".join(filter(None, (place, *map(str, first["loc"]))))
    message = first["msg"].replace("\n", " ")
    return f"{place}: {message}" if place else message
