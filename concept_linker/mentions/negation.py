"""Which mentions a caption says are absent.

Rules in the manner of NegEx and ConText (W. W. Chapman and others, "A simple algorithm for
identifying negated findings and diseases in discharge summaries", J Biomed Inform 2001; H.
Harkema and others, "ConText", J Biomed Inform 2009), with scopes made for captions, which are noun
phrases more than sentences:

*   A cue before ("no", "without", "absence of", "resolution of") reaches to the end of its noun
    phrase: to a preposition ("no mass *in the liver*": the liver is there), a verb, "but", a mark;
    over commas only where an "or" closes the list, over "and" unless something new begins.
*   A cue behind ("was not seen", "has resolved", "is absent") reaches back to the head of its
    subject: "the tip of the catheter is not seen" says nothing of the catheter.
*   Some only look like cues: "no doubt", "not only", "with and without contrast", "cannot be
    excluded", "not shown".
*   What stands in a bracket is read by itself, and the text around it as if it were not there.

Negation by a prefix ("non-contrast") is seen only where the mention starts behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["negated"]

_EVIDENCE = (
    "evidence|signs?|sings|presence|recurrences?|areas?|regions?|focus|foci|features?|suggestions?|"
    "indications?|manifestations?|findings?|symptoms?|forms?|kinds?|types?|traces?|residue|degree|"
    "amounts?|cases?|history|possibility|appearances?|development|occurrences?|episodes?|incidence|"
    "suspicion"
)
_SEEN = (
    "seen|visuali[sz]ed|visible|identified|detect(?:ed|able)|observed|found|demonstrated|noted|"
    "present|evident|appreciated|apparent|recogni[sz]ed|delineated|revealed|identifiable|"
    "discern(?:ible|able)|appreciable|palpable|depicted|imaged|noticed|encountered|existent|exist"
)
_BE = r"(?:(?:is|are|was|were|be|been|has|have|had|can|could|may|might|would|appears?)\s)"
_SHOWS = (
    r"show|reveal|demonstrate|detect|identify|display|exhibit|have(?!\s\w+ed)|contain|find|see|"
    "visuali[sz]e|"
    "confirm|disclose|depict|present|develop|suggest|cause|produce|receive|involve|include|use|"
    "require|need|undergo|induce|manifest|experience|report|form|express|carry|harbou?r|achieve"
)

# One scan over a clause; at one place the first that fits counts.
_PARTS = {
    "pseudo": r"""
        no\s(?:doubt|mention|images?|more|less|matter|one|longer(?!\s(?:any|SEEN)))\b
        | no-\w+ | (?<=[:/])no\b | no\.?\s?\d+ | no\.\sof\b
        | without\s(?!includ|hav|show)\w+ing\s(?:the|an?|any|its|their)\b
        | (?:cannot|not)\s(?:be\s)?(?:entirely\s|completely\s)?
            (?:excluded?|ruled?\sout)
        | not\s(?:only|absent|missing|necessarily|certain\w*|shown|reported|applicable|
            to\sscale|always|
            (?:clearly|well|fully|completely|adequately|entirely|easily|significant\w*)\s\w+|
            (?:due|related|attributable|associated|connected|secondary)\b)
        | not\s(?:been\s|be\s)?(?:SEEN)\s(?:previously|before|earlier|here|initially|
            (?:at|on|in)\s(?:this|these|the\s(?:prior|previous|initial|first|earlier)|prior|
            previous|initial|earlier|other))
        | presence\s(?:and|or|and/or)\sabsence\b | absence\s(?:and|or)\spresence\b
        | (?:with|without)(?:\s(?:and|or|and/or)\s|/)(?:with|without) | whether\sor\snot | if\snot
        | (?:to|tor)\s(?:rule\sout|exclude)
        | (?:partial|incomplete|near|nearly|almost|near-complete|high|higher|low|spatial|temporal|
            image|lateral|isotropic|angular|energy|\d\S*|(?:near|nearly|almost)\scomplete)[-\s]
            (?:resolution|disappearance|regression|absence)
        """,
    "behind": r"""
        BE{0,3}(?:not|no\slonger)\s(?:yet\s|been\s|be\s|being\s|longer\s|actually\s|anymore\s)*
            (?:SEEN)\b
        | (?:cannot|could\snot)\sbe\s(?:SEEN)\b
        | BE{1,2}(?:(?:also|completely|congenitally|totally|both)\s)?(?:absent|missing)\b
        | absent(?=\s*(?:[,.;:)]|$|in\b|on\b|at\b|from\b|and\b))
        | BE{1,3}(?:(?:now|almost|completely|totally|fully|spontaneously|gradually|entirely)\s)*
            (?:resolved|disappeared|vanished|subsided|cleared|excluded|ruled\sout)\b
        | BE{1,2}(?:shown|found|noted|seen)\sto\s(?:have\s|be\s)(?:disappeared|resolved|absent)\b
        | (?:(?:completely|totally|spontaneously|fully)\s)?(?:disappeared|vanished)\b
        """,
    "before": r"""
        (?:no|without|nor|neither|w/o)\s(?:any\s|the\s)?(?:\w+\s){0,2}?(?:EVIDENCE)\s(?:of|for)\b
        | no\sevidence\sto\ssuggest | no\b(?![-.]) | without\b | w/o\b | neither\b | nor\b | never\b
        | (?:absence|lack|disappearance|resolution|vanishing)\sof\b
            (?:\s(?:the\s)?(?:EVIDENCE)\sof\b)?
        | lack(?:s|ing|ed)\b | devoid\sof | free\s(?:of|from)\b | negative\sfor | none\sof
        | (?:ruled|ruling|rules)\sout | instead\sof | rather\sthan
        | (?:does|do|did|could|can|would)\s?not\s(?:(?:clearly|actually)\s)?(?:SHOWS)\b
        | not\s(?:show|reveal|demonstrat|contain|exhibit|hav|display|involv|includ|requir)\w*
            (?:\s(?:any\s)?(?:EVIDENCE)\sof\b)?
        | (?:fail(?:s|ed|ing)?|unable)\sto\s(?:SHOWS)\b
        | absent\b(?!\s(?:or|and)\b) | missing\s(?!from|in|on|at|or|and|data|values?)(?=\w)
        | resolved\s(?!after|following|with|by|in|on|at|over|under|within|and|spontan|complet|
            two|three|\d)(?=\w)
        """,
    "next": r"not\s(?:\w+ly\s)?(?:a\s|an\s|the\s|any\s)?",
    "mark": r"[.!?]['’”]?(?=\s|$) | [;:\n] | \s[-–—]\s | —",
    "stop": r"""
        and\s(?=(?:an?|the|there|this|these|that|its|their|his|her|also|only|is|are|was|were|with|
            has|have|then|thus|so|normal|intact|patent|preserved|correct|similar|comparable|
            mild|moderate|severe|marked|increased|decreased|reduced|multiple|bilateral|small|large|scarce|good|clear|complete|still|
            irregular|improved|shows?|confirm\w*|return|continued|\w+ing|to|of|in|from|\d\S*)\b)
        | (?:but|however|although|though|except|besides|while|whereas|yet|which|who|whose|
            that|where|when|until|unless|because|since|despite|otherwise|therefore|then|
            apart\sfrom|other\sthan|aside\sfrom|due\sto|secondary\sto|owing\sto|as\swell\sas|
            consistent\swith|compatible\swith|such\sas|after|before|following|prior\sto)\b
        | (?:is|are|was|were|has|have|had|can|could|may|did|does|appears?|remains?|became|causing|
            caused|causes|leading|resulting|mimicking|representing|followed|arising|located|
            extending|seen|visible|noted|identified|detected|observed|found)\b
        | (?:show|demonstrat|reveal|indicat|suggest|confirm|display|exhibit|depict|illustrat|
            report)(?:s|ed|es|ing)?\b
        """,
    "place": r"""
        (?:in|within|inside|on|at|into|onto|to|from|around|along|near|through|throughout|over|
            under|behind|between|among|above|below|beneath|beyond|during|with|by|for|as|like|per|via|
            across|against|towards?|outside|adjacent|surrounding|compared|
            considering|regarding|concerning|affecting|involving)\b
        | (?<!evidence\s)of\b
        """,
    "comma": r",",
}


def _compiled() -> re.Pattern[str]:
    parts = []
    for name, part in _PARTS.items():
        for word, choices in (("EVIDENCE", _EVIDENCE), ("SEEN", _SEEN), ("SHOWS", _SHOWS)):
            part = part.replace(word, choices)
        edge = "" if name in {"mark", "comma"} else r"(?<![\w-])"
        parts.append(f"(?P<{name}>{edge}(?:{part.replace('BE', _BE)}))")
    return re.compile("|".join(parts), re.X)


_SCAN = _compiled()
_HINT = re.compile(
    r"(?<![a-z])(?:n(?:o(?:[tr]|ne)?\b|on[-–‐\s]|ever\b|either\b)|cannot\b|w(?:ithout\b|/o\b)|"
    r"free\b|negative\b|absen|lack|devoid|fail|unable|rul(?:ed|ing)\b|excluded|instead|rather|missing|"
    r"resol|disappear|vanish|subsided|cleared)"
)
# A sentence that ends without a blank behind it.
_RUN_ON = re.compile(r"[.!?](?=[A-Z])")
_ENDS = frozenset({"mark", "stop"})
_OR = re.compile(r"\b(?:or|nor|and/or)\b")
_OF_EVIDENCE = re.compile(rf"\b(?:{_EVIDENCE})\s+of$")
_PREFIX = re.compile(r"(?<!\w)non[-–‐ ]$")
_SUFFIX = re.compile(
    r"[-–‐](?:free|negative)\b|(?:\s?\([^()]*\))?\snegative\b(?!\s(?:control|pressure|for))"
)
_BRACKET = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def negated(text: str, spans: Sequence[tuple[Any, ...]]) -> list[bool]:
    """Whether the text says of each mention that it is absent.

    Args:
        text: the caption.
        spans: the mentions: tuples that begin with start and end, in code points.

    Returns:
        One answer a mention, in the order given.

    >>> text = "No pneumothorax or effusion, but a nodule in the left lung."
    >>> words = ["pneumothorax", "effusion", "nodule", "left lung"]
    >>> negated(text, [(text.index(word), text.index(word) + len(word)) for word in words])
    [True, True, False, False]
    """
    if not spans or not _HINT.search(text.lower()):
        return [False] * len(spans)
    text = _small(text)
    scopes = _scopes(text)
    return [
        any(first <= span[0] < last for first, last in scopes)
        or bool(_PREFIX.search(text, max(0, span[0] - 5), span[0]))
        or bool(_SUFFIX.match(text, span[1]))
        for span in spans
    ]


def _small(text: str) -> str:
    """The text in small letters, each in its place, which is several times as fast to scan."""
    text = _RUN_ON.sub("\n", text)
    small = text.lower()
    if len(small) != len(text):
        small = "".join(c if len(c) == 1 else "?" for c in map(str.lower, text))
    return small.replace("\N{NO-BREAK SPACE}", " ")


def _scopes(text: str) -> list[tuple[int, int]]:
    """The stretches that are negated; those of brackets by themselves."""
    brackets = [bracket.span() for bracket in _BRACKET.finditer(text)]
    if not brackets:
        return _scopes_of(text)
    scopes = []
    outside: list[int] = []  # the places of the characters that are in no bracket
    place = 0
    for start, end in brackets:
        scopes += [(a + start + 1, b + start + 1) for a, b in _scopes_of(text[start + 1 : end - 1])]
        outside += range(place, place + len(text[place:start].rstrip()))
        place = end
    outside += range(place, len(text))
    for first, last in _scopes_of("".join(text[place] for place in outside)):
        begin, stop = outside[first], outside[last - 1] + 1
        for start, end in brackets:
            if begin <= start < stop:
                scopes.append((begin, start))
                begin = end
        scopes.append((begin, stop))
    return scopes


def _scopes_of(text: str) -> list[tuple[int, int]]:
    if not _HINT.search(text):
        return []
    cues = [(str(cue.lastgroup), *cue.span()) for cue in _SCAN.finditer(text)]
    scopes = []
    for number, (kind, start, end) in enumerate(cues):
        if kind == "before":
            # "no clinical signs of infection": the signs are absent, too.
            first = start + len(text[start:end].split(maxsplit=1)[0])
            scopes.append((first, _reach(text, cues[number + 1 :], end)))
        elif kind == "behind":
            scopes.append(_subject(text, cues[:number], start))
        elif kind == "next":
            word = re.compile(r"[\w-]+").match(text, end)
            scopes.append((end, word.end() if word else end))
    return [(start, end) for start, end in scopes if start < end]


def _reach(text: str, cues: Sequence[tuple[str, int, int]], start: int) -> int:
    """Where the scope of a cue before ends."""
    for number, (kind, first, last) in enumerate(cues):
        if kind == "stop" and not text[start:first].strip():
            continue  # "no visible mass"
        if kind in _ENDS or (kind == "place" and not _OF_EVIDENCE.search(text, start, last)):
            return first
        if kind == "comma":
            clause = next((at for what, at, _ in cues[number:] if what in _ENDS), len(text))
            if not _OR.search(text, first, clause):
                return first
    return len(text)


def _subject(text: str, cues: Sequence[tuple[str, int, int]], end: int) -> tuple[int, int]:
    """The head of the subject before a cue: up to its first preposition.

    Without an "is" the cue says something of the last noun: "a scar in patients not seen".
    """
    begin, first = 0, end
    short = text.startswith(("not", "no "), end)
    for kind, start, last in cues:
        if kind != "place" or (short and not _OF_EVIDENCE.search(text, begin, last)):
            begin, first = last, end
        elif not text[begin:start].strip():
            begin = last  # "as the kidney is absent"
        elif first == end and not _OF_EVIDENCE.search(text, begin, last):
            first = start
    return begin, first
