"""Finds input files: a file, a folder of files, or a pattern such as ``part-*.parquet``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from glob import glob
from os import PathLike, fspath
from pathlib import Path
from typing import Final

from concept_linker.errors import InputError

__all__ = ["find_files", "is_pattern"]

#: Marks in the names of files that commands write next to their output.
_COMPANIONS: Final = (".provenance.jsonl", ".span_details.jsonl", ".quarantine.jsonl")
_MANIFEST: Final = "manifest.json"


def find_files(
    given: Iterable[str | PathLike[str]], endings: Collection[str], *, stdin: bool = False
) -> list[Path]:
    """Returns the input files, those of a folder or pattern sorted by path.

    A folder yields the files with one of the ``endings`` in it and in all folders below, without
    hidden files, side-cars, quarantines, and the progress file of a run.  A file that is named
    directly is taken whatever its name.

    Args:
        given: files, folders, and patterns (``*``, ``?``, ``[…]``, and ``**`` for folders).
        endings: how the names of files in folders end.
        stdin: accept ``-`` for standard input; it is returned unchanged.

    Raises:
        InputError: nothing is given, a path does not exist or is given twice, or a folder or
            pattern matches no file.
    """
    found: list[Path] = []
    for one in given:
        if fspath(one) != "-":
            found += _expand(Path(one), endings, "; '-' reads standard input" if stdin else "")
        elif stdin:
            found.append(Path(one))
        else:
            raise InputError("-: standard input is not supported here, expected a file path")
    if not found:
        raise InputError("no input is given, expected files or folders")
    path, count = Counter(found).most_common(1)[0]
    if count > 1:
        raise InputError(f"{path}: is given twice")
    return found


def is_pattern(path: Path) -> bool:
    """Whether a path is a glob pattern: it has a wildcard and no file has this name."""
    return not path.exists() and any(sign in str(path) for sign in "*?[")


def _expand(path: Path, endings: Collection[str], advice: str) -> list[Path]:
    if path.is_dir():
        inside = sorted(_files_in(path, endings))
        if not inside:
            expected = ", ".join(endings)
            raise InputError(f"{path}: no file in this folder ends in one of {expected}")
        return inside
    if path.is_file():
        return [path]
    if path.exists():
        problem = "is a pipe or a device, expected a file or a folder: it is read more than once"
        raise InputError(f"{path}: {problem}{advice}")
    if not is_pattern(path):
        raise InputError(f"{path}: no such file or folder")
    matches = sorted(map(Path, glob(str(path), recursive=True)))
    files = [match for match in matches if match.is_file() and not _is_companion(match)]
    if not files:
        raise InputError(f"{path}: no file matches this pattern")
    return files


def _files_in(folder: Path, endings: Collection[str]) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        is_input = path.name.endswith(tuple(endings)) and not _is_companion(path)
        if is_input and not hidden and path.is_file():
            yield path


def _is_companion(path: Path) -> bool:
    """Whether a command wrote this file next to its records, or ``annotate`` to its shards."""
    folder = path.parent
    of_run = (path.name == "progress.jsonl" and (folder / _MANIFEST).is_file()) or (
        folder.name == "quarantine" and (folder.parent / _MANIFEST).is_file()
    )
    return of_run or any(mark in path.name for mark in _COMPANIONS)
