"""Where the models that come with the package are."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from concept_linker.errors import ConceptLinkerError

__all__ = ["cache_folder", "model_path"]

_PACKAGE = Path(__file__).resolve().parent


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
    """Where what is derived is kept: ``CONCEPT_LINKER_CACHE``, else the user's cache folder."""
    given = os.environ.get("CONCEPT_LINKER_CACHE")
    return Path(given) if given else platformdirs.user_cache_path("concept_linker")
