"""``manifest.jsonl`` of a fetched folder: a line says what became of an article.

A line is written when all files of its article are at their places, so a run that is killed goes
on from there: an article without a line is looked at again, and a file of it that is there with
the right MD5 is not fetched again.  A line that a kill has torn is dropped.  Of several lines about
one article the last counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from concept_linker.errors import InputError

__all__ = ["MANIFEST", "Entry", "Manifest", "read_manifest"]

MANIFEST = "manifest.jsonl"


class Entry(BaseModel):
    """One article.

    Args:
        pmcid: with its letters.
        outcome: whether its files are here.
        reason: why it was left out.
        licences: the filter that was set.
        version: of the article.
        licence: as PMC writes it.
        source_url: the address of its XML.
        retrieved: the day, ``YYYY-MM-DD``.
        graphics: the graphics that were asked for; ``None`` is those of all its figures.
        files: name → MD5, in the folder ``PMC<id>.<version>``.
        images: the images among them.
        missing: graphics for which PMC has no image.
        unchecked: files for which PMC gives no MD5.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pmcid: str
    outcome: Literal["fetched", "left out"]
    reason: str = ""
    licences: tuple[str, ...] = ()
    version: int | None = None
    licence: str = ""
    source_url: str = ""
    retrieved: str = ""
    graphics: tuple[str, ...] | None = None
    files: dict[str, str] = {}
    images: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Where its files are, inside the fetched folder."""
        return f"{self.pmcid}.{self.version}"


def read_manifest(folder: Path) -> Iterator[Entry]:
    """The lines of a folder's manifest as they were written; none where there is no manifest.

    Raises:
        InputError: a line that is none of ours.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):  # torn by a kill
                return
            try:
                yield Entry.model_validate_json(line)
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]["msg"]
                raise InputError(f"{path}, line {number}: {problem}") from None


class Manifest:
    """A manifest that is being added to."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MANIFEST
        if self._path.is_file():
            _drop_torn_line(self._path)
        self._stream = self._path.open("ab")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()

    def add(self, entry: Entry) -> None:
        """Writes a line, onto the disk."""
        self._stream.write(entry.model_dump_json(exclude_defaults=True).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _drop_torn_line(path: Path) -> None:
    with path.open("r+b") as stream:
        end = stream.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 4096)
            stream.seek(start)
            last = stream.read(end - start).rfind(b"\n")
            if last >= 0:
                end = start + last + 1
                break
            end = start
        stream.truncate(end)
