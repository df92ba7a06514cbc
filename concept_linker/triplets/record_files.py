"""Names of files of records: which are read, and which belong to a file that is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from os import PathLike
from os.path import commonpath
from pathlib import Path
from typing import Final

from concept_linker.errors import InputError, SettingsError
from concept_linker.input_files import find_files

__all__ = [
    "RECORD_ENDINGS",
    "Given",
    "check_ending",
    "checksum",
    "common_name",
    "file_pattern",
    "find_records",
    "quarantine_path",
    "side_car",
]

#: An argument that names files to read: one path, or several.
Given = str | PathLike[str] | Iterable[str | PathLike[str]]

#: The endings of files of records.
RECORD_ENDINGS: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")


def find_records(given: Given) -> list[Path]:
    """Returns the files of records, in order; see :func:`~concept_linker.input_files.find_files`.

    Args:
        given: a file, a folder or a pattern, or several of them.

    Raises:
        InputError: see :func:`~concept_linker.input_files.find_files`; or a folder holds the same
            records in two formats.
    """
    paths = [given] if isinstance(given, str | PathLike) else list(given)
    found = find_files(paths, RECORD_ENDINGS)
    if any(Path(path).is_dir() for path in paths):
        _refuse_two_formats(found)
    return found


def _refuse_two_formats(files: Iterable[Path]) -> None:
    """The same rows in two formats, as ``annotate --format jsonl --format parquet`` writes them."""
    known: dict[Path, Path] = {}
    for file in files:
        ending = _ending(file)
        other = known.setdefault(file.with_name(file.name.removesuffix(ending)), file)
        if other != file:
            raise InputError(
                f"{file.parent}: has both {other.name} and {file.name}; expected one format, "
                f"such as '{file.parent / '*'}{ending}'"
            )


def _ending(path: Path) -> str:
    return next((ending for ending in RECORD_ENDINGS if path.name.endswith(ending)), "")


def check_ending(path: Path) -> str:
    """Returns the ending of an output file.

    Raises:
        SettingsError: it is not one of :data:`RECORD_ENDINGS`.
    """
    ending = _ending(path)
    if not ending or path.name == ending:
        expected = ", ".join(RECORD_ENDINGS)
        raise SettingsError(f"{path}: expected a name that ends in {expected}")
    return ending


def side_car(path: Path) -> Path:
    """The provenance file of a JSON Lines file, compressed in the same way.

    >>> side_car(Path("figures.jsonl.gz")).name
    'figures.provenance.jsonl.gz'
    """
    ending = _ending(path)
    return path.with_name(f"{path.name.removesuffix(ending)}.provenance{ending or '.jsonl'}")


def quarantine_path(output: Path) -> Path:
    """The file for the bad rows of an output.

    >>> quarantine_path(Path("figures.parquet")).name
    'figures.parquet.quarantine.jsonl'
    """
    return output.with_name(output.name + ".quarantine.jsonl")


def common_name(files: Sequence[Path]) -> str:
    """The name of the file, or of the folder that holds all of several files.

    >>> common_name([Path("run/part-00000.parquet"), Path("run/part-00001.parquet")])
    'run'
    """
    if len(files) == 1:
        return files[0].name
    return Path(commonpath([file.absolute() for file in files])).name


def file_pattern(files: Sequence[Path]) -> str:
    """The name or glob pattern that matches the files, from the folder that holds them all.

    >>> file_pattern([Path("run/part-00000.parquet"), Path("run/part-00001.parquet")])
    '*.parquet'
    """
    if len(files) == 1:
        return files[0].name
    below = "" if len({file.parent for file in files}) == 1 else "**/"
    endings = set(map(_ending, files))
    return f"{below}*{endings.pop() if len(endings) == 1 else ''}"


def checksum(given: Given) -> str:
    """The SHA-256 of a file; of several files, of a list of their checksums and names.

    Raises:
        InputError: see :func:`find_records`.
        OSError: a file cannot be read.
    """
    from concept_linker.knowledge_base.checksum import sha256_of

    files = find_records(given)
    if len(files) == 1:
        return sha256_of(files[0])
    listed = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
