"""The source of a record, and the linker that annotated it.

The strict record has no place for provenance, so it goes into a side-car that joins by row (row n
of the side-car belongs to record n), or into the column ``provenance`` of a Parquet file.  Fields:

| field | type | content |
|---|---|---|
| ``pmcid`` | str | ``PMC11370360`` |
| ``version`` | int or null | the article's version in PMC |
| ``licence`` | str | as in PMC: ``CC BY``, ``CC0``, ``CC BY-NC`` |
| ``source_url`` | str | the address that the record was read from |
| ``retrieved`` | str | the day of retrieval, ``YYYY-MM-DD`` |
| ``linker_version`` | str | concept_linker's version |
| ``kb`` | str | the knowledge base's name |
| ``kb_sha256`` | str | its checksum |
| ``settings`` | str | the linker's settings as JSON with sorted keys |

An unknown text is empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from concept_linker.errors import InputError

__all__ = ["Provenance"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """The provenance of one record; the table of this module has the fields.

    >>> article = Provenance(pmcid="PMC11370360", version=2, licence="CC BY")
    >>> article.linked(version="0.1.0", kb="default", kb_sha256="ab12", settings={"k": 10}).settings
    '{"k": 10}'
    """

    pmcid: str = ""
    version: int | None = None
    licence: str = ""
    source_url: str = ""
    retrieved: str = ""
    linker_version: str = ""
    kb: str = ""
    kb_sha256: str = ""
    settings: str = ""

    def linked(
        self, *, version: str, kb: str, kb_sha256: str, settings: Mapping[str, Any]
    ) -> Provenance:
        """Returns the same source with the linker that annotated it."""
        return replace(
            self,
            linker_version=version,
            kb=kb,
            kb_sha256=kb_sha256,
            settings=json.dumps(settings, sort_keys=True),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, in the order of the fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> Provenance:
        """Checks and converts the JSON value of a file.

        Raises:
            InputError: a field is unknown or of the wrong type, or the day does not exist.
        """
        if not isinstance(values, dict):
            raise InputError(f"provenance is {type(values).__name__}, expected an object")
        for name, value in values.items():
            if name not in _FIELDS:
                raise InputError(f"provenance has the key {name!r}, expected {', '.join(_FIELDS)}")
            right = value is None or type(value) is int if name == "version" else type(value) is str
            if not right:
                expected = "int or null" if name == "version" else "str"
                raise InputError(
                    f"provenance {name!r} is {type(value).__name__}, expected {expected}"
                )
        if day := values.get("retrieved"):
            try:
                date.fromisoformat(day)
            except ValueError as error:
                raise InputError(
                    f"provenance 'retrieved' is {day!r}, expected YYYY-MM-DD"
                ) from error
        return cls(**values)


_FIELDS = tuple(field.name for field in fields(Provenance))
