"""Which files are meant: a file, a folder of shards, or a pattern such as ``part-*.parquet``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from glob import glob
from hashlib import sha256
from os import PathLike, fspath
from os.path import commonpath
from pathlib import Path
from typing import Final

from concept_linker.errors import InputError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.triplets.record import SPAN_DETAILS

__all__ = [
    "RECORD_ENDINGS",
    "Given",
    "checksum",
    "find_files",
    "find_records",
    "is_pattern",
    "label",
    "pattern",
]

#: What can be given where files are read: one place, or several.
Given = str | PathLike[str] | Iterable[str | PathLike[str]]

#: The endings of files of records.
RECORD_ENDINGS: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
#: What commands put beside their output.
_BESIDE: Final = (".provenance.jsonl", f".{SPAN_DETAILS}.jsonl", ".quarantine.jsonl")
_MANIFEST: Final = "manifest.json"


def find_records(given: Given) -> list[Path]:
    """The files of records that are meant, in order; as :func:`find_files`.

    Args:
        given: a file, a folder or a pattern, or several of them.

    Raises:
        InputError: as :func:`find_files`; or a folder has the same records in two formats.
    """
    places = [given] if isinstance(given, str | PathLike) else list(given)
    found = find_files(places, RECORD_ENDINGS)
    if any(Path(place).is_dir() for place in places):
        _refuse_twins(found)
    return found


def _refuse_twins(files: Iterable[Path]) -> None:
    """The same rows in two formats, as ``annotate`` writes them where it is asked to."""
    known: dict[Path, Path] = {}
    for file in files:
        ending = next((ending for ending in RECORD_ENDINGS if file.name.endswith(ending)), "")
        twin = known.setdefault(file.with_name(file.name.removesuffix(ending)), file)
        if twin != file:
            raise InputError(
                f"{file.parent}: has both {twin.name} and {file.name}; wanted one kind of them, "
                f"such as '{file.parent / '*'}{ending}'"
            )


def find_files(
    given: Iterable[str | PathLike[str]], endings: Collection[str], *, stdin: bool = False
) -> list[Path]:
    """The files that are meant, in order: those of a folder or a pattern by their path.

    What is found in a folder ends as is wanted, and is neither hidden nor a side-car, a quarantine
    or the progress of a run.  A file that is named is taken whatever its name is.

    Args:
        given: files, folders (read with all folders below), patterns (``*``, ``?``, ``[…]``, and
            ``**`` for folders).
        endings: how the names of files in folders end.
        stdin: ``-`` stands for standard input, and stays as it is.

    Raises:
        InputError: there is none, one does not exist or is given twice, or a folder holds none.
    """
    found: list[Path] = []
    for one in given:
        if fspath(one) != "-":
            found += _meant(Path(one), endings, "; '-' reads standard input" if stdin else "")
        elif stdin:
            found.append(Path(one))
        else:
            raise InputError("-: standard input is not read here, wanted the path of a file")
    if not found:
        raise InputError("no input is given, wanted files or folders")
    often, count = Counter(found).most_common(1)[0]
    if count > 1:
        raise InputError(f"{often}: is given twice")
    return found


def _meant(path: Path, endings: Collection[str], advice: str) -> list[Path]:
    if path.is_dir():
        inside = sorted(_inside(path, endings))
        if not inside:
            wanted = ", ".join(endings)
            raise InputError(f"{path}: no file in this folder ends in one of {wanted}")
        return inside
    if path.is_file():
        return [path]
    if path.exists():
        told = "is a pipe or a device, wanted a file or a folder: it is read more than once"
        raise InputError(f"{path}: {told}{advice}")
    if not is_pattern(path):
        raise InputError(f"{path}: no such file or folder")
    fitting = sorted(map(Path, glob(str(path), recursive=True)))
    files = [one for one in fitting if one.is_file() and not _is_beside(one)]
    if not files:
        raise InputError(f"{path}: no file fits this pattern")
    return files


def is_pattern(path: Path) -> bool:
    """Whether a path stands for the files that fit it: nothing has that name itself."""
    return not path.exists() and any(sign in str(path) for sign in "*?[")


def _inside(folder: Path, endings: Collection[str]) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        wanted = path.name.endswith(tuple(endings)) and not _is_beside(path)
        if wanted and not hidden and path.is_file():
            yield path


def _is_beside(path: Path) -> bool:
    """Whether it is what commands write beside records, or what ``annotate`` does beside shards."""
    folder = path.parent
    of_run = (path.name == "progress.jsonl" and (folder / _MANIFEST).is_file()) or (
        folder.name == "quarantine" and (folder.parent / _MANIFEST).is_file()
    )
    return of_run or any(mark in path.name for mark in _BESIDE)


def label(files: Sequence[Path]) -> str:
    """What files are called together: the name of the file, or of the folder that holds them all.

    >>> label([Path("run/part-00000.parquet"), Path("run/part-00001.parquet")])
    'run'
    """
    if len(files) == 1:
        return files[0].name
    return Path(commonpath([file.absolute() for file in files])).name


def pattern(files: Sequence[Path]) -> str:
    """What finds the files from the folder that holds them all: a name, or a pattern.

    >>> pattern([Path("run/part-00000.parquet"), Path("run/part-00001.parquet")])
    '*.parquet'
    """
    if len(files) == 1:
        return files[0].name
    below = "" if len({file.parent for file in files}) == 1 else "**/"
    endings = {next((e for e in RECORD_ENDINGS if f.name.endswith(e)), "") for f in files}
    return f"{below}*{endings.pop() if len(endings) == 1 else ''}"


def checksum(given: Given) -> str:
    """The SHA-256 of a file; of several that of their names and checksums, a line each.

    Raises:
        InputError: as :func:`find_records`.
        OSError: one cannot be read.
    """
    files = find_records(given)
    if len(files) == 1:
        return sha256_of(files[0])
    listed = "".join(f"{sha256_of(file)}  {file.name}\n" for file in files)
    return sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
