"""Which files a run reads, and their identity: kind, size, checksum, time of last change."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from concept_linker.annotating.inputs.sniffing import Kind, sniff_kind, sniff_separator
from concept_linker.errors import BatchError
from concept_linker.input_files import find_files
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.triplets.reading import is_parquet
from concept_linker.triplets.record_files import side_car

__all__ = ["InputFile", "find_inputs", "identify", "spool_standard_input"]

_COMPRESSIONS = ("", ".gz", ".zst")
_TEXT_KINDS: dict[str, Kind] = {".jsonl": "jsonl", ".csv": "csv", ".tsv": "tsv"}
#: Ending of a file's name → its kind.
_KINDS: dict[str, Kind] = {
    ".parquet": "parquet",
    **{end + packed: kind for end, kind in _TEXT_KINDS.items() for packed in _COMPRESSIONS},
}


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file.

    Args:
        path: the file.
        name: its name in messages.
        kind: the file format.
        bytes: its size.
        sha256: its checksum.
        provenance_sha256: the checksum of its provenance side-car, ``""`` if it has none.
        modified: the time of its last change, in nanoseconds.
        separator: CSV and TSV: the character between columns.
        skip: CSV and TSV: the number of lines before the header.
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
        """Returns what identifies the content, wherever the file is, as plain JSON values."""
        fields = asdict(self)
        names = ("name", "kind", "bytes", "sha256", "provenance_sha256")
        return {name: fields[name] for name in names}

    def check(self) -> None:
        """Checks that the file has not changed since it was identified.

        Raises:
            BatchError: it is missing or has changed.
        """
        try:
            now = self.path.stat()
        except FileNotFoundError:
            raise BatchError(f"{self.name}: the file was removed during the run") from None
        if (now.st_size, now.st_mtime_ns) != (self.bytes, self.modified):
            raise BatchError(f"{self.name}: the file was changed during the run")


def find_inputs(given: Iterable[str | PathLike[str]]) -> list[Path]:
    """Returns the input files in order.

    Args:
        given: files, folders, patterns, or ``-``, which is returned as it is.

    Raises:
        InputError: see :func:`~concept_linker.input_files.find_files`.
    """
    return find_files(given, _KINDS, stdin=True)


def spool_standard_input(path: Path) -> None:
    """Copies standard input into a file, because the input is read more than once."""
    with path.open("wb") as file:
        copyfileobj(sys.stdin.buffer, file, 1 << 20)


def identify(path: Path, *, name: str | None = None) -> InputFile:
    """Reads a file once to find out its kind and checksum.

    Args:
        path: the file.
        name: its name in messages; by default its path.

    Raises:
        SourceError: the file format is not supported; the message names it.
        OSError: the file cannot be read.
    """
    name = name or str(path)
    provenance = side_car(path)
    before = path.stat()
    kind = _kind(path, name)
    separator, skip = (",", 0)
    if kind in ("csv", "tsv"):
        separator, skip = sniff_separator(path, name, kind)
    return InputFile(
        path=path.absolute(),
        name=name,
        kind=kind,
        bytes=before.st_size,
        sha256=sha256_of(path),
        provenance_sha256=sha256_of(provenance) if provenance.is_file() else "",
        modified=before.st_mtime_ns,
        separator=separator,
        skip=skip,
    )


def _kind(path: Path, name: str) -> Kind:
    """Recognises Parquet by its first bytes, other formats by name and first lines."""
    if is_parquet(path):
        return "parquet"
    named = next((kind for end, kind in _KINDS.items() if path.name.endswith(end)), None)
    return sniff_kind(path, name, "jsonl" if named == "parquet" else named)
