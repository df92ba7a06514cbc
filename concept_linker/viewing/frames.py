"""Annotations as data frames."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from concept_linker.annotation import Annotation
from concept_linker.errors import SettingsError

__all__ = ["to_dataframe"]

_LIBRARIES = ("pandas", "polars")
_OF_MENTION = ("start", "end", "text", "label", "long_form", "negated")
_OF_BEST = ("concept_id", "name", "alias", "similarity", "score", "semantic_types")


def to_dataframe(annotation: Annotation, library: str | None = None) -> Any:
    """One row a mention, with what is chosen for it; empty cells where nothing is.

    Args:
        annotation: the annotation.
        library: ``"pandas"`` or ``"polars"``; if not given, the first of them that is installed.

    Raises:
        SettingsError: it is not installed, or none of them.
    """
    if library is not None and library not in _LIBRARIES:
        raise SettingsError(f"library is {library!r}, wanted 'pandas' or 'polars'")
    wanted = _LIBRARIES if library is None else (library,)
    found = next((name for name in wanted if find_spec(name) is not None), None)
    if found is None:
        names = " or ".join(wanted)
        raise SettingsError(f"a data frame needs {names}: pip install {wanted[0]}")
    columns: dict[str, list[Any]] = {name: [] for name in _OF_MENTION + _OF_BEST}
    for mention in annotation:
        for name in _OF_MENTION:
            columns[name].append(getattr(mention, name))
        for name in _OF_BEST:
            value = getattr(mention.best, name) if mention.best else None
            columns[name].append(list(value) if isinstance(value, tuple) else value)
    return import_module(found).DataFrame(columns)
