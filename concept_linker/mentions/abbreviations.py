"""Abbreviations that a caption explains: which short form stands for which long form, and where.

Three ways of explaining are read:

*   a bracket in the text, either way round: ``computed tomography (CT)``, ``CT (computed
    tomography)``;
*   a legend: ``CT, computed tomography; MRI = magnetic resonance imaging``, with ``:``, ``=``,
    ``,``, dashes, tabs or ``indicates``, mixed as they come, in a bracket or at the end;
*   ``Abbreviations:`` and a legend, where short forms may be in small letters.

The characters of the short form must be found in the long form in order, the first at the start
of a word (A. S. Schwartz, M. A. Hearst, "A simple algorithm for identifying abbreviation
definitions in biomedical text", PSB 2003).  A wrong long form links wrongly everywhere in the
caption, so more is asked than there: a legend's long form begins with the short form's first
letter, words left out are few, and single letters, numbers, colours, sides and panels are none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

__all__ = ["Definition", "expand", "find_abbreviations"]


class Definition(NamedTuple):
    """A short form, what it stands for, and where it is used.

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


# A pair as it is found: short form, start and end of the long form.
_Pair = tuple[str, int, int]

_SAID_TWICE = re.compile(r"(.{3,}?)\s*[(\[]\1[)\]]", re.IGNORECASE)
_BRACKET = re.compile(r"[(\[]([^()\[\]]{2,120})[)\]]")
_LEAD = re.compile(
    r"(?:=|or|i\.e\.,?|ie,?|abbreviated(?: as| to)?|abbreviation:?|(?:also )?called|"
    r"here(?:after|inafter),?|termed|[\"'“”‘’])\s*",
    re.I,
)
# Where the text before a bracket is cut: nothing is defined across the end of a clause.
_CLAUSE = re.compile(r"[;:()\[\]\n]|[.?!](?=\s|[A-Z])|,(?=\s)")
_WORD = re.compile(r"\S+")
_WORDS = re.compile(r"[^\W_]+(?:['’]s\b)?")
_PIECES = re.compile(r"[,;:]\s|;")
_QUOTES = " \"'“”‘’"

_SHORT = r"[A-Za-z0-9α-ωΑ-Ω][A-Za-z0-9α-ωΑ-Ω/&+'’-]{0,10}[A-Za-z0-9α-ωΑ-Ω+]"
_SEPARATOR = (
    r"\s{0,2}[=:]\s{0,2}|,\s{1,2}|\s{0,2}[—–]\s{0,2}|\s-\s|\s?\t\s?|"
    r"\s(?:indicates?|denotes?|represents?|means|stands\ for|refers\ to|is|are)\s(?:the\s|an?\s)?"
)
# The capital first: most captions have none before a separator, and are done with.
_ITEM = re.compile(
    rf"(?<![\w/&+-])(?=[a-z0-9α-ω/+-]{{0,5}}[A-ZΑ-Ω])({_SHORT})({_SEPARATOR})(?=[\"'“]?\w)"
)
_SMALL_ITEM = re.compile(rf"(?<![\w/&+-])({_SHORT})({_SEPARATOR})(?=\w)")
_HEADING = re.compile(r"abbreviations?(?:\s(?:used|are|as follows))*\s?[:.\-–—]?\s", re.I)
_LONG = re.compile(r"(?:[^,;:=.()\[\]\n\t—–]|(?<=\w)–(?=\w)|(?<=\d)\.(?=\d))+")
_LAST_WORD = re.compile(rf"(?<![\w/&+-])({_SHORT})\s?$")

# No short forms, though their letters may be found in order in what follows them.
_ORDINARY = frozenset(
    """left right top bottom upper lower middle center centre inset note case arrow arrows bar scale
    photo image images map source figure fig panel red green blue white black yellow orange purple
    pink gray grey brown cyan magenta colour color abbreviations abbreviation legend key table data
    original before after first second third day month year week age male female normal control
    positive negative mean median total group patient stage grade type level step section view
    in on at of to by the and or for with from is are was were no not as an it this that
    arrowhead arrowheads asterisk star circle line dotted dashed solid here see online all both
    """.split()
)
_ROMAN = re.compile(r"[IVX]+|[ivx]+")
_PANELS = re.compile(r"[A-Za-z][-–/&+,][A-Za-z]|[A-Za-z]?\d+[A-Za-z]?|([a-z])\1")
_UNITS = frozenset(
    "mm cm km nm um ml mL dl kg mg ng pg hr hrs min sec ms hz bp kb da et al".split()
)
_SMALL_WORDS = frozenset("a an and as at by de for from in of on or per the to und with".split())
_SMALL = re.compile(rf"\b(?:{'|'.join(sorted(_SMALL_WORDS))})\b")


def find_abbreviations(text: str) -> tuple[Definition, ...]:
    """The abbreviations that a text explains.

    Args:
        text: a caption, or any other text.

    Returns:
        The definitions in the order of the text; of two for one short form the first counts.

    >>> [found] = find_abbreviations("Computed tomography (CT) of the chest. CT shows a mass.")
    >>> found.short, found.long, found.occurrences
    ('CT', 'Computed tomography', ((21, 23), (39, 41)))
    """
    pairs: list[_Pair] = []
    if "(" in text or "[" in text:
        pairs.extend(_in_brackets(text))
    item = _ITEM.search(text)
    if item:
        pairs.extend(_in_legend(text, _ITEM, item.start()))
    if "bbreviation" in text or "BBREVIATION" in text:
        for heading in _HEADING.finditer(text):
            pairs.extend(_in_legend(text, _SMALL_ITEM, heading.end()))
    if not pairs:
        return ()
    chosen: dict[str, _Pair] = {}
    for pair in sorted(pairs, key=lambda pair: pair[1]):
        chosen.setdefault(pair[0], pair)
    return tuple(_with_occurrences(text, list(chosen.values())))


def expand(text: str, start: int, end: int, definitions: Iterable[Definition]) -> str | None:
    """A stretch of a text with the short forms in it written out, or ``None`` if it has none.

    >>> text = "LAD stenosis. LAD, left anterior descending artery."
    >>> expand(text, 0, 12, find_abbreviations(text))
    'left anterior descending artery stenosis'
    >>> text = "We used magnetic resonance imaging (MRI)."
    >>> expand(text, 8, 40, find_abbreviations(text))
    'magnetic resonance imaging'
    """
    inside = sorted(
        (first, last, definition.long)
        for definition in definitions
        for first, last in definition.occurrences
        if start <= first and last <= end
    )
    if not inside:
        return None
    parts = []
    for first, last, long in inside:
        parts += [text[start:first], long]
        start = last
    # A long form with its short form behind it would now say the same twice.
    return _SAID_TWICE.sub(r"\1", "".join([*parts, text[start:end]]))


def _in_brackets(text: str) -> Iterator[_Pair]:
    for bracket in _BRACKET.finditer(text):
        start, end = bracket.span(1)
        lead = _LEAD.match(text, start, end)
        first = lead.end() if lead else start
        short = _PIECES.split(text[first:end], maxsplit=1)[0].strip(_QUOTES)
        pair = None
        if _is_short(short):
            pair = _long_before(text, _clause_start(text, bracket.start()), bracket.start(), short)
        if pair is None:
            word = _LAST_WORD.search(text, max(0, bracket.start() - 16), bracket.start())
            long = _LONG.match(text, start, end)
            if word and long and _is_short(word[1]) and long.end() - start > 2 * len(word[1]) + 2:
                pair = _long_item(text, word[1], start, long.end())
        if pair:
            yield pair


def _clause_start(text: str, end: int) -> int:
    """Where the clause begins that a bracket follows; at most 160 characters before."""
    begin = max(0, end - 160)
    stop = len(text[:end].rstrip())
    return max((cut.end() for cut in _CLAUSE.finditer(text, begin, stop)), default=begin)


def _long_before(text: str, begin: int, end: int, short: str) -> _Pair | None:
    """The shortest long form that ends where a bracket begins."""
    letters = _letters(short)
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
                word in _SMALL_WORDS or last.startswith(letters)
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


def _in_legend(text: str, pattern: re.Pattern[str], begin: int) -> Iterator[_Pair]:
    position = begin
    last_end = begin
    while item := pattern.search(text, position):
        position = item.end(1)
        short, separator = item[1], item[2].strip()
        if not _is_short(short):
            continue
        before = text[: item.start()].rstrip()
        opens = not before or before[-1] in ".;:([\n)"
        goes_on = not text[last_end : item.start()].strip(" ,;.&\n\tand")
        if separator in {"is", "are"}:
            opens = goes_on
        if not (opens or goes_on or separator in {"=", ":"}):
            continue
        long = _LONG.match(text, item.end())
        if long is None:
            continue
        stop = long.end()
        if stop < len(text) and text[stop] in ":=—\t":
            # The next item has begun without a mark between.
            last = text.rfind(" ", item.end(), len(text[:stop].rstrip()))
            if last > 0 and _is_short(text[last:stop].strip()):
                stop = last
        pair = _long_item(text, short, item.end(), stop, turned=separator in {"=", ":"})
        if pair:
            yield pair
            last_end = position = pair[2]


def _long_item(
    text: str, short: str, start: int, end: int, *, turned: bool = False
) -> _Pair | None:
    """The long form of a legend's item: the item, or the words of it that the letters reach.

    ``turned``: its words may come in another order ("RW: width of the right sinus").
    """
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    while words and text[slice(*words[0])].lower() in {"the", "a", "an"}:
        words.pop(0)
    while words and text[slice(*words[-1])].lower() in {"and", "or", "&"}:
        words.pop()
    if not words:
        return None
    letters = _letters(short)
    start = words[0][0]
    most = len(letters) + 2
    if len(words) <= most:
        ends = [words[-1][1]]
    else:
        ends = [stop for first, stop in words[:most] if text[first].lower() == letters[-1]]
    for last in ends:
        if text[start].lower() == letters[0] and _align(text, start, last, letters) is not None:
            return _checked(text, short, start, last)
    if turned and len(words) <= 2 * most:
        end = words[-1][1]
        initials = [word[0] for word in _WORDS.findall(text[start:end].lower())]
        if not Counter(letters) - Counter(initials):
            return _checked(text, short, start, end)
    return None


def _singular(short: str) -> str:
    if len(short) > 2 and short.endswith("s") and (short[-2].isupper() or short[-2] in "'’"):
        return short[:-1].rstrip("'’")
    return short


def _letters(short: str) -> str:
    """What of a short form must be found: its letters and digits, without a plural's ``s``."""
    return "".join(filter(str.isalnum, _singular(short))).lower()


def _is_short(short: str) -> bool:
    if not 2 <= len(short) <= 10 or not short[0].isalnum():
        return False
    stem = _singular(short)
    letters = sum(map(str.isalpha, stem))
    if letters < 2 or 2 * letters < len(stem) or short in _UNITS:
        return False
    if short.lower() in _ORDINARY and not (short.isupper() and letters < 4):
        return False
    if " " in short and not all(len(word) > 2 and word.isupper() for word in short.split()):
        return False
    return not _PANELS.fullmatch(stem) and (stem == "IV" or not _ROMAN.fullmatch(stem))


def _align(text: str, begin: int, end: int, letters: str) -> int | None:
    """Schwartz and Hearst's search from the right: where the long form starts, or ``None``.

    Of "the" and its like only the first letter counts.
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


def _checked(text: str, short: str, start: int, end: int) -> _Pair | None:
    """The pair, unless the long form says the short form itself, or words nothing speaks for."""
    while end > start and text[end - 1] in " ,;-–'\"":
        end -= 1
    long = text[start:end]
    stem = _singular(short)
    letters = _letters(short)
    if len(long) <= len(short) + 1 or long.startswith(stem):
        return None
    if re.search(rf"(?<!\w){re.escape(stem)}s?(?!\w)", long):
        return None
    if set(re.findall(r"\d+", stem)) - set(re.findall(r"\d+", long)):
        return None
    words = _WORDS.findall(long.lower())
    content = [word for word in words if word not in _SMALL_WORDS]
    if not content or len(words) > 2 * len(letters) + 2:
        return None
    initials = {"".join(word[0] for word in some) for some in (words, content)}
    if stem.islower() and letters not in initials:
        return None
    if sum(word[0] not in letters for word in content) > max(1, len(content) // 2):
        return None
    return stem, start, end


def _with_occurrences(text: str, pairs: Sequence[_Pair]) -> Iterator[Definition]:
    shorts = sorted((re.escape(short) for short, _, _ in pairs), key=len, reverse=True)
    pattern = re.compile(rf"(?<!\w)({'|'.join(shorts)})s?(?!\w|[-–]\d)")
    found: dict[str, list[tuple[int, int]]] = {short: [] for short, _, _ in pairs}
    for match in pattern.finditer(text):
        found[match[1]].append(match.span())
    for short, start, end in pairs:
        yield Definition(short, text[start:end], start, end, tuple(found[short]))
