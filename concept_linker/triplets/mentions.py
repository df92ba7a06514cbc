"""All mentions of a caption as a column beside its record, whatever their ids and scores."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from concept_linker.annotation import Mention

__all__ = ["MENTION", "MENTIONS", "told"]

#: The name of the column.
MENTIONS: Final = "mentions"

#: The type of one mention in Parquet.
MENTION: Final = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("text", pa.string()),
        ("label", pa.string()),
        ("long_form", pa.string()),
        ("negated", pa.bool_()),
        ("concept_id", pa.string()),
        ("name", pa.string()),
        ("similarity", pa.float32()),
        ("score", pa.float32()),
        ("semantic_types", pa.list_(pa.string())),
    ]
)


def told(mention: Mention) -> dict[str, Any]:
    """A mention with its best candidate, as plain values of the type's fields."""
    best = mention.best
    return {
        "start": mention.start,
        "end": mention.end,
        "text": mention.text,
        "label": mention.label,
        "long_form": mention.long_form,
        "negated": mention.negated,
        "concept_id": best and best.concept_id,
        "name": best and best.name,
        "similarity": best and round(best.similarity, 6),
        "score": best and round(best.score, 6),
        "semantic_types": list(best.semantic_types) if best else [],
    }
