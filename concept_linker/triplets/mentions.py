"""All mentions of a caption as a column beside its record, whatever their ids and scores."""

from __future__ import annotations

from typing import Any, Final, get_type_hints

import pyarrow as pa

from concept_linker.annotation import MENTION_FIELDS, Candidate, Mention

__all__ = ["MENTION", "MENTIONS"]

#: The name of the column.
MENTIONS: Final = "mentions"

_ARROW = {
    int: pa.int32(),
    float: pa.float32(),
    bool: pa.bool_(),
    str: pa.string(),
    str | None: pa.string(),
    tuple[str, ...]: pa.list_(pa.string()),
}


def _fields() -> list[tuple[str, Any]]:
    """The fields of :meth:`Mention.to_row`, each with its Arrow type."""
    mention, candidate = get_type_hints(Mention), get_type_hints(Candidate)
    own = [(name, _ARROW[mention[name]]) for name in MENTION_FIELDS]
    return own + [(name, _ARROW[candidate[name]]) for name in Candidate._fields]


#: The type of one mention in Parquet.
MENTION: Final = pa.struct(_fields())
