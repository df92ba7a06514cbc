"""``manifest.jsonl`` of a fetched folder: one line for the outcome of each article.

A line is written when all files of its article are in place, so that a killed run can resume: the
next run checks each article without a line, and fetches only files that are missing or have another
MD5. An incomplete last line is dropped. If an article has several lines, the last one counts.
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
    """The outcome of one article.

    Args:
        pmcid: the PMCID, with its letters.
        outcome: whether the article was fetched or left out.
        reason: why it was left out.
        licences: the licences that were accepted.
        version: the version of the article.
        licence: the code of its licence.
        source_url: the URL of its XML.
        retrieved: the date, ``YYYY-MM-DD``.
        graphics: the requested graphics; ``None`` means those of all figures.
        files: name → MD5, in the folder ``PMC<id>.<version>``.
        images: the images among them.
        missing: graphics without an image in PMC.
        unchecked: files without an MD5 in PMC.
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
        """The folder of its files, inside the fetched folder."""
        return f"{self.pmcid}.{self.version}"


def read_manifest(folder: Path) -> Iterator[Entry]:
    """Yields the entries of a folder's manifest in order; none if there is no manifest.

    Raises:
        InputError: a line is not an entry.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):  # incomplete: the run was killed
                return
            try:
                yield Entry.model_validate_json(line)
            except ValidationError as error:
                problem = error.errors(include_url=False)[0]["msg"]
                raise InputError(f"{path}, line {number}: {problem}") from None


class Manifest:
    """A manifest that is open for appending."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MANIFEST
        if self._path.is_file():
            _drop_incomplete_line(self._path)
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
        """Appends an entry and syncs it to disk."""
        self._stream.write(entry.model_dump_json(exclude_defaults=True).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _drop_incomplete_line(path: Path) -> None:
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
