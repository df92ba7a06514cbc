"""Checks the fields of a record, and of its spans, one by one."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator
from typing import Any, Final

from concept_linker.triplets.breach import Breach
from concept_linker.triplets.offsets import DecodedCaption
from concept_linker.triplets.record import RECORD_KEYS, SPAN_KEYS, SPANS, Form

__all__ = ["check_fields", "check_json", "check_pairs", "check_spans", "kind_of", "shorten"]

#: The cosine of two equal float32 vectors may come out a step or two above 1.  Just above 1 a
#: float32 step is 2⁻²³.
_MAX_SIMILARITY = 1.0 + 2 * 2.0**-23
#: The largest number in a Parquet column, far past the end of any caption.
_MAX_OFFSET = 2**31 - 1
_LIST_ITEMS = "fig_list-items"
_TEXTS = tuple(key for key in RECORD_KEYS if key not in (SPANS, _LIST_ITEMS))
_CUI = re.compile(r"C[0-9]{7}")
#: At most 18 digits fit into an integer of 64 bits; real ids have half as many.
_DIGITS = re.compile(r"[0-9]{0,18}")
#: Missing values of tables, once they have become text.
_MISSING = frozenset(("nan", "NaN", "None", "NaT", "<NA>"))
#: The longest text, because no line of JSON Lines may be longer.
_MAX_TEXT = 1 << 20
#: The longest path, and the longest name in it, that file systems allow.
_MAX_PATH, _MAX_NAME = 4096, 255
_FLOAT32 = struct.Struct("<f")
_MAX_SHOWN: Final = 60


def check_fields(
    record: dict[str, Any], form: Form, *, images: bool, paths: bool
) -> Iterator[Breach]:
    """Types and values of everything but the spans.

    Args:
        record: the record; keys may be missing.
        form: its form.
        images: whether it must have an image.
        paths: whether the image's path must be one that file systems allow.
    """
    for key in _TEXTS if form == "full" else ("caption", "image"):
        value = record.get(key)
        if type(value) is not str:
            if key in record:
                yield Breach(key, f"is {kind_of(value)}, expected str")
        elif len(value) > _MAX_TEXT:
            yield Breach(key, f"has {len(value):,} characters, expected at most {_MAX_TEXT:,}")
        elif value in _MISSING:
            yield Breach(key, f"is {value!r}, expected an empty text for a missing value")
        elif not value.isascii():
            yield from _check_unicode(value, key)
    for key in ("pmid", "pmc") if form == "full" else ():
        value = record.get(key)
        if type(value) is str and _DIGITS.fullmatch(value) is None:
            yield Breach(
                key, f"is {shorten(value)!r}, expected at most 18 digits, or an empty text"
            )
    if record.get("caption") == "":
        yield Breach("caption", "is empty")
    image = record.get("image")
    inside = type(image) is not str or (not image and not images) or _is_inside(image)
    if not inside or (paths and type(image) is str and not _is_path(image)):
        expected = "a path inside the folder of images"
        yield Breach("image", f"is {shorten(image)!r}, expected {expected}")
    items = record.get(_LIST_ITEMS, [])
    if type(items) is not list:
        yield Breach(_LIST_ITEMS, f"is {kind_of(items)}, expected a list of str")
        return
    for number, item in enumerate(items):
        if type(item) is not str:
            yield Breach(f"{_LIST_ITEMS}[{number}]", f"is {kind_of(item)}, expected str")
        else:
            yield from _check_unicode(item, f"{_LIST_ITEMS}[{number}]")


def _is_inside(image: str) -> bool:
    parts = image.replace("\\", "/").split("/")
    return bool(parts[0]) and ".." not in parts


def _is_path(image: str) -> bool:
    """Whether file systems allow such a path."""
    longest = max(map(len, image.encode("utf-8", "surrogatepass").split(b"/")))
    return "\0" not in image and longest <= _MAX_NAME and len(image) <= _MAX_PATH


def check_spans(spans: list[Any]) -> list[Breach]:
    """Keys, types, ranges and order of the spans of a full record."""
    found: list[Breach] = []
    last_end = last_token = 0
    for number, span in enumerate(spans):
        problems = list(_check_span(span, last_end, last_token))
        if not problems:
            last_end, last_token = span["end_char"], span["start_token"]
        for key, reason in problems:
            found.append(Breach(f"{SPANS}[{number}]{key}", reason))
    return found


def _check_span(span: Any, last_end: int, last_token: int) -> Iterator[tuple[str, str]]:
    if type(span) is not dict:
        yield "", f"is {kind_of(span)}, expected an object"
        return
    if tuple(span) != SPAN_KEYS:
        missing = [key for key in SPAN_KEYS if key not in span]
        others = [key for key in span if key not in SPAN_KEYS]
        yield from ((f".{key}", "is missing") for key in missing)
        yield from ((f".{shorten(key)}", "is not a key of a span") for key in others)
        if not missing and not others:
            yield "", f"its keys are out of order, expected {', '.join(SPAN_KEYS)}"
        return
    cui, similarity, start, end, tokens, first, last = span.values()
    if type(cui) is not str or _CUI.fullmatch(cui) is None:
        yield ".umls_cui", f"is {shorten(cui)!r}, expected C and seven digits"
    if type(similarity) is not float or not math.isfinite(similarity):
        yield ".umls_similarity", f"is {kind_of(similarity)}, expected float"
    elif not 0.0 <= similarity <= _MAX_SIMILARITY:
        yield ".umls_similarity", f"is {similarity}, expected 0 to 1"
    elif _FLOAT32.unpack(_FLOAT32.pack(similarity))[0] != similarity:
        yield ".umls_similarity", f"is {similarity!r}, expected a float32"
    if type(start) is not int or type(end) is not int:
        wrong, value = (".start_char", start) if type(start) is not int else (".end_char", end)
        yield wrong, f"is {kind_of(value)}, expected int"
    elif not 0 <= start < end <= _MAX_OFFSET:
        yield ".end_char", f"{_span_is(start, end)}, expected 0 <= start < end"
    elif start < last_end:
        yield ".start_char", f"is {start}, but the span before ends at {last_end}"
    if type(tokens) is not list or not tokens or not all(type(t) is str and t for t in tokens):
        yield ".tokens", "expected a non-empty list of words or pieces"
    if type(first) is not int or type(last) is not int:
        wrong, value = (".start_token", first) if type(first) is not int else (".end_token", last)
        yield wrong, f"is {kind_of(value)}, expected int"
    elif not 0 <= first < last <= _MAX_OFFSET:
        yield ".end_token", f"{_span_is(first, last)}, expected 0 <= start < end"
    elif first < last_token:
        yield ".start_token", f"is {first}, but the span before begins at {last_token}"
    elif type(tokens) is list and last - first != len(tokens):
        yield ".end_token", f"the span is [{first}, {last}), but it has {len(tokens)} tokens"


def check_pairs(record: dict[str, Any], spans: list[Any]) -> Iterator[Breach]:
    """The spans of a minimised record, which may count characters or tokens."""
    caption = record.get("caption")
    last_end = 0
    for number, pair in enumerate(spans):
        key = f"{SPANS}[{number}]"
        if (
            type(pair) is not list
            or len(pair) != 2
            or any(type(place) is not int for place in pair)
        ):
            yield Breach(key, f"is {shorten(pair)!r}, expected [start, end]")
            continue
        start, end = pair
        if not 0 <= start < end:
            yield Breach(key, f"{_span_is(start, end)}, expected 0 <= start < end")
        elif start < last_end:
            yield Breach(key, f"begins at {start}, but the span before ends at {last_end}")
        elif type(caption) is str and end > len(caption):
            length = len(DecodedCaption(caption).text)
            if end > max(length, len(caption)):
                characters = f"the caption's {len(caption)} characters"
                yield Breach(key, f"ends at {shorten(end)}, after {characters}")
        last_end = end


def check_json(value: Any, key: str) -> Iterator[Breach]:
    """What JSON or UTF-8 cannot hold, anywhere in the value of another key."""
    if type(value) is float and not math.isfinite(value):
        yield Breach(key, f"is {kind_of(value)}")
    elif type(value) is str:
        yield from _check_unicode(value, key)
    elif type(value) is list:
        for number, item in enumerate(value):
            yield from check_json(item, f"{key}[{number}]")
    elif type(value) is dict:
        for name, item in value.items():
            yield from check_json(item, f"{key}.{shorten(name)}")


def _check_unicode(text: str, key: str) -> Iterator[Breach]:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        yield Breach(key, f"has half of a surrogate pair at character {error.start}")


def _span_is(start: int, end: int) -> str:
    return f"the span is [{shorten(start)}, {shorten(end)})"


def kind_of(value: object) -> str:
    """The type of a JSON value, for a message."""
    if value is None:
        return "null"
    if type(value) is float and not math.isfinite(value):
        return f"{json.dumps(value)}, which JSON does not have"
    return "an object" if type(value) is dict else type(value).__name__


def shorten(value: Any) -> Any:
    """A value for a message, cut to a length that fits into a line."""
    if isinstance(value, str):
        return value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "…"
    try:
        shown = repr(value)
    except ValueError:  # an integer with more digits than Python prints
        shown = type(value).__name__
    return shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + "…"
