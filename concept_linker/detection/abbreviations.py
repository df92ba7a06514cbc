"""Finds the abbreviations that a caption defines: short form, long form and occurrences.

Three kinds of definitions are recognised:

*   a bracket in the text, either way round: ``computed tomography (CT)``, ``CT (computed
    tomography)``;
*   a legend: ``CT, computed tomography; MRI = magnetic resonance imaging``, with ``:``, ``=``,
    ``,``, dashes, tabs or ``indicates``, mixed as they come, in a bracket or at the end;
*   ``Abbreviations:`` and a legend, where short forms may be in lower case.

The characters of the short form must be found in the long form in order, the first at the start
of a word (A. S. Schwartz, M. A. Hearst, "A simple algorithm for identifying abbreviation
definitions in biomedical text", PSB 2003).  A wrong long form links wrongly everywhere in the
caption, so the rules are stricter: a legend's long form begins with the short form's first letter,
few words are left out, and single letters, numbers, colours, sides and panels are not short forms.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from concept_linker.detection.cleaning import FoldedWhiteSpace
from concept_linker.detection.long_forms import (
    LONG,
    WORDS,
    Pair,
    is_list,
    item_ends,
    leans_on_small_words,
    long_before,
    long_item,
    occurrences,
)
from concept_linker.detection.short_form_rules import SHORT, disagrees, is_short, letters_of

__all__ = ["Definition", "expand", "expander", "find_abbreviations"]


class Definition(NamedTuple):
    """The definition of an abbreviation and its occurrences.

    Args:
        short: the short form, in the singular (``ROI`` where ``ROIs`` is defined).
        long: the long form as the text has it.
        long_start: its first character.
        long_end: one past its last; ``text[long_start:long_end] == long``.
        occurrences: (start, end) of the short form wherever it is a whole word in the same case,
            with the ``s`` of a plural, in reading order.
    """

    short: str
    long: str
    long_start: int
    long_end: int
    occurrences: tuple[tuple[int, int], ...]


_BRACKETED = re.compile(r"[(\[]([^()\[\]]{3,})[)\]]")
_BRACKET = re.compile(r"[(\[]([^()\[\]]{2,120})[)\]]")
_LEAD = re.compile(
    r"(?:=|or|i\.e\.,?|ie,?|abbreviated(?: as| to)?|abbreviation:?|(?:also )?called|"
    r"here(?:after|inafter),?|termed|[\"'“”‘’])\s*",
    re.I,
)
# The ends of clauses, which definitions do not cross.
_CLAUSE = re.compile(r"[;:()\[\]]|[.?!](?=\s|[A-Z])|,(?=\s)")
_PIECES = re.compile(r"[,;:]\s|;")
_QUOTES = " \"'“”‘’"

_SEPARATOR = (
    r"\s{0,2}[=:]\s{0,2}|,\s{1,2}|\s{0,2}[—–]\s{0,2}|\s-\s|\s?\t\s?|"
    r"\s(?:indicates?|denotes?|represents?|means|stands\ for|refers\ to|is|are)\s(?:the\s|an?\s)?"
)
# The lookahead for a capital comes first: it quickly rejects most captions.
_ITEM = re.compile(
    rf"(?<![\w/&+-])(?=[a-z0-9α-ω/+-]{{0,5}}[A-ZΑ-Ω])({SHORT})({_SEPARATOR})(?=[\"'“]?\w)"
)
_SMALL_ITEM = re.compile(rf"(?<![\w/&+-])({SHORT})({_SEPARATOR})(?=\w)")
_HEADING = re.compile(r"abbreviations?(?:\s(?:used|are|as follows))*\s?[:.\-–—]?\s", re.I)
_LAST_WORD = re.compile(rf"(?<![\w/&+-])({SHORT})\s?$")


def find_abbreviations(text: str) -> tuple[Definition, ...]:
    """Returns the abbreviations that a text defines.

    Args:
        text: a caption or any other text.

    Returns:
        The definitions in the order of the text; the first one of each short form.

    >>> [found] = find_abbreviations("Computed tomography (CT) of the chest. CT shows a mass.")
    >>> found.short, found.long, found.occurrences
    ('CT', 'Computed tomography', ((21, 23), (39, 41)))
    """
    white_space = FoldedWhiteSpace(text)
    folded = white_space.text
    pairs = list(_reliable(folded, list(_pairs(folded))))
    if not pairs:
        return ()
    chosen: dict[str, Pair] = {}
    for pair in sorted(pairs, key=lambda pair: pair.start):
        chosen.setdefault(pair.short, pair)
    found = occurrences(folded, chosen)
    definitions = []
    for short, start, end, *_ in chosen.values():
        start, end = white_space.original(start), white_space.original_end(end)
        places = ((white_space.original(a), white_space.original_end(b)) for a, b in found[short])
        definitions.append(Definition(short, text[start:end], start, end, tuple(places)))
    return tuple(definitions)


def expand(text: str, start: int, end: int, definitions: Iterable[Definition]) -> str | None:
    """Returns a span of a text with its short forms expanded, or ``None`` if it has none.

    >>> text = "LAD stenosis. LAD, left anterior descending artery."
    >>> expand(text, 0, 12, find_abbreviations(text))
    'left anterior descending artery stenosis'
    >>> text = "We used magnetic resonance imaging (MRI)."
    >>> expand(text, 8, 40, find_abbreviations(text))
    'magnetic resonance imaging'
    """
    return expander(text, definitions)(start, end)


def expander(text: str, definitions: Iterable[Definition]) -> Callable[[int, int], str | None]:
    """Returns :func:`expand` for one text: a function of start and end."""
    places = sorted((*place, one.long) for one in definitions for place in one.occurrences)
    starts = [first for first, _, _ in places]

    def write_out(start: int, end: int) -> str | None:
        parts = []
        number = bisect_left(starts, start)
        while number < len(places) and places[number][1] <= end:
            first, last, long = places[number]
            parts += [text[start:first], long]
            start = last
            number += 1
        # A long form followed by its short form would now be repeated.
        return _without_repetition("".join([*parts, text[start:end]])) if parts else None

    return write_out


def _without_repetition(text: str) -> str:
    """The text without brackets that repeat the text before them."""
    parts = []
    place = 0
    for bracket in _BRACKETED.finditer(text):
        stop = bracket.start()
        while stop > place and text[stop - 1].isspace():
            stop -= 1
        begin = stop - len(bracket[1])
        if begin >= place and text[begin:stop].lower() == bracket[1].lower():
            parts.append(text[place:stop])
            place = bracket.end()
    return "".join([*parts, text[place:]])


def _pairs(text: str) -> Iterator[Pair]:
    if "(" in text or "[" in text:
        yield from _in_brackets(text)
    item = _ITEM.search(text)
    if item:
        yield from _in_legend(text, _ITEM, item.start(), [])
    if "bbreviation" in text or "BBREVIATION" in text:
        headings = [heading.end() for heading in _HEADING.finditer(text)]
        if headings:
            yield from _in_legend(text, _SMALL_ITEM, headings[0], headings)


def _reliable(text: str, pairs: Sequence[Pair]) -> Iterator[Pair]:
    """The pairs without doubtful ones that no other pair supports.

    A pair is doubtful if it disagrees with a well-known short form ("CT: cyst thalamus"), or is an
    item of a legend that needs words like "in" for its letters ("TIA: tumour in the abdomen").
    A reliable item of the same legend supports it. A pair that disagrees must also have the letters
    as its words' initials; then a word shared with a reliable pair supports it, too ("Candida
    albicans (CA)" and "CT (Candida tropicalis)"), and "long form (LF)" needs no support.
    """
    doubtful = []
    runs = set()
    words: set[str] = set()
    for pair in pairs:
        odd = disagrees(pair.short, text[pair.start : pair.end])
        if odd or (pair.how == "legend" and leans_on_small_words(text, pair)):
            doubtful.append((pair, odd))
            continue
        yield pair
        words.update(WORDS.findall(text[pair.start : pair.end].lower()))
        if pair.how == "legend":
            runs.add(pair.run)
    for pair, odd in doubtful:
        supported = pair.how == "heading" or (pair.how == "legend" and pair.run in runs)
        if odd:
            words_of_pair = WORDS.findall(text[pair.start : pair.end].lower())
            supported = supported or pair.how == "bracket" or not words.isdisjoint(words_of_pair)
            supported = supported and letters_of(pair.short) == "".join(
                word[0] for word in words_of_pair
            )
        if supported:
            yield pair


def _in_brackets(text: str) -> Iterator[Pair]:
    for bracket in _BRACKET.finditer(text):
        start, end = bracket.span(1)
        lead = _LEAD.match(text, start, end)
        first = lead.end() if lead else start
        short = _PIECES.split(text[first:end], maxsplit=1)[0].strip(_QUOTES)
        pair = None
        if is_short(short):
            pair = long_before(text, _clause_start(text, bracket.start()), bracket.start(), short)
        if pair is None:
            word = _LAST_WORD.search(text, max(0, bracket.start() - 16), bracket.start())
            long = LONG.match(text, start, end)
            if word and long and is_short(word[1]) and long.end() - start > 2 * len(word[1]) + 2:
                pair = long_item(text, word[1], start, long.end())
                pair = pair and pair._replace(how="turned")
        if pair:
            yield pair


def _clause_start(text: str, end: int) -> int:
    """The start of the clause before a bracket; at most 160 characters before it."""
    begin = max(0, end - 160)
    stop = end - (end > 0 and text[end - 1].isspace())
    return max((cut.end() for cut in _CLAUSE.finditer(text, begin, stop)), default=begin)


def _in_legend(
    text: str, pattern: re.Pattern[str], begin: int, headings: Sequence[int]
) -> Iterator[Pair]:
    """The pairs of legends; ``headings`` are the ends of "Abbreviations:", if any."""
    position = last_end = begin
    run = 0
    while item := pattern.search(text, position):
        position = item.end(1)
        short, separator = item[1], item[2].strip()
        if not is_short(short):
            continue
        start = item.start()
        heading = bisect_right(headings, start)
        if heading:
            last_end = max(last_end, headings[heading - 1])
        before = text[max(0, start - 2) : start].rstrip()
        opens = not before or before[-1] in ".;:([)"
        continues = start - last_end < 20 and not text[last_end:start].strip(" ,;.&\tand")
        if separator in {"is", "are"}:
            opens = continues
        if not (opens or continues or separator in {"=", ":"}):
            continue
        run += not continues or not run
        turned = separator in {"=", ":"}
        for stop in item_ends(text, item.end(), strict=separator == "," and not headings):
            pair = long_item(text, short, item.end(), stop, turned=turned)
            if pair and not (separator == "," and not headings and is_list(text, pair)):
                yield pair._replace(how="heading" if headings else "legend", run=run)
                last_end = position = pair.end
                break
