"""The output formats of shards.

To add one, write a class like :class:`~.format.ShardFormat` in a module here, and add its line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from concept_linker.errors import SettingsError
from concept_linker.runtime.registry import Entry, find_entry, list_names

__all__ = ["FORMATS", "parse_formats"]

_PARQUET: Final = "concept_linker.annotating.shards.formats.parquet:ParquetFormat"
_JSON_LINES: Final = "concept_linker.annotating.shards.formats.json_lines:JsonLinesFormat"

#: Name → format.  The name is also the ending of the files; what precedes its first dot identifies
#: the content, so ``jsonl`` and ``jsonl.gz`` cannot be written together.
FORMATS: Final = {
    "parquet": Entry(_PARQUET, "Parquet with typed columns"),
    "jsonl": Entry(_JSON_LINES, "JSON Lines"),
    "jsonl.gz": Entry(_JSON_LINES, "JSON Lines, gzip"),
    "jsonl.zst": Entry(_JSON_LINES, "JSON Lines, zstd"),
}


def parse_formats(given: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the names in ``"parquet,jsonl"``, or in a list of names.

    Raises:
        SettingsError: a format does not exist, or two have the same content.

    >>> parse_formats("parquet,jsonl.gz")
    ('parquet', 'jsonl.gz')
    """
    names = tuple(given.split(",") if isinstance(given, str) else given)
    for name in names:
        find_entry(FORMATS, name, "format")
    if not names or len({name.split(".")[0] for name in names}) < len(names):
        raise SettingsError(
            f"formats are {','.join(names)!r}, expected {list_names(FORMATS)}, or several, but "
            "only one kind of jsonl"
        )
    return names
