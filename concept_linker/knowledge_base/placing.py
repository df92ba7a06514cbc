"""Where a base is written: beside its place, then renamed into it.

Only a base is ever taken away, and only one that is wholly ours by its content: every entry is a
file that a base has.  Nothing is deleted by folder: the files of a base go one by one, then the
empty folder, so what came into it meanwhile stays.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from concept_linker.errors import KnowledgeBaseError
from concept_linker.runtime.processes import is_alive

__all__ = ["MANIFEST", "check_target", "place_of", "remove", "write_beside"]

MANIFEST = "manifest.json"
#: The folder of what a base was taught, and what is in it.
_TAUGHT = "priors"
_OF_TAUGHT = re.compile(r"[a-z_]+\.npy|about\.json|(type_)?ids\.txt")
#: What the manifest of a base of any format has.
_KEYS = {"format", "made_by", "sources", "arrays", "counts"}


def check_target(folder: Path, arrays: Collection[str], *, replace: bool) -> Path:
    """The folder that a base shall be written to, links followed.

    Args:
        folder: where it shall be.
        arrays: the names of the arrays that every base has.
        replace: whether a base that is there may be replaced.

    Raises:
        KnowledgeBaseError: the place is taken by something that is not wholly a base, or by a base
            that shall not be replaced.
    """
    folder = folder.resolve()
    if not folder.name:
        raise KnowledgeBaseError(
            f"{folder} is no place for a knowledge base, expected a new folder"
        )
    aside = _aside(folder)
    if os.path.lexists(aside) and (found := _foreign(aside, arrays)):
        raise KnowledgeBaseError(
            f"{aside} is in the way and no knowledge base: it {found}; move it elsewhere"
        )
    here = place_of(folder)
    if not os.path.lexists(here) or (here.is_dir() and not any(here.iterdir())):
        return folder
    if found := _foreign(here, arrays):
        raise KnowledgeBaseError(
            f"{folder} exists and is no knowledge base: it {found}, expected a new folder"
        )
    if not replace:
        raise KnowledgeBaseError(
            f"{folder} holds a knowledge base already, expected a new folder, or --force "
            "(replace=True) to put the new one in its place"
        )
    return folder


def write_beside(
    folder: Path, arrays: Collection[str], fill: Callable[[Path], None], *, replace: bool
) -> None:
    """Makes a base, whole or not at all.

    Args:
        folder: where it shall be.
        arrays: the names of the arrays that every base has.
        fill: writes the files of a base into an empty folder.
        replace: whether a base that is there may be replaced.

    Raises:
        KnowledgeBaseError: the place is taken (see :func:`check_target`).
        OSError: it cannot be written; what was there before still is.
    """
    folder = check_target(folder, arrays, replace=replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder, arrays)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    beside.mkdir()
    try:
        fill(beside)
        check_target(folder, arrays, replace=replace)  # a build takes its time
        _swap(beside, folder, arrays)
    finally:
        remove(beside, arrays)


def place_of(folder: Path) -> Path:
    """Where a base is: between the two renames of a build, the old one stands aside."""
    if not folder.exists() and (_aside(folder) / MANIFEST).is_file():
        return _aside(folder)
    return folder


def remove(folder: Path, arrays: Collection[str]) -> None:
    """Takes away the files that a base may have, and the folder if nothing else is in it."""
    manifest = folder / MANIFEST  # goes last: until then, what is left says what it was
    known = _known(arrays, _listed(manifest))
    taught = folder / _TAUGHT
    files = [one for one in _inside(taught) if _is_taught(one)]
    files += [one for one in _inside(folder) if one.name in known and one != manifest]
    for path in (*files, manifest):
        if _is_plain_file(path):
            path.unlink()
    for part in (taught, folder):
        if part.is_dir() and not part.is_symlink() and not _inside(part):
            part.rmdir()


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _foreign(folder: Path, arrays: Collection[str]) -> str:
    """What says that a folder is neither wholly a base nor empty."""
    if found := _strange(folder, arrays):
        return found
    names = {path.name for path in _inside(folder)}
    whole = names >= {MANIFEST, *(f"{name}.npy" for name in arrays)}
    is_one = whole or not names or _listed(folder / MANIFEST) is not None
    return "" if is_one else "has no manifest of one"


def _strange(folder: Path, arrays: Collection[str]) -> str:
    """What is in a folder and in no base."""
    if folder.is_symlink() or not folder.is_dir():
        return "is no folder"
    known = _known(arrays, _listed(folder / MANIFEST))
    for path in _inside(folder):
        if path.name == _TAUGHT and path.is_dir() and not path.is_symlink():
            if others := [one for one in _inside(path) if not _is_taught(one)]:
                return f"holds {str(Path(_TAUGHT, others[0].name))!r}"
        elif path.name not in known or not _is_plain_file(path):
            return f"holds {path.name!r}"
    return ""


def _known(arrays: Collection[str], listed: Collection[str] | None) -> set[str]:
    names = (*arrays, "definitions_bytes", "definitions_offsets", *(listed or ()))
    return {MANIFEST, *(f"{name}.npy" for name in names)}


def _inside(folder: Path) -> list[Path]:
    """What a folder holds, by name; nothing where it is a link or none."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _is_taught(path: Path) -> bool:
    return bool(_OF_TAUGHT.fullmatch(path.name)) and _is_plain_file(path)


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _listed(manifest: Path) -> list[str] | None:
    """The arrays that a manifest of any format names, or ``None`` where it is none."""
    try:
        data = json.loads(manifest.read_bytes()) if _is_plain_file(manifest) else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not data.keys() >= _KEYS:
        return None
    listed = data["arrays"]
    return [name for name in listed if re.fullmatch("[a-z_]+", name)] if listed else None


def _sweep(folder: Path, arrays: Collection[str]) -> None:
    """Finishes or removes what builds of this folder left when they were killed."""
    aside = _aside(folder)
    if aside.exists():
        if folder.exists():
            remove(aside, arrays)
        else:
            aside.rename(folder)
    for left in _left_by_others(folder):
        if not _strange(left, arrays):
            remove(left, arrays)


def _left_by_others(folder: Path) -> Iterator[Path]:
    part = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.part")
    for left in list(folder.parent.iterdir()):
        if (found := part.fullmatch(left.name)) and not is_alive(int(found[1])):
            yield left


def _swap(beside: Path, folder: Path, arrays: Collection[str]) -> None:
    """Puts the new folder in the old one's place.

    A folder cannot be renamed over a full one, so for an instant the old one stands aside;
    opening looks for it there (see :func:`place_of`).
    """
    aside = _aside(folder)
    if folder.exists():
        folder.rename(aside)
    beside.rename(folder)
    remove(aside, arrays)
