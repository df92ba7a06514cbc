"""Options and arguments that several commands share, and the checks of their values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from concept_linker.errors import InputError, SettingsError
from concept_linker.runtime.registry import list_names

__all__ = [
    "CORPUS_HELP",
    "KB",
    "KB_OR_NONE",
    "ForceFlag",
    "JsonFlag",
    "NegatedOption",
    "OptionalProfile",
    "OutputFolder",
    "OutputRecords",
    "ProfileOption",
    "QuietFlag",
    "RecordFiles",
    "SeedOption",
    "TokenizerOption",
    "check_base",
    "choice",
    "complete_base",
    "existing_file",
    "existing_records",
    "one_of",
    "record_files",
    "size_of",
]

#: The formats of corpora by hand, because their registry imports numpy; a test compares.
CORPUS_HELP = "Gold annotations: PubTator, BioC, BRAT, MedMentions, CRAFT captions, JSON Lines."
_Path = TypeVar("_Path", Path, Path | None)


def existing_file(path: _Path) -> _Path:
    """Returns the path of a file to read, checked before any work begins.

    Raises:
        InputError: it is not a file.
    """
    if path is None:
        return path
    if str(path) == "-":
        raise InputError("-: this command cannot read standard input, expected the path of a file")
    if path.is_dir():
        raise InputError(f"{path}: is a folder, expected a file")
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: is a pipe or a device, expected a file: it is read twice")
    return path


def existing_records(path: _Path) -> _Path:
    """Returns a file of records, a folder or a pattern, checked before any work begins.

    Raises:
        InputError: it leads to no file.
    """
    if path is not None:
        record_files([path])
    return path


def record_files(given: list[Path] | None) -> list[Path]:
    """Returns the files of records that paths lead to, checked before any work begins.

    Args:
        given: files, folders and patterns.

    Raises:
        InputError: one of them leads to no file.
    """
    from concept_linker.triplets.record_files import find_records

    return find_records(given) if given else []


def one_of(*values: str) -> Callable[[str], list[str]]:
    """Returns the completion of an option with a few usual values."""
    return lambda incomplete: [value for value in values if value.startswith(incomplete)]


def choice(*values: str) -> dict[str, Any]:
    """Returns the arguments of ``typer.Option`` for an option with a few allowed values."""

    def check(parameter: typer.CallbackParam, value: str | None) -> str | None:
        if value is not None and value not in values:
            name = max(parameter.opts, key=len)
            raise SettingsError(f"{name} is {value!r}, expected {list_names(values)}")
        return value

    return {"autocompletion": one_of(*values), "callback": check}


def complete_base(incomplete: str) -> list[str]:
    """Completes a knowledge base: the default one, or a folder here that holds one."""
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
        help="The knowledge base for names and semantic groups: 'default', its folder, or 'none'.",
        show_default=False,
        autocompletion=complete_base,
    ),
]
OutputFolder = Annotated[
    Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")
]
OutputRecords = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The file to write: .jsonl, .jsonl.gz, .jsonl.zst or .parquet.",
    ),
]
TokenizerOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="BiomedBERT's vocab.txt (abstract-fulltext, 30,522 entries, SHA-256 79489a52be45…), "
        "or the folder with it. It is not part of this library.",
    ),
]
SeedOption = Annotated[int, typer.Option(metavar="N", min=0, help="The random seed.")]
ForceFlag = Annotated[bool, typer.Option("--force", help="Replace an existing knowledge base.")]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress bar.")]

#: Files of records: the argument of every command that reads them.
RecordFiles = Annotated[
    list[Path],
    typer.Argument(
        metavar="RECORDS...",
        callback=record_files,
        help="Records: JSON Lines or Parquet; files, folders of shards, or patterns in quotes.",
    ),
]

_PROFILE: dict[str, Any] = {
    "metavar": "PROFILE",
    "help": "Which rules records follow: 'exact', or 'medconcept23m' for those of the published "
    "data set.",
    **choice("exact", "medconcept23m"),
}
ProfileOption = Annotated[str, typer.Option(**_PROFILE)]
OptionalProfile = Annotated[str | None, typer.Option(**_PROFILE)]
NegatedOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT",
        help="'drop' negated mentions from records or 'keep' them (default: 'exact' drops, "
        "'medconcept23m' keeps).",
        **choice("drop", "keep"),
    ),
]


def size_of(files: Iterable[Path]) -> int:
    """Returns the total size of files, in bytes."""
    return sum(path.stat().st_size for path in files)


def check_base(kb: str, *, quiet: bool) -> None:
    """Opens a knowledge base before the work begins, so that errors come first.

    Args:
        kb: as in :data:`KB_OR_NONE`.
        quiet: show no progress bar if the default base is prepared.
    """
    if kb != "none":
        from concept_linker.knowledge_base.base import KnowledgeBase

        KnowledgeBase.open(kb, quiet=quiet)
