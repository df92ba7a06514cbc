"""Noise: words of a caption about the picture rather than its content, which are never mentions.

Panel letters and ranges, arrows and their colours, scale bars, magnifications, numbers and units
(``mg L−1``), statistics, references to figures, dates and addresses.  The context decides about
ambiguous words: "bar" next to a scale, "left" before "panel", "blue" in a legend, "SD" after "±".
Stains, tests (ANOVA) and other named things are not noise, nor is time ("3 months"), which corpora
annotate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TypeVar

__all__ = ["is_noise", "without_noise"]

_Span = TypeVar("_Span", bound=tuple[object, ...])

_COLOUR = (
    "(?:(?:light|dark|pale|bright|deep)[- ])?(?:white|black|red|green|blue|yellow|orange|purple|"
    "violet|pink|gr[ae]y|brown|cyan|magenta|turquoise|golden?)"
)
_LOOK = (
    rf"{_COLOUR}|solid|dashed|dotted|broken|open|closed|filled|empty|hollow|thick|thin|long|short|"
    "small|large|big|curved|straight|bent|single|double|triple|head|coloured|colored|horizontal|"
    "vertical|opposing|outlined"
)
_POINTER = (
    r"arrows?(?:[- ]?heads?)?|arrowed|asterisks?|asterix|chevrons?|crosshairs?|"
    r"(?-i:(?:five-pointed\s)?[Ss]tars?|STARS?)"
)
_SHAPE = rf"{_POINTER}|(?:line|circle|box|square|rectangle|oval|dot|bracket|frame|outline)(?:e?s)?"
_PICTURE = r"(?:(?:sub)?panel|figure|inset)s?|figs?\b\.?"
_SIDE = "left|right|top|bottom|upper|lower|middle|cent(?:re|er|ral)|first|second|third|last"
_PLACE = "rows?|columns?|corners?|pictures?|photos?"
_NUMBER = r"[-+~≈<>≤≥=±]?\s?\d[\d.,]*"
_MONTH = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.?)"
)
# Case-sensitive: "18S" is not a time.
_UNIT = (
    r"(?:[µμnmck]?m[²³23]?|[µμmcd]?[lL]|[µμnmk]?g|mmHg|[kM]?Hz|kVp?|mAs?|[µμnm]?M|kDa|°\s?C|Gy|%|T|"
    r"msec|sec|ms)"
)
# Units with an exponent: "mg L−1", "U mL⁻¹", "m s−2".  A hyphen may mean something else ("L-1"), so
# it counts only after a number or another unit.
_BASE_UNIT = (
    r"(?:[µμnmcdk]?(?:m|g|L|l|s|mol|M|U|J|W|V|A|N|Pa|Bq|Ci|Gy|Sv|Hz|Da)|IU|CFU|cfu|kcal|cal|min|hr?|"
    r"da?y?|days?|wk|weeks?|yr|years?|ha|cells?|K|°\s?C|ppm|pixels?)"
)
_POWER = r"(?:\s?[−⁻]\s?[1-4¹²³⁴])"
_TIMES = r"(?:\s?[·⋅×*/.]\s?|\s)"  # never empty: "mmmm" must not have many readings
_PER = rf"(?:{_BASE_UNIT}[23²³]?{_TIMES})*{_BASE_UNIT}{_POWER}(?:{_TIMES}{_BASE_UNIT}{_POWER}?)*"

_ALWAYS = re.compile(
    rf"""
    (?:(?:{_LOOK}|{_SIDE})[-\s,]+)*(?:{_POINTER})
    | (?:scale|calibration|error)[-\s]?bars?(?:\s?[=:]?\s?{_NUMBER}\s?(?:\w{{1,2}})?)?
    | bars?\s?[=:]\s?{_NUMBER}\s?(?:\w{{1,2}})?
    | (?:original\s)?magnifications? | [x×]\s?\d[\d,.]*(?:\sk)? | \d[\d,.]*\s?[x×]
    | (?:(?:{_SIDE})\s)*(?:{_PICTURE})(?:\s?\d*[a-z]?(?:[-–]\w)?)?
    | (?:{_SIDE})\s(?:{_PLACE}|images?|half|halves)
    | n\s?=\s?\d+ | [pq](?:[-\s]values?)?\s?[<>=≤≥]\s?\.?\d[\d.e×-]*
    | {_MONTH}\s(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s)?\d{{4}} | \d{{1,2}}\s{_MONTH}(?:\s\d{{4}})?
    | (?-i:{_PER})
    | [a-z] | \W+
    """,
    re.I | re.X,
)
_QUANTITY = re.compile(rf"{_NUMBER}(?:\s?[±–-]\s?[\d.,]+)?\s?{_UNIT}?")
_PANEL = r"[(\[]?(?:{0})(?:(?:\s?[,;]\s?|\s?&\s?|\s(?:and|to)\s)(?:{0}))+[)\]]?"
_PANELS = re.compile("|".join(map(_PANEL.format, ("[A-Z]", "[a-z]", "[ivx]{1,4}", r"\d*[A-Za-z]"))))
_RANGE = re.compile(r"[(\[]?([A-Z]\s?[-–—]\s?[A-Z]|[a-z]\s?[-–—]\s?[a-z])[)\]]?")
_STAINS = frozenset({"H&E", "H & E", "H and E"})
_ADDRESS = re.compile(r"(?:https?:|www\.|ftp:|doi:\s?|\w://)\S*$", re.I)

_CACHED = 200  # the most characters of words whose result is cached
_CONTEXT_SIZE = 60  # characters of context on either side
_ADDRESS_BEFORE = 200  # and for the beginning of an address

# Words that are noise in a context: (before, words, after); an empty pattern matches anything.
_CONTEXTS = tuple(
    (re.compile(before, re.I), re.compile(words, re.I), re.compile(after, re.I))
    for before, words, after in (
        # "white" in "white or open arrow"; "red" in "red line"; "head" in "arrow head"
        ("", _LOOK, rf"[-\s,]+(?:(?:{_LOOK}|or|and)[-\s,]+)*(?:{_POINTER})\b"),
        ("", f"{_COLOUR}|solid|dashed|dotted", rf"[-\s]+(?:(?:{_LOOK})[-\s]+)*(?:{_SHAPE})\b"),
        (r"arrow[-\s]?$", "heads?", ""),
        # a legend of colours: "(red)", "blue: treated", "in yellow"
        (r"(?:^|[(\[,;]\s?|\bin\s|=\s?|\band\s)$", _COLOUR, r"\s?(?:[)\],;:=.]|$|and\b)"),
        ("", "bars?", r"\s?(?:[=:,]\s?)?(?:represents?|indicates?|is|are)?\s?\d"),
        (r"(?:scale|calibration|error)[-\s]?$", "bars?", ""),
        ("", "scale|calibration|error", r"[-\s]?bars?\b"),
        ("", _SIDE, rf"[-\s](?:(?:{_SIDE})\s)?(?:{_PICTURE}|{_PLACE})(?!\w)"),
        (r"(?:^|[(\[]|[.;]\s)$", rf"(?:{_SIDE})(?:\s(?:{_SIDE}|image|picture))?", r"\s?[)\]:]"),
        (rf"\b(?:{_SIDE})\s$", _PLACE, ""),
        (r"[(\[]$|\bpanels?\s$", r"[a-h]\d|\d[a-h]|[ivx]+", r"\s?[)\],]"),
        (
            r"(?:±|\+/-|\bmeans?\b[^.;]{0,20}|\berror bars?\b[^.;]{0,40})\s?$",
            r"S\.?D\.?|S\.?E\.?(?:M\.?)?|standard (?:deviation|error)(?: of the mean)?",
            "",
        ),
        ("", "case|patient|pt|subject|table|group|video|movie|file", r"\s(?:no\.?\s?)?\d+\b"),
        ("", "note|source|abbreviations?|legend|key|photo|copyright|licen[cs]e|credit", r"\s?:"),
        (r"\d\s$", _MONTH, ""),
        ("", _MONTH, r"\s\d"),
        (r"\d\s?$", _UNIT, r"(?!\w)"),
        (rf"(?:\d|\b{_BASE_UNIT})\s?$", rf"(?-i:{_BASE_UNIT}-[1-4])", r"(?!\w)"),
        (rf"\b{_BASE_UNIT}\s?/\s?$", rf"(?-i:{_BASE_UNIT}[23²³]?)", r"(?!\w)"),
        (r"\d\s?$", rf"(?-i:{_BASE_UNIT}(?:\s?/\s?{_BASE_UNIT}[23²³]?)+)", r"(?!\w)"),
        # "L" and "m" of "mg L−1", "m−2": the unit before an exponent
        ("", rf"(?-i:{_BASE_UNIT})", rf"{_POWER}(?!\w)"),
        # "mol" of "mol dm−3", "1·d" of "kg−1·d−1"
        ("", rf"(?-i:(?!cell){_BASE_UNIT})", rf"(?:{_TIMES}{_BASE_UNIT}){{1,3}}{_POWER}(?!\w)"),
        (r"[−⁻]\s?$", rf"(?-i:[1-4]\s?[·⋅×*/.]\s?{_BASE_UNIT})", ""),
    )
)


def is_noise(text: str, start: int, end: int) -> bool:
    """Whether a span of a caption is about the picture rather than its content.

    Args:
        text: the caption.
        start: the first character of the span.
        end: one past its last.

    >>> text = "Left panel: H&E stain (arrow, tumor). Scale bar = 10 µm."
    >>> [text[a:b] for a, b in [(12, 15), (23, 28), (30, 35), (38, 47)] if is_noise(text, a, b)]
    ['arrow', 'Scale bar']
    """
    words = text[start:end]
    # Long words are not worth the memory and rarely repeat.
    judge = _by_itself if len(words) <= _CACHED else _by_itself.__wrapped__
    always, contexts = judge(words)
    if always:
        return True
    for number in contexts:
        before, _, after = _CONTEXTS[number]
        if before.search(text, max(0, start - _CONTEXT_SIZE), start) and after.match(
            text, end, end + _CONTEXT_SIZE
        ):
            return True
    near = text[max(0, start - _ADDRESS_BEFORE) : min(end, start + _ADDRESS_BEFORE)]
    return ("/" in near or "www." in near) and bool(
        _ADDRESS.search(near) and not any(map(str.isspace, words))
    )


def without_noise(text: str, spans: Iterable[_Span]) -> list[_Span]:
    """Returns the spans that are not noise, in order; a span begins with (start, end)."""
    return [span for span in spans if not is_noise(text, span[0], span[1])]  # type: ignore[arg-type]


@lru_cache(maxsize=1 << 16)
def _by_itself(words: str) -> tuple[bool, tuple[int, ...]]:
    """Whether words are noise in any context, and the contexts to check if not."""
    if words in _STAINS:
        return False, ()
    ordered = _RANGE.fullmatch(words)
    if ordered and ordered[1][0] < ordered[1][-1]:
        return True, ()
    if any(pattern.fullmatch(words) for pattern in (_ALWAYS, _QUANTITY, _PANELS)):
        return True, ()
    return False, tuple(n for n, (_, word, _) in enumerate(_CONTEXTS) if word.fullmatch(words))
