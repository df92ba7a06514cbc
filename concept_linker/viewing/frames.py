"""Annotations as data frames."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from concept_linker.annotation import Annotation, Mention
from concept_linker.errors import SettingsError

__all__ = ["to_dataframe"]

_LIBRARIES = ("pandas", "polars")


def to_dataframe(annotation: Annotation, library: str | None = None) -> Any:
    """Returns one row per mention, with its best candidate; without one its cells are empty.

    Args:
        annotation: the annotation.
        library: ``"pandas"`` or ``"polars"``; by default the first of them that is installed.

    Raises:
        SettingsError: the library is unknown or not installed.
    """
    if library is not None and library not in _LIBRARIES:
        raise SettingsError(f"library is {library!r}, expected 'pandas' or 'polars'")
    candidates = _LIBRARIES if library is None else (library,)
    found = next((name for name in candidates if find_spec(name) is not None), None)
    if found is None:
        names = " or ".join(candidates)
        raise SettingsError(f"a data frame needs {names}: pip install {candidates[0]}")
    rows = [mention.to_row() for mention in annotation]
    columns = Mention(0, 0, "").to_row()
    return import_module(found).DataFrame(
        {column: [row[column] for row in rows] for column in columns}
    )
