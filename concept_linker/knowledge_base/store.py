"""A knowledge base on disk: a folder with a manifest and flat arrays.

Written beside its place and renamed into it, so that a build that is killed leaves what was there
before.  Opened by mapping: nothing is read until it is looked at, and all processes share it.

Beside the arrays of the :mod:`~concept_linker.candidates.key_index`:

=======================  =======  ================================================================
``concept_ids``          strings  ascending, so that an id is found by bisection
``concept_origins``      uint8    :class:`~concept_linker.knowledge_base.identity.CuiOrigin`
``concept_types``        rows     numbers into the manifest's ``types``
``concept_names``        int64    where the names of each concept begin; one more than concepts
``definitions``          strings  one each, empty where there is none; absent without any
``other_ids``            strings  ids joined to a concept, ascending
``other_concepts``       uint32   the concept of each
``names``                strings  grouped by concept, the preferred one first
``name_concepts``        uint32   the concept of each
``name_kinds``           uint8    :class:`~concept_linker.knowledge_base.identity.NameKind`
``name_sources``         uint16   numbers into the manifest's ``name_sources``
``key_names``            rows     the names that have the key, by kind, then ascending
=======================  =======  ================================================================

"strings" are two arrays, ``…_bytes`` (uint8) and ``…_offsets`` (int64); "rows" are ``…_values`` and
``…_offsets``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from concept_linker.candidates.key_index import ARRAYS as INDEX_ARRAYS
from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.knowledge_base.progress import Progress, silent

__all__ = [
    "FORMAT",
    "MANIFEST",
    "ArrayInfo",
    "Manifest",
    "Source",
    "check_target",
    "open_folder",
    "verify",
    "write",
]

#: The version of the folder's format; raised with every change that an older reader would misread.
FORMAT: Literal[3] = 3
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

Arrays = dict[str, NDArray[Any]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArrayInfo(_Strict):
    """What a file must be: its size in bytes, its type, its shape, its SHA-256."""

    size: int
    dtype: str
    shape: tuple[int, ...]
    sha256: str


class Source(_Strict):
    """Where the base's names come from."""

    format: str
    name: str
    version: str
    licence: str
    files: dict[str, str]


class Manifest(_Strict):
    """The head of a knowledge base: what it is made of."""

    format: Literal[3]
    made_by: str
    sources: tuple[Source, ...]
    options: dict[str, Any]
    counts: dict[str, int]
    types: tuple[str, ...]
    name_sources: tuple[str, ...]
    arrays: dict[str, ArrayInfo]


def check_target(folder: Path) -> Path:
    """The folder that a base shall be written to, links followed.

    Raises:
        KnowledgeBaseError: the place is taken by something that is no knowledge base.
    """
    folder = folder.resolve()
    ours = not folder.exists() or (folder / MANIFEST).is_file()
    if not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise KnowledgeBaseError(
            f"{folder} exists and is no knowledge base; wanted a new folder or one to replace"
        )
    return folder


def write(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    head: Mapping[str, Any],
    *,
    progress: Progress = silent,
) -> None:
    """Writes a base, whole or not at all; one that is there already is replaced.

    Args:
        folder: where it shall be.
        arrays: by name.
        head: the manifest's other entries.
        progress: told how far it is.

    Raises:
        KnowledgeBaseError: the place is taken by something that is no knowledge base.
        OSError: it cannot be written; what was there before still is.
    """
    folder = check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    beside = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    beside.mkdir()
    try:
        infos = {}
        total = sum(array.nbytes for array in arrays.values()) or 1
        written = 0
        for name, array in arrays.items():
            progress("writing", 0.85 + 0.15 * written / total)
            written += array.nbytes
            infos[name] = _save(beside / f"{name}.npy", array)
        manifest = Manifest(format=FORMAT, arrays=infos, **head)
        with (beside / MANIFEST).open("w", encoding="utf-8") as stream:
            json.dump(manifest.model_dump(mode="json"), stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        _swap(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Finishes or removes what builds of this folder left when they were killed."""
    old = folder.with_name(f".{folder.name}.old")
    if old.exists():
        if folder.exists():
            shutil.rmtree(old)
        else:
            old.rename(folder)
    part = re.compile(rf"\.{re.escape(folder.name)}\.(\d+)\.part")
    for left in folder.parent.iterdir():
        if (found := part.fullmatch(left.name)) and not _alive(int(found[1])):
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    """Whether another process with this number runs; in a container, numbers come again."""
    if process == os.getpid():
        return False
    if os.name == "nt":  # os.kill would end it; what a killed build left there stays
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _swap(beside: Path, folder: Path) -> None:
    """Puts the new folder in the old one's place.

    A folder cannot be renamed over a full one, so for an instant the old one stands aside;
    opening looks for it there (see :func:`open_folder`).
    """
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        folder.rename(old)
    beside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _save(path: Path, array: NDArray[Any]) -> ArrayInfo:
    with path.open("wb") as stream:
        np.save(stream, array, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    return ArrayInfo(
        size=path.stat().st_size,
        dtype=array.dtype.str,
        shape=array.shape,
        sha256=sha256_of(path),
    )


def open_folder(folder: Path) -> tuple[Manifest, Arrays]:
    """Maps a base, after the cheap checks: manifest, format version, every file's size and type.

    Raises:
        KnowledgeBaseError: it is missing, damaged, or made by a newer version.
    """
    folder = folder.resolve()
    while True:
        before = _identity(folder)
        try:
            mapped = _map(folder)
        except (KnowledgeBaseError, OSError) as error:
            if _identity(folder) == before:
                if isinstance(error, KnowledgeBaseError):
                    raise
                raise KnowledgeBaseError(
                    f"{folder}: cannot be read ({error}); build the base again"
                ) from error
        else:
            if _identity(folder) == before:
                return mapped
        # A build has just replaced it: the files may be of two bases.


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns  # numbers of removed folders are used again


def _place(folder: Path) -> Path:
    """Where it is: between the two renames of :func:`_swap`, the old one stands aside."""
    if not folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        if (old / MANIFEST).is_file():
            return old
    return folder


def _map(folder: Path) -> tuple[Manifest, Arrays]:
    folder = _place(folder)
    if not folder.is_dir():
        raise KnowledgeBaseError(
            f"{folder}: no such knowledge base; wanted 'open' or a folder with {MANIFEST}"
        )
    manifest = _manifest(folder / MANIFEST)
    if missing := [name for name in REQUIRED if name not in manifest.arrays]:
        raise KnowledgeBaseError(
            f"{folder / MANIFEST}: lacks {', '.join(missing)}; build the base again"
        )
    arrays: Arrays = {}
    for name, info in manifest.arrays.items():
        path = folder / f"{name}.npy"
        if not path.is_file():
            raise KnowledgeBaseError(f"{path}: missing; build the base again")
        size = path.stat().st_size
        if size != info.size:
            raise KnowledgeBaseError(
                f"{path}: {size} bytes, wanted {info.size}; it is damaged, build the base again"
            )
        try:
            mapped = np.load(path, mmap_mode=None if 0 in info.shape else "r", allow_pickle=False)
        except Exception as error:  # numpy lets through whatever its parser of headers raises
            raise KnowledgeBaseError(f"{path}: no array ({error}); build the base again") from error
        if mapped.dtype.str != info.dtype or mapped.shape != info.shape:
            raise KnowledgeBaseError(
                f"{path}: {mapped.dtype.str} of shape {mapped.shape}, "
                f"wanted {info.dtype} of shape {info.shape}; build the base again"
            )
        # A plain array over the map: numpy.memmap costs a Python call at every slice.
        arrays[name] = mapped.view(np.ndarray)
    return manifest, arrays


def _manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise KnowledgeBaseError(
            f"{path.parent}: no knowledge base; wanted 'open' or a folder with {MANIFEST}"
        )
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise KnowledgeBaseError(f"{path}: no JSON ({error}); build the base again") from error
    except OSError as error:
        raise KnowledgeBaseError(f"{path}: cannot be read ({error.strerror})") from error
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise KnowledgeBaseError(
            f"{path}: format {version!r}, wanted {FORMAT}; "
            "build the base again, or use the version of concept_linker that made it"
        )
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise KnowledgeBaseError(
            f"{path}: {place}: {first['msg']}; build the base again"
        ) from error


def verify(folder: Path) -> None:
    """Reads every file and compares its SHA-256 with the manifest's.

    Raises:
        KnowledgeBaseError: a file differs.
    """
    manifest, _ = open_folder(folder)
    for name, info in manifest.arrays.items():
        path = _place(folder.resolve()) / f"{name}.npy"
        found = sha256_of(path)
        if found != info.sha256:
            raise KnowledgeBaseError(
                f"{path}: SHA-256 {found[:12]}…, wanted {info.sha256[:12]}…; build the base again"
            )
