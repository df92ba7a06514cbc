"""Writes a knowledge base to a temporary folder, then renames it.

Only knowledge bases are ever removed, and only if every entry of the folder is a file of a base.
Files are removed one by one, then the empty folder, so that files added meanwhile survive.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from concept_linker.errors import KnowledgeBaseError
from concept_linker.files import orphans_of, part_of
from concept_linker.search.index import ARRAYS as INDEX_ARRAYS

__all__ = ["MANIFEST", "REQUIRED", "check_target", "place_of", "remove", "write_folder"]

MANIFEST = "manifest.json"
#: The arrays that every base has.
REQUIRED = (
    *INDEX_ARRAYS,
    "concept_ids_bytes",
    "concept_ids_offsets",
    "concept_origins",
    "concept_types_values",
    "concept_types_offsets",
    "concept_names",
    "other_ids_bytes",
    "other_ids_offsets",
    "other_concepts",
    "names_bytes",
    "names_offsets",
    "name_concepts",
    "name_kinds",
    "name_sources",
    "key_names_values",
    "key_names_offsets",
)
#: The folder of trained priors, and the files in it.
_PRIORS = "priors"
_PRIOR_FILES = re.compile(r"[a-z_]+\.npy|about\.json|(type_)?ids\.txt")
#: The fields of a manifest in any version of the format.
_KEYS = {"format", "made_by", "sources", "arrays", "counts"}


def check_target(folder: Path, *, replace: bool = False) -> Path:
    """Checks that a base can be written to a folder, and returns it with links resolved.

    Args:
        folder: the folder to write.
        replace: whether an existing base may be replaced.

    Raises:
        KnowledgeBaseError: the folder has other content than a base, or a base that may not be
            replaced.
    """
    folder = folder.resolve()
    if not folder.name:
        raise KnowledgeBaseError(f"{folder} cannot be a knowledge base, expected a new folder")
    aside = _aside(folder)
    if os.path.lexists(aside) and (found := _foreign(aside)):
        raise KnowledgeBaseError(
            f"{aside} is in the way and not a knowledge base: it {found}; move it elsewhere"
        )
    here = place_of(folder)
    if not os.path.lexists(here) or (here.is_dir() and not any(here.iterdir())):
        return folder
    if found := _foreign(here):
        raise KnowledgeBaseError(
            f"{folder} exists and is not a knowledge base: it {found}; choose a new folder"
        )
    if not replace:
        raise KnowledgeBaseError(
            f"{folder} is already a knowledge base; choose a new folder, or replace it "
            "with --force (replace=True)"
        )
    return folder


def write_folder(folder: Path, fill: Callable[[Path], None], *, replace: bool) -> None:
    """Writes a base atomically.

    Args:
        folder: the folder to write.
        fill: writes the files of the base into an empty folder.
        replace: whether an existing base may be replaced.

    Raises:
        KnowledgeBaseError: the folder exists (see :func:`check_target`).
        OSError: it cannot be written; an existing base is unchanged.
    """
    folder = check_target(folder, replace=replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clean_up(folder)
    part = part_of(folder)
    part.mkdir()
    try:
        fill(part)
        check_target(folder, replace=replace)  # a build takes long, so check again
        _swap(part, folder)
    finally:
        remove(part)


def place_of(folder: Path) -> Path:
    """Returns the folder of a base, which has another name between the two renames of a build."""
    if not folder.exists() and (_aside(folder) / MANIFEST).is_file():
        return _aside(folder)
    return folder


def remove(folder: Path) -> None:
    """Removes the files of a base, and then the folder if it is empty."""
    manifest = folder / MANIFEST  # last, because it identifies the rest
    known = _known(_listed(manifest))
    priors = folder / _PRIORS
    files = [one for one in _inside(priors) if _is_prior_file(one)]
    files += [one for one in _inside(folder) if one.name in known and one != manifest]
    for path in (*files, manifest):
        if _is_plain_file(path):
            path.unlink()
    for one in (priors, folder):
        if one.is_dir() and not one.is_symlink() and not _inside(one):
            one.rmdir()


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _foreign(folder: Path) -> str:
    """Returns why a folder is neither a base nor empty, or ``""``."""
    if found := _strange(folder):
        return found
    names = {path.name for path in _inside(folder)}
    whole = names >= {MANIFEST, *(f"{name}.npy" for name in REQUIRED)}
    is_one = whole or not names or _listed(folder / MANIFEST) is not None
    return "" if is_one else "has no valid manifest"


def _strange(folder: Path) -> str:
    """Returns what in a folder does not belong to a base, or ``""``."""
    if folder.is_symlink() or not folder.is_dir():
        return "is not a folder"
    known = _known(_listed(folder / MANIFEST))
    for path in _inside(folder):
        if path.name == _PRIORS and path.is_dir() and not path.is_symlink():
            if others := [one for one in _inside(path) if not _is_prior_file(one)]:
                return f"contains {str(Path(_PRIORS, others[0].name))!r}"
        elif path.name not in known or not _is_plain_file(path):
            return f"contains {path.name!r}"
    return ""


def _known(listed: Collection[str] | None) -> set[str]:
    names = (*REQUIRED, "definitions_bytes", "definitions_offsets", *(listed or ()))
    return {MANIFEST, *(f"{name}.npy" for name in names)}


def _inside(folder: Path) -> list[Path]:
    """Returns the entries of a folder by name; none if it is a link or not a folder."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _is_prior_file(path: Path) -> bool:
    return bool(_PRIOR_FILES.fullmatch(path.name)) and _is_plain_file(path)


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _listed(manifest: Path) -> list[str] | None:
    """Returns the arrays that a manifest names, or ``None`` if it is not a manifest."""
    try:
        data = json.loads(manifest.read_bytes()) if _is_plain_file(manifest) else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not data.keys() >= _KEYS:
        return None
    listed = data["arrays"]
    return [name for name in listed if re.fullmatch("[a-z_]+", name)] if listed else None


def _clean_up(folder: Path) -> None:
    """Finishes or removes what killed builds of this folder left."""
    aside = _aside(folder)
    if aside.exists():
        if folder.exists():
            remove(aside)
        else:
            aside.rename(folder)
    for orphan in orphans_of(folder):
        if not _strange(orphan):
            remove(orphan)


def _swap(part: Path, folder: Path) -> None:
    """Replaces the old folder by the new one.

    A folder cannot be renamed over another with content. So the old one is renamed first, and for
    an instant readers find it by its other name (see :func:`place_of`).
    """
    aside = _aside(folder)
    if folder.exists():
        folder.rename(aside)
    part.rename(folder)
    remove(aside)
