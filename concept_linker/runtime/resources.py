"""Where the models that come with the package are, and where what is derived is kept."""

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

#: The variable that names the folder for what is derived.
CACHE = "CONCEPT_LINKER_CACHE"
# Tells the processes that this one starts; not for users.
_TEMPORARY = "CONCEPT_LINKER_TEMPORARY"

_PACKAGE = Path(__file__).resolve().parents[1]
_LOG = logging.getLogger(__name__)


def model_path(name: str) -> Path:
    """The folder of a model: inside the installed package, or beside it in a checkout.

    Raises:
        ConceptLinkerError: the installation lacks it.
    """
    for models in (_PACKAGE / "models", _PACKAGE.parent / "models"):
        if (models / name).is_dir():
            return models / name
    raise ConceptLinkerError(
        f"model {name!r}: not in {_PACKAGE / 'models'}; the installation is not whole, "
        "install concept_linker again"
    )


def cache_folder() -> Path:
    """Where what is derived is kept: ``CONCEPT_LINKER_CACHE``, else the user's cache folder.

    Raises:
        OSError: there is no home, and no temporary folder either.
    """
    if given := os.environ.get(CACHE):
        return Path(given)
    with suppress(RuntimeError):  # nobody knows where this user is at home
        folder = platformdirs.user_cache_path("concept_linker")
        if folder.is_absolute():  # older versions say "~/.cache", which would be made here
            return folder
    return temporary_folder() or make_temporary_folder("this user has no home folder")


def temporary_folder() -> Path | None:
    """Where this process, or the one that started it, keeps what it cannot keep elsewhere."""
    known = os.environ.get(_TEMPORARY)
    return Path(known) if known and Path(known).is_dir() else None


def make_temporary_folder(problem: str) -> Path:
    """Makes the :func:`temporary_folder`, which is taken away when this process ends.

    Args:
        problem: why nothing can be kept for longer; it is logged as a warning.

    Raises:
        OSError: it cannot be made.
    """
    folder = Path(tempfile.mkdtemp(prefix="concept_linker-"))
    os.environ[_TEMPORARY] = str(folder)
    atexit.register(_remove, folder, os.getpid())
    _LOG.warning(
        "%s; what is derived goes to %s and is derived again in every run; "
        "set %s to a folder that can be written",
        problem,
        folder,
        CACHE,
    )
    return folder


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not when a forked child ends
        shutil.rmtree(folder, ignore_errors=True)
