"""The one form of every registry: a mapping from names to entries.

Each seam of the library (vocabulary formats, corpus formats, detectors, encoders, engines, …) has
a module-level ``Mapping[str, Entry]``. An entry describes itself in one line and names its code,
which is imported only when it is used. Adding one is a module and a line: command-line help,
documentation and tests all read the mapping.

    >>> WRITERS = {"json": Entry("json:dumps", "JSON text"), "csv": Entry("csv:writer", "CSV rows")}
    >>> find_entry(WRITERS, "json", "writer").load()([1, 2])
    '[1, 2]'
    >>> list_names(WRITERS)
    'json or csv'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from concept_linker.errors import SettingsError

__all__ = ["Entry", "find_entry", "list_names", "load"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a registry; subclass it to add fields.

    Args:
        code: the function or class, as ``"package.module:name"``.
        description: one line for help texts and documentation.
    """

    code: str
    description: str

    def load(self) -> Any:
        """Imports the code and returns it."""
        return load(self.code)


def load(code: str) -> Any:
    """Imports and returns what ``"package.module:name"`` names."""
    module, _, name = code.partition(":")
    return getattr(import_module(module), name)


E = TypeVar("E", bound=Entry)


def find_entry(registry: Mapping[str, E], name: str, kind: str) -> E:
    """Returns the entry with this name; ``kind`` says what it is, for the error.

    Raises:
        SettingsError: the registry has no such name.
    """
    if name not in registry:
        raise SettingsError(f"{kind} is {name!r}, expected {list_names(registry)}")
    return registry[name]


def list_names(names: Iterable[str]) -> str:
    """Returns the names as a phrase: ``"a, b or c"``."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last
