"""Converts records between the published offsets and exact ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import first_disagreement, span_agrees, word_limit
from concept_linker.triplets.breach import Breach
from concept_linker.triplets.offsets import DecodedCaption
from concept_linker.triplets.record import SPANS, ConceptSpan, Profile, Record
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["apply_profile", "repair"]


def repair(record: Record, wordpiece: WordPiece | None = None) -> tuple[Record, list[Breach]]:
    """Returns the record with offsets that index its caption, and the spans that it leaves out.

    Published offsets are mapped to the caption; offsets that index it already are unchanged.  A
    span whose tokens disagree with both texts is left out.

    Args:
        record: a full record.
        wordpiece: the published vocabulary; it matters only for captions with a word that the
            vocabulary does not know.
    """
    caption, spans = record["caption"], record["umls_meta_info"]
    decoded = DecodedCaption(caption, wordpiece)
    if _is_exact(caption, decoded.text, spans):
        return record, []
    kept: list[ConceptSpan] = []
    left_out: list[Breach] = []
    for number, span in enumerate(spans):
        if span_agrees(decoded.text, span):
            kept.append(_moved(span, decoded.to_caption))
        else:
            found = decoded.text[span["start_char"] : span["end_char"]]
            reason = f"is {found[:60]!r} in MedConcept-23M's text, expected {span['tokens'][:8]}"
            left_out.append(Breach(f"{SPANS}[{number}]", reason))
    return cast(Record, {**record, SPANS: kept}), left_out


def _is_exact(caption: str, decoded: str, spans: list[ConceptSpan]) -> bool:
    """Whether the offsets index the caption rather than the decoded text.

    If both are possible, whole tokens decide.
    """
    for whole_tokens in (True, False):
        for text, exact in ((decoded, False), (caption, True)):
            if first_disagreement(text, spans, whole_tokens=whole_tokens) == len(spans):
                return exact
    return False


def apply_profile(
    record: Record, profile: Profile, wordpiece: WordPiece | None = None
) -> tuple[Record, list[Breach]]:
    """Returns the record in the form that a profile asks for, and the spans that it leaves out.

    Args:
        record: a full record whose offsets index its caption.
        profile: one of :data:`~concept_linker.triplets.record.PROFILES`.
        wordpiece: the published vocabulary; words that it does not know are not in the published
            text.
    """
    caption = record["caption"]
    max_words = profile["max_words"]
    limit = len(caption) if max_words is None else word_limit(caption, max_words)
    published = profile["offsets"] == "medconcept23m"
    decoded = DecodedCaption(caption, wordpiece) if published else None
    kept: list[ConceptSpan] = []
    left_out: list[Breach] = []
    for number, span in enumerate(record["umls_meta_info"]):
        reason = ""
        if span["umls_similarity"] < profile["min_similarity"]:
            reason = f"has a similarity below {profile['min_similarity']}"
        elif span["end_char"] > limit:
            reason = f"ends after the first {max_words} words"
        elif decoded is not None:
            try:
                span = _moved(span, decoded.from_caption)
            except InputError as error:
                reason = str(error)
        if reason:
            left_out.append(Breach(f"{SPANS}[{number}]", reason))
        else:
            kept.append(span)
    return cast(Record, {**record, SPANS: kept}), left_out


def _moved(span: ConceptSpan, convert: Callable[[int, int], tuple[int, int]]) -> ConceptSpan:
    start, end = convert(span["start_char"], span["end_char"])
    return {**span, "start_char": start, "end_char": end}
