"""A knowledge base on disk: a folder with a manifest and flat arrays.

It is written to a temporary folder and renamed, so that a killed build leaves an existing base
unchanged.  It is memory-mapped: data are read on first use, and all processes share them.

In addition to the arrays of the :mod:`~concept_linker.search.index`:

=======================  =======  ================================================================
``concept_ids``          strings  the ids, ascending, for bisection
``concept_origins``      uint8    :class:`~concept_linker.knowledge_base.identity.CuiOrigin`
``concept_types``        rows     indices into the manifest's ``types``
``concept_names``        int64    where the names of each concept begin, and the last end
``definitions``          strings  one per concept, may be empty; absent if all are
``other_ids``            strings  ids of equivalent concepts in the sources, ascending
``other_concepts``       uint32   the concept of each other id
``names``                strings  grouped by concept, the preferred one first
``name_concepts``        uint32   the concept of each name
``name_kinds``           uint8    :class:`~concept_linker.knowledge_base.identity.NameKind`
``name_sources``         uint16   indices into the manifest's ``name_sources``
``key_names``            rows     the names with the key, by kind, then ascending
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
from concept_linker.knowledge_base.checksum import page_sums_of, sha256_of
from concept_linker.knowledge_base.mapping import ArrayInfo, Arrays, Strict, remedy
from concept_linker.knowledge_base.placing import (
    MANIFEST,
    REQUIRED,
    check_target,
    place_of,
    write_folder,
)
from concept_linker.runtime.progress import Progress, silent

__all__ = [
    "FORMAT",
    "MANIFEST",
    "REQUIRED",
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

#: The version of the format; increased with every incompatible change.
FORMAT: Literal[4] = 4


class Source(Strict):
    """A source of the base."""

    format: str
    name: str
    version: str
    licence: str
    files: dict[str, str]


class Manifest(Strict):
    """The manifest of a knowledge base: what it is made of.

    Attributes:
        format: the version of the format.
        sha256: the checksum of the rest of the manifest.
        made_by: the version of this library that built the base.
        sources: its sources, the most trusted first.
        options: the options of the build.
        counts: the number of ``concepts``, ``names``, ``keys``, ``names_without_a_key`` and
            ``refused_equivalences``.
        types: its semantic types.
        name_sources: the vocabularies of its names.
        vocabularies: the number of names from each vocabulary.
        arrays: the arrays by name.
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


def write(
    folder: Path,
    arrays: Mapping[str, NDArray[Any]],
    head: Mapping[str, Any],
    *,
    replace: bool = False,
    more: Callable[[Path], None] | None = None,
    progress: Progress = silent,
) -> None:
    """Writes a base atomically.

    Args:
        folder: the folder to write.
        arrays: the arrays by name.
        head: the other fields of the manifest.
        replace: whether an existing base may be replaced.
        more: writes additional files, given the unfinished folder.
        progress: called with the stage and the fraction done.

    Raises:
        KnowledgeBaseError: the folder exists (see :func:`check_target`).
        OSError: it cannot be written; an existing base is unchanged.
    """

    def fill(part: Path) -> None:
        infos = {}
        total = sum(array.nbytes for array in arrays.values()) or 1
        written = 0
        for name, array in arrays.items():
            progress("writing", 0.85 + 0.15 * written / total)
            written += array.nbytes
            infos[name] = _save(part / f"{name}.npy", array)
        if more is not None:
            more(part)
        manifest = Manifest(format=FORMAT, sha256="", arrays=infos, **head)
        with (part / MANIFEST).open("w", encoding="utf-8") as stream:
            json.dump(sealed(manifest.model_dump(mode="json")), stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())

    write_folder(folder, fill, replace=replace)


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """Returns a manifest with the checksum of the rest of it."""
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
    """Maps a base, after the fast checks.

    These are the checksum of the manifest, the version of the format, the size and type of each
    file, and the checksums of small arrays. Large arrays are checked on first use
    (:class:`Arrays`).

    Raises:
        KnowledgeBaseError: the base is missing, damaged, or built by a newer version.
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
        # A build has just replaced it, so the files may come from two bases.


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns  # inode numbers are reused


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
            f"{path.parent}: not a knowledge base, expected 'default' or a folder with {MANIFEST}"
        )
    what_to_do = remedy(path.parent)
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise KnowledgeBaseError(f"{path}: not JSON ({error}); {what_to_do}") from error
    except OSError as error:
        raise KnowledgeBaseError(f"{path}: cannot be read ({error.strerror})") from error
    version = data.get("format") if isinstance(data, dict) else None
    if version != FORMAT:
        raise KnowledgeBaseError(
            f"{path}: format is {version!r}, expected {FORMAT}; "
            "build the base again, or use the version of concept_linker that built it"
        )
    try:
        manifest = Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise KnowledgeBaseError(f"{path}: {place}: {first['msg']}; {what_to_do}") from error
    if sealed(data)["sha256"] != manifest.sha256:
        raise KnowledgeBaseError(f"{path}: wrong checksum, it is damaged; {what_to_do}")
    return manifest


def verify(folder: Path) -> None:
    """Compares the SHA-256 of every file with the manifest.

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
                f"{path}: SHA-256 is {found[:12]}…, expected {info.sha256[:12]}…; {remedy(folder)}"
            )
