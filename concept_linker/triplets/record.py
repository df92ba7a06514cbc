"""The MedConcept-23M record, full and minimised, to the byte.

A record is the plain ``dict`` of its JSON line, so that programs and files hold the same thing.
The types here name its keys for type checkers; :mod:`.checking` checks its rules.
``docs/formats.md`` is the reference.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal, TypedDict

__all__ = [
    "EQUAL_SIMILARITY",
    "MINIMISED_KEYS",
    "OTHER_KEYS",
    "PROFILES",
    "PROVENANCE",
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
#: The text that ``start_char`` and ``end_char`` index: the caption itself, or the text that the
#: published offsets index (:class:`~concept_linker.triplets.offsets.DecodedCaption`).
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


# The functional syntax, because of the hyphen in a key, which comes from pubmed_parser.
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
    """A caption, its image, and the places of its spans."""

    caption: str
    image: str
    umls_meta_info: list[list[int]]


#: The key of the spans, in both forms.
SPANS: Final = "umls_meta_info"
#: The key of a row's provenance, and its column in Parquet.
PROVENANCE: Final = "provenance"
#: The column, or side-car, with details of each span: ``probability``, ``score``, ``label`` and
#: ``negated`` of its mention (:mod:`.mention_columns`).
SPAN_DETAILS: Final = "span_details"
#: The Parquet column that holds, as JSON, the keys of a row that have no column of their own.
OTHER_KEYS: Final = "other_keys"
RECORD_KEYS: Final = tuple(Record.__annotations__)
SPAN_KEYS: Final = tuple(ConceptSpan.__annotations__)
MINIMISED_KEYS: Final = tuple(MinimisedRecord.__annotations__)

#: A similarity from here on means that mention and name are equal.  The published values are
#: float32 cosines, and those of equal strings come out as 1, or as one or two steps below it
#: (0.99999994, 0.9999999).  Just below 1 a float32 step is 2⁻²⁴.
EQUAL_SIMILARITY: Final = 1.0 - 2 * 2.0**-24


class Profile(TypedDict):
    """Which mentions become spans, and what their offsets index.

    Attributes:
        offsets: see :data:`Offsets`.
        min_similarity: the lowest ``umls_similarity`` of a span.
        max_words: the last white-space word in which a span may end; ``None`` means no limit.
        negated: see :data:`Negated`.
    """

    offsets: Offsets
    min_similarity: float
    max_words: int | None
    negated: Negated


#: Name → profile.  ``medconcept23m`` follows the published data set.
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
    r"""Returns the JSON line of a record, without a line feed, as ``json.dumps`` writes it.

    Raises:
        ValueError: a float is not finite.

    >>> dump({"caption": "5 µm", "image": "a.jpg", "umls_meta_info": []})
    '{"caption": "5 \\u00b5m", "image": "a.jpg", "umls_meta_info": []}'
    """
    return _encode(record)


def minimise(
    record: Record, *, token_spans: bool = False, max_tokens: int | None = None
) -> tuple[MinimisedRecord, int]:
    """Returns the minimised form of a full record, and the number of spans that it leaves out.

    Args:
        record: the full record.
        token_spans: spans hold token positions, as the training loss interprets them; otherwise
            characters, as published.
        max_tokens: leave out spans that end after this token.
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
