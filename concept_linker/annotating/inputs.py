"""Which files a run reads, and how it knows them again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from concept_linker.annotating.heads import Kind, kind_of_head, separator_of
from concept_linker.errors import BatchError
from concept_linker.input_files import find_files
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.triplets.reading import is_parquet
from concept_linker.triplets.record_files import side_car

__all__ = ["InputFile", "Kind", "find_inputs", "identify", "spool_standard_input"]

_PACKED = ("", ".gz", ".zst")
_ENDINGS: dict[str, Kind] = {".jsonl": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    **{ending + packed: kind for ending, kind in _ENDINGS.items() for packed in _PACKED},
}


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file, and what it holds.

    Args:
        path: where it is read.
        name: what messages call it.
        kind: how rows stand in it.
        bytes: its size.
        sha256: its checksum.
        provenance_sha256: that of its side-car, empty where it has none.
        modified: when it was last changed, in nanoseconds.
        separator: of a table, what separates its columns.
        skip: of a table, how many lines come before its header.
    """

    path: Path
    name: str
    kind: Kind
    bytes: int
    sha256: str
    provenance_sha256: str
    modified: int
    separator: str = ","
    skip: int = 0

    def to_dict(self) -> dict[str, Any]:
        """What makes it the same input: what it holds, wherever it lies."""
        own = asdict(self)
        return {key: own[key] for key in ("name", "kind", "bytes", "sha256", "provenance_sha256")}

    def check(self) -> None:
        """Looks whether it is still as it was.

        Raises:
            BatchError: it is gone, or has been changed.
        """
        try:
            now = self.path.stat()
        except FileNotFoundError:
            raise BatchError(f"{self.name}: is gone since the run began") from None
        if (now.st_size, now.st_mtime_ns) != (self.bytes, self.modified):
            raise BatchError(f"{self.name}: has been changed since the run began")


def find_inputs(given: Iterable[str | PathLike[str]]) -> list[Path]:
    """The files of captions that are meant, in order.

    Args:
        given: files, folders, patterns, or ``-``, which stays as it is.

    Raises:
        InputError: as :func:`~concept_linker.input_files.find_files`.
    """
    return find_files(given, _KINDS, stdin=True)


def _kind_of_name(path: Path) -> Kind | None:
    return next((kind for ending, kind in _KINDS.items() if path.name.endswith(ending)), None)


def spool_standard_input(place: Path) -> None:
    """Copies standard input into a file: it is read more than once."""
    with place.open("wb") as file:
        copyfileobj(sys.stdin.buffer, file, 1 << 20)


def identify(path: Path, *, name: str | None = None) -> InputFile:
    """Reads a file once, so that it is known again.

    Args:
        path: the file.
        name: what messages call it; else its path.

    Raises:
        SourceError: it holds what is not read here, which is named.
        OSError: it cannot be read.
    """
    name = name or str(path)
    beside = side_car(path)
    before = path.stat()
    kind = _kind(path, name)
    separator, skip = (",", 0)
    if kind in ("csv", "tsv"):
        separator, skip = separator_of(path, name, kind)
    return InputFile(
        path=path.absolute(),
        name=name,
        kind=kind,
        bytes=before.st_size,
        sha256=sha256_of(path),
        provenance_sha256=sha256_of(beside) if beside.is_file() else "",
        modified=before.st_mtime_ns,
        separator=separator,
        skip=skip,
    )


def _kind(path: Path, name: str) -> Kind:
    """Parquet is told by its first bytes, the others by name and what the first lines are."""
    if is_parquet(path):
        return "parquet"
    named = _kind_of_name(path)
    return kind_of_head(path, name, "jsonl" if named == "parquet" else named)
