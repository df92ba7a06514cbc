"""Makes a record from an annotation."""

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

__all__ = ["record_settings", "select_mentions", "to_record"]

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
    """Returns the record of an annotated caption, with all eleven keys in their order.

    A mention becomes a span if its best candidate has a CUI and the caption does not say that it
    is absent: a record describes what its image shows.  Of overlapping mentions the first stays; of
    those that begin together, the longest.

    Args:
        annotation: the caption and its mentions.
        image: the image's path inside the folder of images.
        pmid: the article's PubMed id: digits, or empty.
        pmc: the article's PMC id, without the letters.
        fig_caption: the caption as in the article, if it differs.
        fig_id: the figure's id in the article.
        fig_label: the figure's label, such as ``Figure 1``.
        fig_list_items: the items of lists in the caption.
        graphic_ref: the graphic's id.
        href: the graphic's base name, without its ending.
        tokenizer: makes ``tokens``; without one they are the basic words, which the metadata
            of the file should say (:func:`record_settings`).
        offsets: index the caption, or the published text (``medconcept23m``).
        min_similarity: leave out mentions whose best candidate has a lower similarity.
        max_words: leave out mentions that end after this white-space word.
        negated: ``"drop"`` leaves out negated mentions; ``"keep"`` makes spans of them as of all
            others, as in the published records.

    Raises:
        InputError: a value that a record cannot hold.
        SettingsError: ``offsets`` or ``negated`` is unknown.

    >>> heart = Candidate("C0018787", "Heart", "heart", 1.0, 0.9)
    >>> annotation = Annotation("The heart.", (Mention(4, 9, "heart", best=heart),))
    >>> to_record(annotation, image="a.jpg")["umls_meta_info"][0]["tokens"]
    ['heart']
    """
    if offsets not in ("caption", "medconcept23m"):
        raise SettingsError(f"offsets is {offsets!r}, expected 'caption' or 'medconcept23m'")
    if negated not in ("drop", "keep"):
        raise SettingsError(f"negated is {negated!r}, expected 'drop' or 'keep'")
    caption = annotation.text
    chosen = list(select_mentions(annotation, min_similarity, max_words, negated))
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
        "umls_meta_info": _spans(caption, chosen, tokenizer, offsets) if chosen else [],
    }
    # The spans agree with the caption by construction.
    if breaches := Checker(Rules(form="full", agreement=False)).breaches(record):
        raise InputError(f"the annotation does not make a record: {breaches[0]}")
    return cast(Record, record)


def record_settings(
    *,
    offsets: Offsets = "caption",
    min_similarity: float = 0.0,
    max_words: int | None = None,
    negated: Negated = "drop",
    tokenizer: WordPiece | None = None,
) -> dict[str, Any]:
    """The settings of :func:`to_record`, for the metadata of a file and for provenance.

    >>> record_settings()["tokens"]
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


def select_mentions(
    annotation: Annotation, min_similarity: float, max_words: int | None, negated: Negated
) -> Iterator[tuple[Mention, Candidate]]:
    """Yields the mentions that become spans, in their order, each with its best candidate."""
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
    chosen: list[tuple[Mention, Candidate]],
    tokenizer: WordPiece | None,
    offsets: Offsets,
) -> list[ConceptSpan]:
    tokens, begins = token_stream(caption, tokenizer)
    sources = visible_sources(caption)
    decoded = DecodedCaption(caption, tokenizer) if offsets == "medconcept23m" else None
    spans: list[ConceptSpan] = []
    for mention, best in chosen:
        start, end = _strip(caption, mention.start, mention.end)
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


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the white space at its ends."""
    inside = text[start:end]
    return end - len(inside.lstrip()), start + len(inside.rstrip())
