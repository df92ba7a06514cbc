"""What commands have in common: options, files that are read, the completion of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from concept_linker.errors import InputError

__all__ = [
    "KB",
    "KB_OR_NONE",
    "ForceFlag",
    "JsonFlag",
    "NegatedOption",
    "ProfileOption",
    "QuietFlag",
    "RecordFiles",
    "complete_base",
    "existing_file",
    "existing_records",
    "one_of",
    "prepare_base",
    "record_files",
    "size_of",
]

_Path = TypeVar("_Path", Path, Path | None)


def existing_file(path: _Path) -> _Path:
    """A file to read, checked before any work begins.

    Raises:
        InputError: it is none.
    """
    if path is None:
        return path
    if str(path) == "-":
        raise InputError("-: standard input is not read here, wanted the path of a file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, wanted a file")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a pipe or a device, wanted a file: it is read more than once")
    return path


def existing_records(path: _Path) -> _Path:
    """A file of records, a folder of them or a pattern, checked before any work begins.

    Raises:
        InputError: it is none.
    """
    if path is not None:
        record_files([path])
    return path


def record_files(given: list[Path] | None) -> list[Path]:
    """The files of records that are meant, found before any work begins.

    Args:
        given: files, folders of them, and patterns.

    Raises:
        InputError: there is none, or one of them does not exist.
    """
    from concept_linker.triplets.record_files import find_records

    return find_records(given) if given else []


def one_of(*values: str) -> Callable[[str], list[str]]:
    """Completes a value that is one of a few."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


def complete_base(incomplete: str) -> list[str]:
    """Completes a knowledge base: the open one, or a folder here that is one."""
    folders = (path.parent for path in Path().glob("*/manifest.json"))
    return one_of("default", *sorted(str(path) for path in folders))(incomplete)


KB = Annotated[
    str,
    typer.Option(
        "--kb",
        metavar="KB",
        help="The knowledge base: 'default', or its folder.",
        show_default=False,
        autocompletion=complete_base,
    ),
]
KB_OR_NONE = Annotated[
    str,
    typer.Option(
        "--kb",
        metavar="KB",
        help="What names concepts and groups: 'default', a folder, or 'none'.",
        autocompletion=complete_base,
    ),
]
ForceFlag = Annotated[
    bool, typer.Option("--force", help="Replace the knowledge base that is there.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]


#: Files of records: what every command takes that reads them.
RecordFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORDS...",
        callback=record_files,
        help="Records: JSON Lines or Parquet; files, folders of shards, or patterns in quotes.",
    ),
]


def size_of(files: Iterable[Path]) -> int:
    """How many bytes files have together."""
    return sum(path.stat().st_size for path in files)


def prepare_base(kb: str, *, quiet: bool) -> None:
    """Opens a base before the work, so that a wrong one, or deriving one, comes first.

    Args:
        kb: as in :data:`KB_OR_NONE`.
        quiet: no progress bar where the open base must first be derived.
    """
    if kb != "none":
        from concept_linker.knowledge_base.base import KnowledgeBase

        KnowledgeBase.open(kb, quiet=quiet)


ProfileOption = Annotated[
    str,
    typer.Option(
        metavar="PROFILE",
        autocompletion=one_of("exact", "medconcept23m"),
        help="A profile: 'exact', or 'medconcept23m' as published.",
    ),
]
NegatedOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        autocompletion=one_of("drop", "keep"),
        help="Mentions that the caption says are absent: 'drop' or 'keep' them in records "
        "(default the profile's: 'exact' drops, 'medconcept23m' keeps, as published).",
    ),
]
