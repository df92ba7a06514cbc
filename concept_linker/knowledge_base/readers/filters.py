"""Whether what a filter of a release asks for is there at all."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from concept_linker.errors import SettingsError

__all__ = ["FILTERS", "Filters"]

#: Option of a release → the column of MRCONSO that it filters, and what to call a value.
FILTERS = {
    "languages": ("LAT", "language"),
    "sources": ("SAB", "vocabulary"),
    "term_types": ("TTY", "term type"),
}
_SHOWN = 20


class Filters:
    """What the filters ask for and what the rows have.

    Args:
        wanted: option → its values, or ``None`` where everything is taken.
    """

    def __init__(self, **wanted: Sequence[str] | None) -> None:
        self._wanted = {name: values for name, values in wanted.items() if values is not None}
        self._met: dict[str, set[str]] = {name: set() for name in self._wanted}

    def see(self, rows: pa.Table) -> None:
        """Notes the values of some rows."""
        for name, met in self._met.items():
            if not met.issuperset(self._wanted[name]):
                met.update(rows[FILTERS[name][0]].unique().to_pylist())

    def check(self, place: str) -> None:
        """Called when all rows were seen.

        Raises:
            SettingsError: no row has a value that is asked for.
        """
        for name, met in self._met.items():
            if missing := [value for value in self._wanted[name] if value not in met]:
                known = sorted(met)
                more = f", … ({len(known):,} in all)" if len(known) > _SHOWN else ""
                raise SettingsError(
                    f"{FILTERS[name][1]} {missing[0]!r}: no row of {place} has it; "
                    f"it has {', '.join(known[:_SHOWN]) or 'none'}{more}"
                )
