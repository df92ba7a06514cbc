"""The MedConcept-23M record, full and minimised, to the byte.

A record is the plain ``dict`` that its JSON line holds, so that nothing stands between a program
and the file; the types here name its keys for type checkers, :mod:`.checking` holds its rules.
``docs/formats.md`` is the reference.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypedDict

__all__ = [
    "MINIMISED_KEYS",
    "OTHER_KEYS",
    "PROFILES",
    "RECORD_KEYS",
    "SPANS",
    "SPAN_DETAILS",
    "SPAN_KEYS",
    "ConceptSpan",
    "Form",
    "MinimisedRecord",
    "Negated",
    "Offsets",
    "Profile",
    "Record",
    "dump",
    "minimise",
]

#: The full record, or the one that the training code reads.
Form = Literal["full", "minimised"]
#: What ``start_char`` and ``end_char`` count in: the caption itself, or the text that the published
#: offsets index (:class:`~concept_linker.triplets.offsets.DecodedCaption`).
Offsets = Literal["caption", "medconcept23m"]
#: Whether a mention that the caption says is absent becomes a span (``keep``) or not (``drop``).
Negated = Literal["drop", "keep"]


class ConceptSpan(TypedDict):
    """One mention of a concept."""

    umls_cui: str
    umls_similarity: float
    start_char: int
    end_char: int
    tokens: list[str]
    start_token: int
    end_token: int


# By call, because of the hyphen, which is pubmed_parser's.
Record = TypedDict(
    "Record",
    {
        "pmid": str,
        "pmc": str,
        "fig_caption": str,
        "fig_id": str,
        "fig_label": str,
        "fig_list-items": list[str],
        "graphic_ref": str,
        "href": str,
        "caption": str,
        "image": str,
        "umls_meta_info": list[ConceptSpan],
    },
)


class MinimisedRecord(TypedDict):
    """A caption, its image, and its spans without anything else."""

    caption: str
    image: str
    umls_meta_info: list[list[int]]


#: The key of the spans, in both forms.
SPANS: Final = "umls_meta_info"
#: The column of Parquet beside the record that tells more of its spans, item by item: ``score``,
#: ``label`` and ``negated`` of the mention.
SPAN_DETAILS: Final = "span_details"
#: The column of Parquet that holds, as JSON, what no other column has a place for; null where that
#: is nothing, and then it is no key of the row.
OTHER_KEYS: Final = "other_keys"
RECORD_KEYS: Final = tuple(Record.__annotations__)
SPAN_KEYS: Final = tuple(ConceptSpan.__annotations__)
MINIMISED_KEYS: Final = tuple(MinimisedRecord.__annotations__)


class Profile(TypedDict):
    """Which mentions become spans, and what their offsets count in.

    Attributes:
        offsets: see :data:`Offsets`.
        min_similarity: the least ``umls_similarity``.
        max_words: a span ends within so many words between white space; ``None`` is all.
        negated: see :data:`Negated`.
    """

    offsets: Offsets
    min_similarity: float
    max_words: int | None
    negated: Negated


#: Name → profile.  ``medconcept23m`` does as the published data set does.
PROFILES: Final[dict[str, Profile]] = {
    "exact": {
        "offsets": "caption",
        "min_similarity": 0.0,
        "max_words": None,
        "negated": "drop",
    },
    "medconcept23m": {
        "offsets": "medconcept23m",
        "min_similarity": 0.8,
        "max_words": 75,
        "negated": "keep",
    },
}

_encode = json.JSONEncoder(allow_nan=False).encode


def dump(record: Any) -> str:
    r"""The JSON line of a record, without its line end, as ``json.dumps`` writes it.

    Raises:
        ValueError: a float that is not finite.

    >>> dump({"caption": "5 µm", "image": "a.jpg", "umls_meta_info": []})
    '{"caption": "5 \\u00b5m", "image": "a.jpg", "umls_meta_info": []}'
    """
    return _encode(record)


def minimise(
    record: Record, *, token_spans: bool = False, max_tokens: int | None = None
) -> tuple[MinimisedRecord, int]:
    """The minimised form of a full record, and how many spans it leaves out.

    Args:
        record: the full record.
        token_spans: the spans hold token positions, which is what the training loss takes them
            for; else characters, as published.
        max_tokens: leave out a span that ends past so many tokens.
    """
    spans = record["umls_meta_info"]
    if max_tokens is not None:
        spans = [span for span in spans if span["end_token"] <= max_tokens]
    if token_spans:
        pairs = [[span["start_token"], span["end_token"]] for span in spans]
    else:
        pairs = [[span["start_char"], span["end_char"]] for span in spans]
    minimised: MinimisedRecord = {
        "caption": record["caption"],
        "image": record["image"],
        "umls_meta_info": pairs,
    }
    return minimised, len(record["umls_meta_info"]) - len(spans)
