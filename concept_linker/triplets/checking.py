"""The rules of a record, and what breaks them."""

from __future__ import annotations

import json
import math
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from concept_linker.errors import InputError
from concept_linker.triplets.agreement import first_wrong, said, token_stream, word_limit
from concept_linker.triplets.offsets import DecodedCaption
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import (
    MINIMISED_KEYS,
    RECORD_KEYS,
    SPAN_KEYS,
    SPANS,
    Form,
    Offsets,
)
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["PROVENANCE", "Breach", "Checker", "Rules", "form_of", "note_unknown"]

#: The key under which a row carries its provenance inside this library and in Parquet.
PROVENANCE: Final = "provenance"
#: Why a key is a breach where no other keys may follow, and how many such are named.
_NO_KEY = "is no key of the record"
_MOST_UNKNOWN = 8
#: The cosine of two equal float32 vectors may come out a step or two above 1.
_MOST_SIMILAR = 1.0 + 2**-22
#: What a column of Parquet holds, and far past the end of any caption.
_MOST = 2**31 - 1
_LIST_ITEMS = "fig_list-items"
_TEXTS = tuple(key for key in RECORD_KEYS if key not in (SPANS, _LIST_ITEMS))
_CUI = re.compile(r"C[0-9]{7}")
#: As many digits as a whole number of 64 bits holds, and twice what any id has.
_DIGITS = re.compile(r"[0-9]{0,18}")
#: What tables write where they have nothing, once it has become text.
_NOTHING = frozenset(("nan", "NaN", "None", "NaT", "<NA>"))
#: The longest text: no line of JSON Lines may be longer.
_LONGEST = 1 << 20
#: The longest path, and the longest name in it, that file systems have.
_LONGEST_PATH, _LONGEST_NAME = 4096, 255
_FLOAT32 = struct.Struct("<f")


class Breach(NamedTuple):
    """One rule broken: where in the record (``umls_meta_info[2].end_char``), and why."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of a record beyond its keys and types.

    Args:
        form: which form; ``None`` takes either.
        offsets: which text the offsets count in; ``None`` takes either, the same for all spans of
            a record.
        agreement: whether offsets, tokens and caption must say the same.
        other_keys: whether keys may follow the record's own.
        images: whether a record must have an image.
        paths: whether its path must be one that file systems can have; who reads images may say so
            of each.
        min_similarity: the least ``umls_similarity``.
        max_words: a span ends within so many words between white space.
        wordpiece: if given, ``tokens`` and their positions must be as it makes them.
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
    """The form that a record is meant to have: the minimised one has three of the eleven keys."""
    return "full" if any(key in record for key in RECORD_KEYS[:8]) else "minimised"


def note_unknown(unknown: dict[str, None], breaches: Iterable[Breach]) -> None:
    """Adds the keys that are breaches only because no other keys may follow; the first few."""
    for breach in breaches:
        if breach.reason == _NO_KEY and len(unknown) < _MOST_UNKNOWN:
            unknown[breach.key] = None


class Checker:
    """Checks records, and counts which text their offsets index.

    Args:
        rules: what is asked.

    Attributes:
        offsets: of the full records without a breach, how many have offsets in the ``caption``
            (those that would do for both are here), in the text of ``medconcept23m``, and how many
            have ``no spans``.

    >>> Checker().breaches({"caption": "CT.", "image": 5, "umls_meta_info": []})
    [Breach(key='image', reason='is int, wanted str')]
    """

    def __init__(self, rules: Rules | None = None) -> None:
        self.rules = rules or Rules()
        self.offsets: Counter[str] = Counter()

    def breaches(self, record: object) -> list[Breach]:
        """Every rule that a record breaks; the agreement of spans only where all else is right."""
        if type(record) is not dict:
            return [Breach("record", f"is {_kind(record)}, wanted an object")]
        form = form_of(record)
        if self.rules.form not in (None, form):
            if form == "full" or record.keys() >= set(MINIMISED_KEYS):
                wrong = f"is in the {form} form, wanted the {self.rules.form} one"
                return [Breach("record", wrong)]
            form = "full"  # of which it has next to nothing: every key is told
        found: list[Breach] = []
        wanted = RECORD_KEYS if form == "full" else MINIMISED_KEYS
        if tuple(record) != wanted:
            found += self._keys(record, wanted)
        found += _values(record, form, self.rules)
        spans = record.get(SPANS)
        if type(spans) is not list:
            if SPANS in record:
                found.append(Breach(SPANS, f"is {_kind(spans)}, wanted a list"))
        elif form == "minimised":
            found += _pairs(record, spans)
        else:
            found += _spans(spans)
            if not found and self.rules.agreement:
                found += self._agreement(record["caption"], spans)
        return found

    def _keys(self, record: dict[str, Any], wanted: tuple[str, ...]) -> Iterator[Breach]:
        missing = [key for key in wanted if key not in record]
        others = [key for key in record if key not in wanted and key != PROVENANCE]
        for key in missing:
            yield Breach(key, "is missing")
        for key in others:
            if not self.rules.other_keys:
                yield Breach(_shown(key), _NO_KEY)
            else:
                yield from _no_json(record[key], _shown(key))
        if PROVENANCE in record:
            try:
                Provenance.from_dict(record[PROVENANCE])
            except InputError as error:
                yield Breach(PROVENANCE, str(error))
        if not missing and tuple(record)[: len(wanted)] != wanted:
            yield Breach("record", f"its keys are in another order than {', '.join(wanted)}")

    def _agreement(self, caption: str, spans: list[Any]) -> list[Breach]:
        if not spans:
            self.offsets["no spans"] += 1
            return []
        rules, found = self.rules, []
        kind: Offsets | None = None
        decoded: DecodedCaption | None = None
        number = 0
        if rules.offsets != "medconcept23m":
            number = first_wrong(caption, spans)
            kind = "caption" if number == len(spans) else None
        if kind is None and rules.offsets != "caption":
            decoded = DecodedCaption(caption, rules.wordpiece)
            number = max(number, first_wrong(decoded.text, spans))
            kind = "medconcept23m" if number == len(spans) else None
        if kind is None:
            found.append(_disagreement(number, spans[number], caption, decoded, rules.offsets))
        for number, span in enumerate(spans):
            if span["umls_similarity"] < rules.min_similarity:
                reason = f"is {span['umls_similarity']}, wanted {rules.min_similarity} or more"
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
                    reason = f"is past the first {rules.max_words} words of the caption"
                    found.append(Breach(f"{SPANS}[{number}].end_char", reason))
        if not found and kind is not None:
            self.offsets[kind] += 1
        return found


def _values(record: dict[str, Any], form: Form, rules: Rules) -> Iterator[Breach]:
    """Types and contents of everything but the spans."""
    for key in _TEXTS if form == "full" else ("caption", "image"):
        value = record.get(key)
        if type(value) is not str:
            if key in record:
                yield Breach(key, f"is {_kind(value)}, wanted str")
        elif len(value) > _LONGEST:
            yield Breach(key, f"has {len(value):,} characters, wanted {_LONGEST:,} at most")
        elif value in _NOTHING:
            yield Breach(key, f"is {value!r}, wanted nothing where there is nothing")
        elif not value.isascii():
            yield from _no_unicode(value, key)
    for key in ("pmid", "pmc") if form == "full" else ():
        value = record.get(key)
        if type(value) is str and _DIGITS.fullmatch(value) is None:
            wanted = "digits (18 at most), or nothing where it has none"
            yield Breach(key, f"is {_shown(value)!r}, wanted {wanted}")
    if record.get("caption") == "":
        yield Breach("caption", "is empty")
    image = record.get("image")
    inside = type(image) is not str or (not image and not rules.images) or _is_inside(image)
    if not inside or (rules.paths and type(image) is str and not _is_path(image)):
        yield Breach("image", f"is {_shown(image)!r}, wanted a path inside the folder of images")
    items = record.get(_LIST_ITEMS, [])
    if type(items) is not list:
        yield Breach(_LIST_ITEMS, f"is {_kind(items)}, wanted a list of str")
        return
    for number, item in enumerate(items):
        if type(item) is not str:
            yield Breach(f"{_LIST_ITEMS}[{number}]", f"is {_kind(item)}, wanted str")
        else:
            yield from _no_unicode(item, f"{_LIST_ITEMS}[{number}]")


def _is_inside(image: str) -> bool:
    parts = image.replace("\\", "/").split("/")
    return bool(parts[0]) and ".." not in parts


def _is_path(image: str) -> bool:
    """Whether file systems can have such a path."""
    longest = max(map(len, image.encode("utf-8", "surrogatepass").split(b"/")))
    return "\0" not in image and longest <= _LONGEST_NAME and len(image) <= _LONGEST_PATH


def _spans(spans: list[Any]) -> list[Breach]:
    """Keys, types, ranges and order of the spans of a full record."""
    found: list[Breach] = []
    last_end = last_token = 0
    for number, span in enumerate(spans):
        problems = list(_span(span, last_end, last_token))
        if not problems:
            last_end, last_token = span["end_char"], span["start_token"]
        for key, reason in problems:
            found.append(Breach(f"{SPANS}[{number}]{key}", reason))
    return found


def _span(span: Any, last_end: int, last_token: int) -> Iterator[tuple[str, str]]:
    if type(span) is not dict:
        yield "", f"is {_kind(span)}, wanted an object"
        return
    if tuple(span) != SPAN_KEYS:
        missing = [key for key in SPAN_KEYS if key not in span]
        others = [key for key in span if key not in SPAN_KEYS]
        yield from ((f".{key}", "is missing") for key in missing)
        yield from ((f".{_shown(key)}", "is no key of a span") for key in others)
        if not missing and not others:
            yield "", f"its keys are in another order than {', '.join(SPAN_KEYS)}"
        return
    cui, similarity, start, end, tokens, first, last = span.values()
    if type(cui) is not str or _CUI.fullmatch(cui) is None:
        yield ".umls_cui", f"is {_shown(cui)!r}, wanted C and seven digits"
    if type(similarity) is not float or not math.isfinite(similarity):
        yield ".umls_similarity", f"is {_kind(similarity)}, wanted float"
    elif not 0.0 <= similarity <= _MOST_SIMILAR:
        yield ".umls_similarity", f"is {similarity}, wanted 0 to 1"
    elif _FLOAT32.unpack(_FLOAT32.pack(similarity))[0] != similarity:
        yield ".umls_similarity", f"is {similarity!r}, which is no float32"
    if type(start) is not int or type(end) is not int:
        wrong, value = (".start_char", start) if type(start) is not int else (".end_char", end)
        yield wrong, f"is {_kind(value)}, wanted int"
    elif not 0 <= start < end <= _MOST:
        yield ".end_char", f"{_span_is(start, end)}, wanted 0 <= start < end"
    elif start < last_end:
        yield ".start_char", f"is {start}, but the span before ends at {last_end}"
    if type(tokens) is not list or not tokens or not all(type(t) is str and t for t in tokens):
        yield ".tokens", "wanted a list of words or pieces, not empty"
    if type(first) is not int or type(last) is not int:
        wrong, value = (".start_token", first) if type(first) is not int else (".end_token", last)
        yield wrong, f"is {_kind(value)}, wanted int"
    elif not 0 <= first < last <= _MOST:
        yield ".end_token", f"{_span_is(first, last)}, wanted 0 <= start < end"
    elif first < last_token:
        yield ".start_token", f"is {first}, but the span before has {last_token}"
    elif type(tokens) is list and last - first != len(tokens):
        yield ".end_token", f"the span is [{first}, {last}), but it has {len(tokens)} tokens"


def _pairs(record: dict[str, Any], spans: list[Any]) -> Iterator[Breach]:
    """The spans of a minimised record; they do not say whether they count characters."""
    caption = record.get("caption")
    last_end = 0
    for number, pair in enumerate(spans):
        key = f"{SPANS}[{number}]"
        if (
            type(pair) is not list
            or len(pair) != 2
            or any(type(place) is not int for place in pair)
        ):
            yield Breach(key, f"is {_shown(pair)!r}, wanted [start, end]")
            continue
        start, end = pair
        if not 0 <= start < end:
            yield Breach(key, f"{_span_is(start, end)}, wanted 0 <= start < end")
        elif start < last_end:
            yield Breach(key, f"begins at {start}, but the span before ends at {last_end}")
        elif type(caption) is str and end > len(caption):
            length = len(DecodedCaption(caption).text)
            if end > max(length, len(caption)):
                yield Breach(
                    key, f"ends at {_shown(end)}, past the caption's {len(caption)} characters"
                )
        last_end = end


def _tokens(caption: str, spans: list[Any], wordpiece: WordPiece) -> Iterator[Breach]:
    stream, _ = token_stream(caption, wordpiece)
    for number, span in enumerate(spans):
        there = stream[span["start_token"] : span["end_token"]]
        if there != span["tokens"]:
            reason = f"is {_shown(span['tokens'])}, but the caption's tokens there are"
            yield Breach(f"{SPANS}[{number}].tokens", f"{reason} {_shown(there)}")


def _disagreement(
    number: int,
    span: Any,
    caption: str,
    decoded: DecodedCaption | None,
    offsets: Offsets | None,
) -> Breach:
    start, end = span["start_char"], span["end_char"]
    texts = [] if offsets == "medconcept23m" else [("caption", caption)]
    if decoded is not None:
        texts.append(("MedConcept-23M's text", decoded.text))
    there = ", ".join(f"{_shown(text[start:end])!r} in the {name}" for name, text in texts)
    there = there.replace("in the MedConcept", "in MedConcept")
    reason = f"[{start}, {end}) is {there}, but the tokens say {_shown(said(span['tokens']))!r}"
    return Breach(f"{SPANS}[{number}].start_char", reason)


def _no_json(value: Any, key: str) -> Iterator[Breach]:
    """What JSON or UTF-8 cannot hold, anywhere inside the value of another key."""
    if type(value) is float and not math.isfinite(value):
        yield Breach(key, f"is {_kind(value)}")
    elif type(value) is str:
        yield from _no_unicode(value, key)
    elif type(value) is list:
        for number, item in enumerate(value):
            yield from _no_json(item, f"{key}[{number}]")
    elif type(value) is dict:
        for name, item in value.items():
            yield from _no_json(item, f"{key}.{_shown(name)}")


def _no_unicode(text: str, key: str) -> Iterator[Breach]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        yield Breach(key, f"has half of a surrogate pair at character {error.start}")


def _span_is(start: int, end: int) -> str:
    return f"the span is [{_shown(start)}, {_shown(end)})"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if type(value) is float and not math.isfinite(value):
        return f"{json.dumps(value)}, which JSON does not have"
    return "an object" if type(value) is dict else type(value).__name__


def _shown(value: Any) -> Any:
    """A value in a message: not longer than a line takes."""
    if isinstance(value, str):
        return value if len(value) <= 60 else value[:60] + "…"
    try:
        shown = repr(value)
    except ValueError:  # a number of more digits than Python writes
        shown = type(value).__name__
    return shown if len(shown) <= 60 else shown[:60] + "…"
