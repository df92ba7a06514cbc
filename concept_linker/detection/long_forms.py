"""Finds where the long form of a short form begins and ends.

The characters of the short form must be found in the long form in order, the first at the start
of a word (A. S. Schwartz, M. A. Hearst, "A simple algorithm for identifying abbreviation
definitions in biomedical text", PSB 2003); items of legends have stricter rules. The texts have
single spaces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from concept_linker.detection.short_form_rules import SMALL_WORDS, is_short, letters_of, singular

__all__ = [
    "LONG",
    "WORDS",
    "Pair",
    "is_list",
    "item_ends",
    "leans_on_small_words",
    "long_before",
    "long_item",
    "occurrences",
]

_WORD = re.compile(r"\S+")
WORDS = re.compile(r"[^\W_]+(?:['’]s\b)?")
LONG = re.compile(r"(?:[^,;:=.()\[\]\t—–]|(?<=\w)–(?=\w)|(?<=\d)\.(?=\d))+")
_SMALL = re.compile(rf"\b(?:{'|'.join(sorted(SMALL_WORDS))})\b")
# A verb ends the name in an item of a legend.
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|can|may|shows?|showed|showing|reveal\w*|appear(?:s|ed)?|"
    r"demonstrat\w+|seen|noted|found|obtained|performed|measure[sd])\b"
)
# Words that alone do not account for a letter: "CT: cyst in the thalamus".
_UNCOUNTED = frozenset("a an as at by for from in on or the with".split())
_WHOLE = re.compile(r"s?(?!\w|[-–]\d)")
_LONGEST = 400  # characters in which the words of a long form are looked for


class Pair(NamedTuple):
    """A short form with the place of its long form and the kind of its definition.

    Args:
        short: the short form.
        start, end: the bounds of the long form.
        how: "bracket" for "long (SHORT)", "turned" for "SHORT (long)", "legend", or "heading" for
            a legend under a heading.
        run: the number of the legend.
    """

    short: str
    start: int
    end: int
    how: str = "bracket"
    run: int = 0


def long_before(text: str, begin: int, end: int, short: str) -> Pair | None:
    """Returns the shortest long form that ends where a bracket begins."""
    letters = letters_of(short)
    words = [match.span() for match in _WORD.finditer(text, begin, end)]
    words = words[-min(len(letters) + 5, 2 * len(letters)) :]
    if not words:
        return None
    start = _align(text, words[0][0], words[-1][1], letters)
    if len(letters) == 2 and (start is None or start >= words[-1][0]):
        # "echo time (TE)" is not "time"; but "transvaginal uterine (UT)" is "uterine".
        last = text[slice(*words[-1])].lower()
        for first, end in words[-2:-4:-1]:
            word = text[first:end].lower()
            if word[0] + last[0] == letters[::-1] and not (
                word in SMALL_WORDS or last.startswith(letters)
            ):
                start = first
                break
    if start is None:
        return None
    # "lung-to-liver ratio (LLR)" is not "liver ratio".
    token = max(word for word, _ in words if word <= start)
    if text[token].lower() == letters[0]:
        start = token
    return _checked(text, short, start, words[-1][1])


def item_ends(text: str, start: int, *, strict: bool) -> Iterator[int]:
    """Yields where a legend's item may end: at a mark, or before the short form of the next item.

    It ends before a verb; with ``strict`` a text with a verb is not an item ("RV, right atrium and
    vena cava are dilated").
    """
    long = LONG.match(text, start, start + _LONGEST)
    if long is None:
        return
    stop = long.end()
    if stop == start + _LONGEST:
        stop = text.rfind(" ", start, stop)
    verb = _VERB.search(text, start, max(start, stop))
    if stop <= start or (verb and strict):
        return
    if verb:
        yield verb.start()
        return
    mark = text[stop : stop + 1]
    if mark and mark in ":=—\t,":
        # The next item begins without a mark between them.
        last = text.rfind(" ", start, stop - 1)
        word = text[last:stop].strip()
        if last > start and is_short(word) and (mark != "," or word.isupper()):
            yield last
            if mark != ",":
                return
    yield stop


def long_item(text: str, short: str, start: int, end: int, *, turned: bool = False) -> Pair | None:
    """Returns the long form of a legend's item: all of it, or the words that the letters reach.

    With ``turned`` its words may have another order ("RW: width of the right sinus").
    """
    letters = letters_of(short)
    most = len(letters) + 2
    found = _WORD.finditer(text, start, end)
    words = [match.span() for match in islice(found, 2 * most + 4)]
    while words and text[slice(*words[0])].lower() in {"the", "a", "an"}:
        words.pop(0)
    while words and text[slice(*words[-1])].lower() in {"and", "or", "&"}:
        words.pop()
    if not words:
        return None
    start = words[0][0]
    if len(words) <= most:
        ends = [words[-1][1]]
    else:
        ends = [stop for first, stop in words[:most] if text[first].lower() == letters[-1]]
    for last in ends:
        if text[start].lower() == letters[0] and _align(text, start, last, letters) is not None:
            return _checked(text, short, start, last)
    if turned and len(words) <= 2 * most:
        end = words[-1][1]
        initials = [word[0] for word in WORDS.findall(text[start:end].lower())]
        if not Counter(letters) - Counter(initials):
            return _checked(text, short, start, end)
    return None


def leans_on_small_words(text: str, pair: Pair) -> bool:
    """Whether some letters of the short form are only in words like "in" and "the"."""
    letters = letters_of(pair.short)
    words = WORDS.findall(text[pair.start : pair.end].lower())
    counted = " ".join(word for word in words if word not in _UNCOUNTED)
    if _align(counted, 0, len(counted), letters) is not None:
        return False
    return bool(Counter(letters) - Counter(word[0] for word in counted.split()))


def is_list(text: str, pair: Pair) -> bool:
    """Whether a long form names two things, of which the short form means one at most.

    "RV, right atrium and vena cava"; but "ENT, ear nose and throat".
    """
    words = WORDS.findall(text[pair.start : pair.end].lower())
    content = [word for word in words if word not in SMALL_WORDS]
    initials = {"".join(word[0] for word in some) for some in (words, content)}
    return not {"and", "or"}.isdisjoint(words) and letters_of(pair.short) not in initials


def _align(text: str, begin: int, end: int, letters: str) -> int | None:
    """Schwartz and Hearst's search from the right: the start of the long form, or ``None``.

    Only the first letter of words like "the" counts.
    """
    low = "".join(c if len(c) == 1 else "?" for c in map(str.lower, text[begin:end]))
    low = _SMALL.sub(lambda word: word[0][0] + "\0" * (len(word[0]) - 1), low)
    place = len(low)
    for index in range(len(letters) - 1, -1, -1):
        place -= 1
        while place >= 0 and (
            low[place] != letters[index]
            or (index == 0 and place > 0 and (low[place - 1].isalnum() or low[place - 1] == "\0"))
        ):
            place -= 1
        if place < 0:
            return None
    return begin + place


def _checked(text: str, short: str, start: int, end: int) -> Pair | None:
    """The pair, unless the long form contains the short form, or too many unmatched words."""
    while end > start and text[end - 1] in " ,;-–'\"":
        end -= 1
    long = text[start:end]
    stem = singular(short)
    letters = letters_of(short)
    if len(long) <= len(short) + 1 or long.startswith(stem):
        return None
    if stem in long and occurrences(long, [stem])[stem]:
        return None
    if set(re.findall(r"\d+", stem)) - set(re.findall(r"\d+", long)):
        return None
    words = WORDS.findall(long.lower())
    content = [word for word in words if word not in SMALL_WORDS]
    if not content or len(words) > 2 * len(letters) + 2:
        return None
    initials = {"".join(word[0] for word in some) for some in (words, content)}
    if stem.islower() and letters not in initials:
        return None
    if sum(word[0] not in letters for word in content) > max(1, len(content) // 2):
        return None
    return Pair(stem, start, end)


def occurrences(text: str, shorts: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Returns where each short form is a whole word, with the ``s`` of a plural; longest first."""
    found: dict[str, list[tuple[int, int]]] = {short: [] for short in shorts}
    lengths = sorted({len(short) for short in found}, reverse=True)
    first = re.compile(rf"(?<!\w)[{re.escape(''.join(sorted({short[0] for short in found})))}]")
    place = 0
    while begin := first.search(text, place):
        start = begin.start()
        place = start + 1
        for length in lengths:
            short = text[start : start + length]
            end = _WHOLE.match(text, start + length) if short in found else None
            if end:
                place = end.end()
                found[short].append((start, place))
                break
    return found
