"""From an annotation to a record."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, cast

from concept_linker.annotation import Annotation, Candidate, Mention
from concept_linker.errors import InputError, SettingsError
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.triplets.agreement import token_stream, word_limit
from concept_linker.triplets.checking import Checker, Rules
from concept_linker.triplets.offsets import DecodedCaption, visible_sources
from concept_linker.triplets.record import ConceptSpan, Negated, Offsets, Record
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["chosen", "how_made", "to_record"]

_FLOAT32 = struct.Struct("<f")


def to_record(
    annotation: Annotation,
    *,
    image: str,
    pmid: str = "",
    pmc: str = "",
    fig_caption: str | None = None,
    fig_id: str = "",
    fig_label: str = "",
    fig_list_items: Sequence[str] = (),
    graphic_ref: str = "",
    href: str = "",
    tokenizer: WordPiece | None = None,
    offsets: Offsets = "caption",
    min_similarity: float = 0.0,
    max_words: int | None = None,
    negated: Negated = "drop",
) -> Record:
    """The record of an annotated caption: all eleven keys, in their order.

    A mention becomes a span where its best candidate has a CUI and the caption does not say that
    it is absent: a record says what its image shows.  Of mentions that overlap, the one that begins
    first stays; of those that begin together, the longest.

    Args:
        annotation: the caption and its mentions.
        image: the image's path inside the folder of images.
        pmid: the article's PubMed id: digits, or nothing.
        pmc: its PMC id, without the letters.
        fig_caption: the caption as in the article, if it differs.
        fig_id: the figure's id in the article.
        fig_label: its label, such as ``Figure 1``.
        fig_list_items: the items of lists in the caption.
        graphic_ref: the graphic's id.
        href: the graphic's base name, without ending.
        tokenizer: makes ``tokens``; without one they are the basic words, which the metadata
            of the file should say (:func:`how_made`).
        offsets: index the caption, or are as published (``medconcept23m``).
        min_similarity: leave out candidates below it.
        max_words: leave out mentions that end past so many words between white space.
        negated: ``"drop"`` leaves out mentions that are negated, ``"keep"`` makes spans of them as
            of all others, which is what the published records do.

    Raises:
        InputError: something that no record may hold.
        SettingsError: other ``offsets``, or ``negated``.

    >>> heart = Candidate("C0018787", "Heart", "heart", 1.0, 0.9)
    >>> annotation = Annotation("The heart.", (Mention(4, 9, "heart", best=heart),))
    >>> to_record(annotation, image="a.jpg")["umls_meta_info"][0]["tokens"]
    ['heart']
    """
    if offsets not in ("caption", "medconcept23m"):
        raise SettingsError(f"offsets is {offsets!r}, wanted 'caption' or 'medconcept23m'")
    if negated not in ("drop", "keep"):
        raise SettingsError(f"negated is {negated!r}, wanted 'drop' or 'keep'")
    caption = annotation.text
    found = list(chosen(annotation, min_similarity, max_words, negated))
    record = {
        "pmid": pmid,
        "pmc": pmc,
        "fig_caption": caption if fig_caption is None else fig_caption,
        "fig_id": fig_id,
        "fig_label": fig_label,
        "fig_list-items": list(fig_list_items),
        "graphic_ref": graphic_ref,
        "href": href,
        "caption": caption,
        "image": image,
        "umls_meta_info": _spans(caption, found, tokenizer, offsets) if found else [],
    }
    # The spans agree with the caption by the way they are made.
    if breaches := Checker(Rules(form="full", agreement=False)).breaches(record):
        raise InputError(f"no record can be made: {breaches[0]}")
    return cast(Record, record)


def how_made(
    *,
    offsets: Offsets = "caption",
    min_similarity: float = 0.0,
    max_words: int | None = None,
    negated: Negated = "drop",
    tokenizer: WordPiece | None = None,
) -> dict[str, Any]:
    """How :func:`to_record` makes records, for a file's metadata and the provenance's settings.

    >>> how_made()["tokens"]
    'basic words'
    """
    tokens = "basic words" if tokenizer is None else "WordPiece"
    vocabulary = {} if tokenizer is None else tokenizer.to_dict()
    return {
        "offsets": offsets,
        "min_similarity": min_similarity,
        "max_words": max_words,
        "negated": negated,
        "tokens": tokens,
        **vocabulary,
    }


def chosen(
    annotation: Annotation, min_similarity: float, max_words: int | None, negated: Negated
) -> Iterator[tuple[Mention, Candidate]]:
    """The mentions that become spans, in their order, each with its best candidate."""
    caption = annotation.text
    limit = len(caption) if max_words is None else word_limit(caption, max_words)
    end = 0
    for mention in sorted(annotation.mentions, key=lambda mention: (mention.start, -mention.end)):
        best = mention.best
        if (
            best is not None
            and is_cui(best.concept_id)
            and best.similarity >= min_similarity
            and (negated == "keep" or not mention.negated)
            and end <= mention.start
            and mention.end <= limit
        ):
            end = mention.end
            yield mention, best


def _spans(
    caption: str,
    found: list[tuple[Mention, Candidate]],
    tokenizer: WordPiece | None,
    offsets: Offsets,
) -> list[ConceptSpan]:
    tokens, begins = token_stream(caption, tokenizer)
    sources = visible_sources(caption)
    decoded = DecodedCaption(caption, tokenizer) if offsets == "medconcept23m" else None
    spans: list[ConceptSpan] = []
    for mention, best in found:
        start, end = _without_blanks(caption, mention.start, mention.end)
        first, last = bisect_left(sources, start), bisect_left(sources, end)
        if first == last:
            place = f"[{mention.start}, {mention.end})"
            raise InputError(f"the mention {place} has no visible character")
        start_token = bisect_right(begins, first) - 1
        end_token = bisect_left(begins, last)
        if decoded is not None:
            start, end = decoded.from_caption(start, end)
        spans.append(
            {
                "umls_cui": best.concept_id,
                "umls_similarity": _FLOAT32.unpack(_FLOAT32.pack(best.similarity))[0],
                "start_char": start,
                "end_char": end,
                "tokens": tokens[start_token:end_token],
                "start_token": start_token,
                "end_token": end_token,
            }
        )
    return spans


def _without_blanks(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the white space at its ends."""
    inside = text[start:end]
    return end - len(inside.lstrip()), start + len(inside.rstrip())
