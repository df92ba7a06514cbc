"""Between the published offsets and exact ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import first_wrong, span_agrees, word_limit
from concept_linker.triplets.checking import Breach
from concept_linker.triplets.offsets import DecodedCaption
from concept_linker.triplets.record import SPANS, ConceptSpan, Profile, Record
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["as_published", "repair"]


def repair(record: Record, wordpiece: WordPiece | None = None) -> tuple[Record, list[Breach]]:
    """The record with offsets that index its caption, and the spans left out because none can.

    Published offsets are mapped; offsets that index the caption already stay as they are.

    Args:
        record: a full record.
        wordpiece: the published vocabulary; only a caption with a word that it does not know needs
            it.
    """
    caption, spans = record["caption"], record["umls_meta_info"]
    decoded = DecodedCaption(caption, wordpiece)
    if _is_exact(caption, decoded.text, spans):
        return record, []
    kept: list[ConceptSpan] = []
    left_out: list[Breach] = []
    for number, span in enumerate(spans):
        if span_agrees(decoded.text, span):
            kept.append(_placed(span, decoded.to_caption))
        else:
            there = decoded.text[span["start_char"] : span["end_char"]]
            reason = f"is {there[:60]!r} in MedConcept-23M's text, wanted {span['tokens'][:8]}"
            left_out.append(Breach(f"{SPANS}[{number}]", reason))
    return cast(Record, {**record, SPANS: kept}), left_out


def _is_exact(caption: str, decoded: str, spans: list[ConceptSpan]) -> bool:
    """Whether the offsets index the caption and do not rather index the decoded text.

    Where both would do, the one counts that has whole tokens.
    """
    for whole_tokens in (True, False):
        for text, exact in ((decoded, False), (caption, True)):
            if first_wrong(text, spans, whole_tokens=whole_tokens) == len(spans):
                return exact
    return False


def as_published(
    record: Record, profile: Profile, wordpiece: WordPiece | None = None
) -> tuple[Record, list[Breach]]:
    """A record with exact offsets made as a profile wants it, and the spans left out.

    Args:
        record: a full record whose offsets index its caption.
        profile: one of :data:`~concept_linker.triplets.record.PROFILES`.
        wordpiece: words that it does not know are not in the published text.
    """
    caption = record["caption"]
    most = profile["max_words"]
    limit = len(caption) if most is None else word_limit(caption, most)
    published = profile["offsets"] == "medconcept23m"
    decoded = DecodedCaption(caption, wordpiece) if published else None
    kept: list[ConceptSpan] = []
    left_out: list[Breach] = []
    for number, span in enumerate(record["umls_meta_info"]):
        reason = ""
        if span["umls_similarity"] < profile["min_similarity"]:
            reason = f"has a similarity below {profile['min_similarity']}"
        elif span["end_char"] > limit:
            reason = f"is past the first {most} words"
        elif decoded is not None:
            try:
                span = _placed(span, decoded.from_caption)
            except InputError as error:
                reason = str(error)
        if reason:
            left_out.append(Breach(f"{SPANS}[{number}]", reason))
        else:
            kept.append(span)
    return cast(Record, {**record, SPANS: kept}), left_out


def _placed(span: ConceptSpan, place: Callable[[int, int], tuple[int, int]]) -> ConceptSpan:
    start, end = place(span["start_char"], span["end_char"])
    return {**span, "start_char": start, "end_char": end}
