"""What the strict record cannot hold of mentions: two columns of Parquet, or additional keys.

The column ``mentions`` has every mention of a caption, whatever its id and score, one
:meth:`~concept_linker.annotation.Mention.to_row` each.  The column ``span_details`` has an item for
each span of the record, with what is known of the span's mention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_type_hints

from concept_linker.annotation import MENTION_FIELDS, Candidate, Mention
from concept_linker.triplets.parquet_schema import struct_of

__all__ = ["MENTION", "MENTIONS", "SPAN_DETAIL", "span_details"]

#: The name of the column with all mentions.
MENTIONS: Final = "mentions"

_MENTION_TYPES = get_type_hints(Mention)
_CANDIDATE_TYPES = get_type_hints(Candidate)

#: The type of one mention in Parquet: the fields of :meth:`Mention.to_row`.
MENTION: Final = struct_of(
    {name: _MENTION_TYPES[name] for name in MENTION_FIELDS}
    | {name: _CANDIDATE_TYPES[name] for name in Candidate._fields}
)
#: The type of the details of one span in Parquet.
SPAN_DETAIL: Final = struct_of(
    {
        "probability": _MENTION_TYPES["probability"],
        "score": _CANDIDATE_TYPES["score"],
        "label": _MENTION_TYPES["label"],
        "negated": _MENTION_TYPES["negated"],
    }
)


def span_details(chosen: Sequence[tuple[Mention, Candidate]]) -> list[dict[str, Any]]:
    """The details of the spans of one caption.

    Args:
        chosen: the mention and the best candidate of each span; see
            :func:`~concept_linker.triplets.from_annotation.select_mentions`.
    """
    return [
        {
            "probability": mention.probability,
            "score": best.score,
            "label": mention.label,
            "negated": mention.negated,
        }
        for mention, best in chosen
    ]
