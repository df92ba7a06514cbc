"""Checks that every value of a filter occurs in the release."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from concept_linker.errors import SettingsError

__all__ = ["FILTERS", "Filters"]

#: Option → the column of MRCONSO that it filters, and the name of one value.
FILTERS = {
    "languages": ("LAT", "language"),
    "sources": ("SAB", "vocabulary"),
    "term_types": ("TTY", "term type"),
}
_SHOWN = 20


class Filters:
    """The values of the filters, and which of them the rows have.

    Args:
        requested: for each option its values, or ``None`` for no filter.
    """

    def __init__(self, **requested: Sequence[str] | None) -> None:
        self._requested = {name: values for name, values in requested.items() if values is not None}
        self._found: dict[str, set[str]] = {name: set() for name in self._requested}

    def add(self, rows: pa.Table) -> None:
        """Adds the values of some rows."""
        for name, found in self._found.items():
            if not found.issuperset(self._requested[name]):
                found.update(rows[FILTERS[name][0]].unique().to_pylist())

    def check(self, place: str) -> None:
        """Checks the filters, after all rows have been added.

        Raises:
            SettingsError: no row has one of the values.
        """
        for name, found in self._found.items():
            if missing := [value for value in self._requested[name] if value not in found]:
                known = sorted(found)
                more = f", … ({len(known):,} in all)" if len(known) > _SHOWN else ""
                raise SettingsError(
                    f"{FILTERS[name][1]} {missing[0]!r} does not occur in {place}, "
                    f"expected {', '.join(known[:_SHOWN]) or 'none'}{more}"
                )
