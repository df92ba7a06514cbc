"""The open knowledge base that comes with the package.

What ships is small: the merged tables as Parquet.  The folder that is mapped is derived from them
on first use, into the user's cache, under a lock, and renamed into place when it is whole.  Where
the cache cannot be written, it goes to a temporary folder, for one run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base import store
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.runtime.resources import (
    cache_folder,
    make_temporary_folder,
    model_path,
    temporary_folder,
)

__all__ = ["open_base_folder"]


def open_base_folder(*, quiet: bool = False) -> Path:
    """The folder of the open base, derived if it is not there yet.

    Raises:
        KnowledgeBaseError: neither the cache folder nor a temporary one can be written, or what
            ships is damaged.
    """
    compiled = model_path("open_kb") / "compiled"
    head = compiled / "compiled.json"
    try:
        checksum = sha256_of(head)[:12]
    except OSError as error:
        raise KnowledgeBaseError(
            f"{head}: missing or damaged; install concept_linker again"
        ) from error
    name = f"open-{store.FORMAT}-{checksum}"
    folder = cache_folder() / name
    if _is_whole(folder):
        return folder
    try:
        _derive_once(compiled, folder, quiet=quiet)
    except OSError as error:
        problem = f"{folder}: cannot be written ({error.strerror or error})"
        try:
            folder = (temporary_folder() or make_temporary_folder(problem)) / name
            _derive_once(compiled, folder, quiet=quiet)
        except OSError:
            raise KnowledgeBaseError(
                f"{problem}; set CONCEPT_LINKER_CACHE to a folder that can"
            ) from error
    return folder


def _derive_once(compiled: Path, folder: Path, *, quiet: bool) -> None:
    from filelock import FileLock  # with what follows, needed once only

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_whole(folder):  # another process may have been first
            _derive(compiled, folder, quiet=quiet)


def _is_whole(folder: Path) -> bool:
    """Whether it opens: what cleans caches takes single files too."""
    try:
        store.open_folder(folder)
    except KnowledgeBaseError:
        return False
    return True


def _derive(compiled: Path, folder: Path, *, quiet: bool) -> None:
    from concept_linker.knowledge_base.build import compile_base
    from concept_linker.knowledge_base.compiled import load_compiled
    from concept_linker.runtime.progress import progress_bar

    with progress_bar("Preparing the open knowledge base (once)", quiet=quiet) as progress:
        progress("reading", 0.0)
        merged = load_compiled(compiled)
        shutil.rmtree(folder, ignore_errors=True)  # damaged, so it may not look like a base
        compile_base(merged, folder, progress=progress)
