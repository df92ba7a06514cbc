"""A knowledge base on disk: a folder with a manifest and flat arrays.

Written beside its place and renamed into it, so that a build that is killed leaves what was there
before.  Opened by mapping: nothing is read until it is looked at, and all processes share it.

Beside the arrays of the :mod:`~concept_linker.search.index`:

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
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import placing
from concept_linker.knowledge_base.checksum import page_sums_of, sha256_of
from concept_linker.knowledge_base.mapping import ArrayInfo, Arrays, Strict, remedy
from concept_linker.knowledge_base.placing import MANIFEST, place_of
from concept_linker.runtime.progress import Progress, silent
from concept_linker.search.index import ARRAYS as INDEX_ARRAYS

__all__ = [
    "FORMAT",
    "MANIFEST",
    "ArrayInfo",
    "Arrays",
    "Manifest",
    "Source",
    "check_target",
    "open_folder",
    "sealed",
    "verify",
    "write",
]

#: The version of the folder's format; raised with every change that an older reader would misread.
FORMAT: Literal[4] = 4
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


class Source(Strict):
    """Where the base's names come from."""

    format: str
    name: str
    version: str
    licence: str
    files: dict[str, str]


class Manifest(Strict):
    """The head of a knowledge base: what it is made of.

    ``vocabularies`` tells how many names each gives; ``sha256`` is of all else in here.
    """

    format: Literal[4]
    sha256: str
    made_by: str
    sources: tuple[Source, ...]
    options: dict[str, Any]
    counts: dict[str, int]
    types: tuple[str, ...]
    name_sources: tuple[str, ...]
    vocabularies: dict[str, int]
    arrays: dict[str, ArrayInfo]


def check_target(folder: Path, *, replace: bool = False) -> Path:
    """The folder that a base shall be written to, links followed.

    Args:
        folder: where it shall be.
        replace: whether a base that is there may be replaced.

    Raises:
        KnowledgeBaseError: the place is taken, by something that is not wholly a base or by a base
            that shall not be replaced.
    """
    return placing.check_target(folder, REQUIRED, replace=replace)


def write(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    head: Mapping[str, Any],
    *,
    replace: bool = False,
    more: Callable[[Path], None] | None = None,
    progress: Progress = silent,
) -> None:
    """Writes a base, whole or not at all.

    Args:
        folder: where it shall be.
        arrays: by name.
        head: the manifest's other entries.
        replace: whether a base that is there may be replaced.
        more: writes what else belongs into the folder, before it is in its place.
        progress: told how far it is.

    Raises:
        KnowledgeBaseError: the place is taken (see :func:`check_target`).
        OSError: it cannot be written; what was there before still is.
    """

    def fill(beside: Path) -> None:
        infos = {}
        total = sum(array.nbytes for array in arrays.values()) or 1
        written = 0
        for name, array in arrays.items():
            progress("writing", 0.85 + 0.15 * written / total)
            written += array.nbytes
            infos[name] = _save(beside / f"{name}.npy", array)
        if more is not None:
            more(beside)
        manifest = Manifest(format=FORMAT, sha256="", arrays=infos, **head)
        with (beside / MANIFEST).open("w", encoding="utf-8") as stream:
            json.dump(sealed(manifest.model_dump(mode="json")), stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())

    placing.write_beside(folder, REQUIRED, fill, replace=replace)


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with the checksum of all else that it says."""
    rest = {name: value for name, value in manifest.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**manifest, "sha256": sha256(text.encode()).hexdigest()}


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
        pages=page_sums_of(path),
    )


def open_folder(folder: Path) -> tuple[Manifest, Arrays]:
    """Maps a base, after the cheap checks.

    These are the manifest with its own checksum, the format version, every file's size and type,
    and the checksums of the small arrays; those of the large ones come when they are first
    looked at (:class:`Arrays`).

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
                    f"{folder}: cannot be read ({error}); {remedy(folder)}"
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


def _map(folder: Path) -> tuple[Manifest, Arrays]:
    folder = place_of(folder)
    if not folder.is_dir():
        raise KnowledgeBaseError(
            f"{folder}: no such knowledge base, expected 'default' or a folder with {MANIFEST}"
        )
    manifest = _manifest(folder / MANIFEST)
    if missing := [name for name in REQUIRED if name not in manifest.arrays]:
        raise KnowledgeBaseError(
            f"{folder / MANIFEST}: lacks {', '.join(missing)}; {remedy(folder)}"
        )
    return manifest, Arrays(folder, manifest.arrays)


def _manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise KnowledgeBaseError(
            f"{path.parent}: no knowledge base, expected 'default' or a folder with {MANIFEST}"
        )
    what_to_do = remedy(path.parent)
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise KnowledgeBaseError(f"{path}: no JSON ({error}); {what_to_do}") from error
    except OSError as error:
        raise KnowledgeBaseError(f"{path}: cannot be read ({error.strerror})") from error
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise KnowledgeBaseError(
            f"{path}: format {version!r}, expected {FORMAT}; "
            "build the base again, or use the version of concept_linker that made it"
        )
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise KnowledgeBaseError(f"{path}: {place}: {first['msg']}; {what_to_do}") from error
    if sealed(data)["sha256"] != manifest.sha256:
        raise KnowledgeBaseError(f"{path}: its checksum is another, it is damaged; {what_to_do}")
    return manifest


def verify(folder: Path) -> None:
    """Reads every file and compares its SHA-256 with the manifest's.

    Raises:
        KnowledgeBaseError: a file differs.
    """
    manifest, _ = open_folder(folder)
    folder = place_of(folder.resolve())
    for name, info in manifest.arrays.items():
        path = folder / f"{name}.npy"
        found = sha256_of(path)
        if found != info.sha256:
            raise KnowledgeBaseError(
                f"{path}: SHA-256 {found[:12]}…, expected {info.sha256[:12]}…; {remedy(folder)}"
            )
