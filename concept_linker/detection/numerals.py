"""Variants of the numeral in a string: Arabic, Roman, ordinal.

``cranial nerve 7``, ``cranial nerve VII`` and ``seventh cranial nerve`` mean the same; a knowledge
base has one or the other.
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
# With a numeral these are not names without their noun: "type 1" is not a diabetes.
_GENERAL = re.compile(
    r"(?:\w+ )?(?:types?|grades?|stages?|class|phases?|levels?|groups?|cases?|parts?|steps?|"
    r"degrees?|lines?|order|times?|generation|patients?|figure|table)(?: \w+)?",
    re.I,
)
# The word before a mention, and the one after it.
_BEFORE = re.compile(r"(?<![\w-])(\w{3,8}) $")
_FOLLOWING = re.compile(r" ([IVX]{1,4}|\d\d?)(?![\w.,]\w|[\w%°])")


def other_numerals(string: str) -> Iterator[str]:
    """Yields the variants of a string with its numeral, up to twelve, written in the other ways.

    An ordinal comes before its noun; other numerals stay in place or follow the noun.  A string
    with several numerals, or none, has no variants.

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
    before, following = string[: numeral.start()], string[numeral.end() :]
    if numeral[0] in (roman, arabic):
        yield from (f"{before}{one}{following}" for one in (roman, arabic) if one != numeral[0])
        if not following and before.strip():
            yield from (f"{one} {before.strip()}" for one in (ordinal, nth))
    else:
        same = (one for one in (ordinal, nth) if one != numeral[0].lower())
        yield from (f"{before}{one}{following}" for one in same)
        if not before and following.strip():
            yield from (f"{following.strip()} {one}" for one in (roman, arabic))


def with_numerals(
    text: str, spans: Iterable[Span], is_name: Callable[[str], object]
) -> Iterator[Span]:
    """Extends spans by the numeral next to them, where that is a name.

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
        following = _FOLLOWING.match(text, span.end)
        wider = []
        if before and _number(before[1]):
            wider.append(span._replace(start=before.start(1)))
        if (
            following
            and _number(following[1])
            and (after.start >= following.end(1) or after[:2] == following.span(1))
        ):
            wider.append(span._replace(end=following.end(1)))
        found = (one for one in wider if _named(text[one.start : one.end], is_name))
        span = next(found, span)
        end_before = span.end
        if following and span.end == following.end(1):
            numeral = following.span(1)
        yield span


def _named(string: str, is_name: Callable[[str], object]) -> bool:
    return bool(is_name(string)) or any(map(is_name, other_numerals(string)))


def _number(word: str) -> int:
    return _NUMBERS.get(word) or _NUMBERS.get(word.lower(), 0)
