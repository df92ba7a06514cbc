"""Other ways to write the numeral in a string: Arabic, Roman, ordinal.

``cranial nerve 7``, ``cranial nerve VII`` and ``seventh cranial nerve`` are one; a base has the
one or the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from concept_linker.detection.detector import Span

__all__ = ["other_numerals", "with_numerals"]

_ROMAN = "I II III IV V VI VII VIII IX X XI XII".split()
_ORDINAL = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
)
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
_NUMBERS = {
    **{word: number for number, word in enumerate(_ROMAN, 1)},
    **{word: number for number, word in enumerate(_ORDINAL, 1)},
    **{str(number): number for number in range(1, len(_ROMAN) + 1)},
    **{f"{number}{_ENDINGS.get(number, 'th')}": number for number in range(1, len(_ROMAN) + 1)},
}
_WORD = re.compile(r"[^\W_]+")
# With a numeral these name nothing without their noun: "type 1" is no diabetes.
_GENERAL = re.compile(
    r"(?:\w+ )?(?:types?|grades?|stages?|class|phases?|levels?|groups?|cases?|parts?|steps?|"
    r"degrees?|lines?|order|times?|generation|patients?|figure|table)(?: \w+)?",
    re.I,
)
# The word before a mention, and the one behind it.
_BEFORE = re.compile(r"(?<![\w-])(\w{3,8}) $")
_BEHIND = re.compile(r" ([IVX]{1,4}|\d\d?)(?![\w.,]\w|[\w%°])")


def other_numerals(string: str) -> Iterator[str]:
    """A string with the numeral in it, up to twelve, written in the other ways.

    An ordinal stands before its noun, the others where they stand or behind it.  A string with
    several numerals, or with none, has no other way.

    >>> list(other_numerals("cranial nerve 7"))
    ['cranial nerve VII', 'seventh cranial nerve', '7th cranial nerve']
    >>> list(other_numerals("third ventricle"))
    ['3rd ventricle', 'ventricle III', 'ventricle 3']
    """
    numerals = [word for word in _WORD.finditer(string) if _number(word[0])]
    if len(numerals) != 1 or _GENERAL.fullmatch(string):
        return
    [numeral] = numerals
    number = _number(numeral[0])
    roman, ordinal = _ROMAN[number - 1], _ORDINAL[number - 1]
    arabic, nth = str(number), f"{number}{_ENDINGS.get(number, 'th')}"
    before, behind = string[: numeral.start()], string[numeral.end() :]
    if numeral[0] in (roman, arabic):
        yield from (f"{before}{one}{behind}" for one in (roman, arabic) if one != numeral[0])
        if not behind and before.strip():
            yield from (f"{one} {before.strip()}" for one in (ordinal, nth))
    else:
        same = (one for one in (ordinal, nth) if one != numeral[0].lower())
        yield from (f"{before}{one}{behind}" for one in same)
        if not before and behind.strip():
            yield from (f"{behind.strip()} {one}" for one in (roman, arabic))


def with_numerals(
    text: str, spans: Iterable[Span], is_name: Callable[[str], object]
) -> Iterator[Span]:
    """Spans with the numeral beside them, where the base has a name with it.

    Args:
        text: the caption.
        spans: where its mentions are, in reading order.
        is_name: whether a string is a name of the knowledge base.

    >>> text = "Palsy of cranial nerve 7."
    >>> [span] = with_numerals(text, [Span(9, 22)], {"seventh cranial nerve"}.__contains__)
    >>> text[span.start : span.end]
    'cranial nerve 7'
    """
    end_before = 0
    numeral = (0, 0)
    for span, after in pairwise([*spans, Span(len(text), len(text))]):
        if span[:2] == numeral:
            continue  # it belongs to the mention before it
        before = _BEFORE.search(text, max(end_before, span.start - 9), span.start)
        behind = _BEHIND.match(text, span.end)
        wider = []
        if before and _number(before[1]):
            wider.append(span._replace(start=before.start(1)))
        if (
            behind
            and _number(behind[1])
            and (after.start >= behind.end(1) or after[:2] == behind.span(1))
        ):
            wider.append(span._replace(end=behind.end(1)))
        found = (one for one in wider if _named(text[one.start : one.end], is_name))
        span = next(found, span)
        end_before = span.end
        if behind and span.end == behind.end(1):
            numeral = behind.span(1)
        yield span


def _named(string: str, is_name: Callable[[str], object]) -> bool:
    return bool(is_name(string)) or any(map(is_name, other_numerals(string)))


def _number(word: str) -> int:
    return _NUMBERS.get(word) or _NUMBERS.get(word.lower(), 0)
