"""Finds the models that come with the package, and the cache."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from concept_linker.errors import ConceptLinkerError

__all__ = ["CACHE", "cache_folder", "make_temporary_folder", "model_path", "temporary_folder"]

#: The environment variable with the cache folder.
CACHE = "CONCEPT_LINKER_CACHE"
# For child processes; not for users.
_TEMPORARY = "CONCEPT_LINKER_TEMPORARY"

_PACKAGE = Path(__file__).resolve().parents[1]
_LOG = logging.getLogger(__name__)


def model_path(name: str) -> Path:
    """Returns the folder of a model, in the installed package or in a checkout.

    Raises:
        ConceptLinkerError: the installation does not have it.
    """
    for models in (_PACKAGE / "models", _PACKAGE.parent / "models"):
        if (models / name).is_dir():
            return models / name
    raise ConceptLinkerError(
        f"model {name!r} is not in {_PACKAGE / 'models'}, the installation is incomplete; "
        "reinstall concept_linker"
    )


def cache_folder() -> Path:
    """Returns the cache folder: ``CONCEPT_LINKER_CACHE``, or else one in the user's cache.

    Raises:
        OSError: there is neither a home folder nor a temporary one.
    """
    if given := os.environ.get(CACHE):
        return Path(given)
    with suppress(RuntimeError):  # the home folder is unknown
        folder = platformdirs.user_cache_path("concept_linker")
        if folder.is_absolute():  # older versions return "~/.cache", a relative path
            return folder
    return temporary_folder() or make_temporary_folder("this user has no home folder")


def temporary_folder() -> Path | None:
    """Returns the temporary cache of this process or its parent, or ``None``."""
    known = os.environ.get(_TEMPORARY)
    return Path(known) if known and Path(known).is_dir() else None


def make_temporary_folder(problem: str) -> Path:
    """Creates the :func:`temporary_folder`, which is removed when this process ends.

    Args:
        problem: why there is no permanent cache, for a warning.

    Raises:
        OSError: it cannot be created.
    """
    folder = Path(tempfile.mkdtemp(prefix="concept_linker-"))
    os.environ[_TEMPORARY] = str(folder)
    atexit.register(_remove, folder, os.getpid())
    _LOG.warning(
        "%s; caching in %s for this run only; set %s to a writable folder",
        problem,
        folder,
        CACHE,
    )
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not at the end of a forked child
        shutil.rmtree(folder, ignore_errors=True)
