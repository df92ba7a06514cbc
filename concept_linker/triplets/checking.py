"""Checks records against the rules of the format."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import (
    first_disagreement,
    text_of_tokens,
    token_stream,
    word_limit,
)
from concept_linker.triplets.breach import Breach
from concept_linker.triplets.field_checks import (
    check_fields,
    check_json,
    check_pairs,
    check_spans,
    kind_of,
    shorten,
)
from concept_linker.triplets.offsets import DecodedCaption
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import (
    MINIMISED_KEYS,
    PROVENANCE,
    RECORD_KEYS,
    SPANS,
    Form,
    Offsets,
)
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["Checker", "Rules", "collect_unknown_keys", "form_of"]

#: The reason of a breach because no other keys may follow, and how many such keys are collected.
_UNKNOWN_KEY: Final = "is not a key of the record"
_MAX_UNKNOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules for a record, beyond those for its keys and types.

    Args:
        form: which form; ``None`` allows both.
        offsets: which text the offsets index; ``None`` allows both, but the same for all spans of
            a record.
        agreement: whether offsets, tokens and caption must agree.
        other_keys: whether other keys may follow those of the record.
        images: whether a record must have an image.
        paths: whether the image's path must be one that file systems allow.
        min_similarity: the lowest ``umls_similarity`` of a span.
        max_words: the last white-space word in which a span may end; ``None`` means no limit.
        wordpiece: if given, ``tokens`` and their positions must be those that it makes.
    """

    form: Form | None = None
    offsets: Offsets | None = None
    agreement: bool = True
    other_keys: bool = False
    images: bool = True
    paths: bool = True
    min_similarity: float = 0.0
    max_words: int | None = None
    wordpiece: WordPiece | None = None


def form_of(record: dict[str, Any]) -> Form:
    """The form that a record is meant to have: a minimised one has three of the eleven keys."""
    return "full" if any(key in record for key in RECORD_KEYS[:8]) else "minimised"


def collect_unknown_keys(unknown: dict[str, None], breaches: Iterable[Breach]) -> None:
    """Adds to ``unknown`` a few of the keys that only :attr:`Rules.other_keys` would allow."""
    for breach in breaches:
        if breach.reason == _UNKNOWN_KEY and len(unknown) < _MAX_UNKNOWN:
            unknown[breach.key] = None


class Checker:
    """Checks records, and counts which text their offsets index.

    Args:
        rules: the rules.

    Attributes:
        offsets: counts of the full records without a breach, by the text that their offsets index:
            ``caption`` (also if both texts are possible), ``medconcept23m``, or ``no spans``.

    >>> Checker().breaches({"caption": "CT.", "image": 5, "umls_meta_info": []})
    [Breach(key='image', reason='is int, expected str')]
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.offsets: Counter[str] = Counter()

    def breaches(self, record: object) -> list[Breach]:
        """Returns every rule that a record breaks.

        The agreement of spans is checked only if the record breaks no other rule.
        """
        if type(record) is not dict:
            return [Breach("record", f"is {kind_of(record)}, expected an object")]
        form = form_of(record)
        if self.rules.form not in (None, form):
            if form == "full" or record.keys() >= set(MINIMISED_KEYS):
                wrong = f"is in the {form} form, expected the {self.rules.form} form"
                return [Breach("record", wrong)]
            form = "full"  # with nearly all keys missing: name each of them
        found: list[Breach] = []
        expected = RECORD_KEYS if form == "full" else MINIMISED_KEYS
        if tuple(record) != expected:
            found += self._keys(record, expected)
        found += check_fields(record, form, images=self.rules.images, paths=self.rules.paths)
        spans = record.get(SPANS)
        if type(spans) is not list:
            if SPANS in record:
                found.append(Breach(SPANS, f"is {kind_of(spans)}, expected a list"))
        elif form == "minimised":
            found += check_pairs(record, spans)
        else:
            found += check_spans(spans)
            if not found and self.rules.agreement:
                found += self._agreement(record["caption"], spans)
        return found

    def _keys(self, record: dict[str, Any], expected: tuple[str, ...]) -> Iterator[Breach]:
        missing = [key for key in expected if key not in record]
        others = [key for key in record if key not in expected and key != PROVENANCE]
        for key in missing:
            yield Breach(key, "is missing")
        for key in others:
            if not self.rules.other_keys:
                yield Breach(shorten(key), _UNKNOWN_KEY)
            else:
                yield from check_json(record[key], shorten(key))
        if PROVENANCE in record:
            try:
                Provenance.from_dict(record[PROVENANCE])
            except InputError as error:
                yield Breach(PROVENANCE, str(error))
        if not missing and tuple(record)[: len(expected)] != expected:
            yield Breach("record", f"its keys are out of order, expected {', '.join(expected)}")

    def _agreement(self, caption: str, spans: list[Any]) -> list[Breach]:
        if not spans:
            self.offsets["no spans"] += 1
            return []
        rules, found = self.rules, []
        kind: Offsets | None = None
        decoded: DecodedCaption | None = None
        number = 0
        if rules.offsets != "medconcept23m":
            number = first_disagreement(caption, spans)
            kind = "caption" if number == len(spans) else None
        if kind is None and rules.offsets != "caption":
            decoded = DecodedCaption(caption, rules.wordpiece)
            number = max(number, first_disagreement(decoded.text, spans))
            kind = "medconcept23m" if number == len(spans) else None
        if kind is None:
            found.append(_disagreement(number, spans[number], caption, decoded, rules.offsets))
        for number, span in enumerate(spans):
            if span["umls_similarity"] < rules.min_similarity:
                reason = f"is {span['umls_similarity']}, expected at least {rules.min_similarity}"
                found.append(Breach(f"{SPANS}[{number}].umls_similarity", reason))
        if rules.wordpiece is not None:
            found += _tokens(caption, spans, rules.wordpiece)
        if rules.max_words is not None and kind is not None:
            limit = word_limit(caption, rules.max_words)
            for number, span in enumerate(spans):
                end = span["end_char"]
                if decoded is not None:
                    end = decoded.to_caption(span["start_char"], end)[1]
                if end > limit:
                    reason = f"is after the first {rules.max_words} words of the caption"
                    found.append(Breach(f"{SPANS}[{number}].end_char", reason))
        if not found and kind is not None:
            self.offsets[kind] += 1
        return found


def _tokens(caption: str, spans: list[Any], wordpiece: WordPiece) -> Iterator[Breach]:
    stream, _ = token_stream(caption, wordpiece)
    for number, span in enumerate(spans):
        expected = stream[span["start_token"] : span["end_token"]]
        if expected != span["tokens"]:
            reason = f"is {shorten(span['tokens'])}, but the caption's tokens at this place are"
            yield Breach(f"{SPANS}[{number}].tokens", f"{reason} {shorten(expected)}")


def _disagreement(
    number: int,
    span: Any,
    caption: str,
    decoded: DecodedCaption | None,
    offsets: Offsets | None,
) -> Breach:
    start, end = span["start_char"], span["end_char"]
    texts = [] if offsets == "medconcept23m" else [("the caption", caption)]
    if decoded is not None:
        texts.append(("MedConcept-23M's text", decoded.text))
    found = ", ".join(f"{shorten(text[start:end])!r} in {name}" for name, text in texts)
    said = shorten(text_of_tokens(span["tokens"]))
    reason = f"[{start}, {end}) is {found}, but the tokens say {said!r}"
    return Breach(f"{SPANS}[{number}].start_char", reason)
