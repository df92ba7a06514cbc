"""Negation: which mentions a caption says are absent.

The rules follow NegEx and ConText (W. W. Chapman and others, "A simple algorithm for
identifying negated findings and diseases in discharge summaries", J Biomed Inform 2001; H.
Harkema and others, "ConText", J Biomed Inform 2009), with scopes for captions, which are noun
phrases rather than sentences:

*   A cue before ("no", "without", "absence of", "resolution of") reaches to the end of its noun
    phrase: a preposition ("no mass *in the liver*": the liver is present), a verb, "but", a mark;
    over commas only if an "or" closes the list, over "and" unless a new clause begins.
*   "Denies" reaches over commas and "and", too.
*   A cue after ("was not seen", "has resolved", "is absent", ": none") reaches back to the head of
    its subject: "the tip of the catheter is not seen" does not negate the catheter. A list before
    "are" or "were" is one subject.
*   Some only look like cues: "no doubt", "not only", "with and without contrast", "cannot be
    excluded", "not shown".
*   Text in brackets is read on its own, and the text around it as if the brackets were absent.

A prefix ("non-contrast") negates a mention that starts after it. White space of any kind and length
counts as one space. The time is linear in the text and in the spans.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from concept_linker.detection.cleaning import FoldedWhiteSpace
from concept_linker.detection.negation_cues import EVIDENCE, HINT, SCAN, SEEN

__all__ = ["negated"]


class _Cue(NamedTuple):
    kind: str
    start: int
    end: int


_Scope = tuple[int, int]

_PLAIN = str.maketrans({**dict.fromkeys("’‘ʼ´`", "'"), "\t": " "})
# The end of a sentence without a space after it.
_RUN_ON = re.compile(r"[.!?](?=[A-Z])")
# Nitric oxide.
_OXIDE = re.compile(
    r"\bNO(?=[-\s](?:synth|donor|production|releas|level|concentration|generation|scaveng|bioavail|"
    r"radical|inhal|mediated|dependent|sens|signall?ing|pathway))"
)
_ENDS = frozenset({"mark", "stop"})
_NEGATIVE = frozenset({"negative", "minus"})
_BEFORE = frozenset({"before", "listed", *_NEGATIVE})
_AFTER = frozenset({"after", "answer"})
_OR = re.compile(r"\b(?:or|nor|and/or)\b")
_AND = re.compile(r"\b(?:and|or|nor|and/or)\b|&")
_GONE = re.compile(r"\b(?:excluded|ruled\sout|resolved|disappeared|vanished|subsided)\b")
_MANY = re.compile(r"\b(?:are|were|have)")
_OF_EVIDENCE = re.compile(
    rf"\b(?:(?:{EVIDENCE})\sof|(?:tests?|testing|stain(?:s|ing)?|cultures?|assays?|screen(?:s|ing)?|"
    r"search|work-?up|serology|pcr|smears?|swabs?|examination)\sfor)$"
)
_LONGEST_OF_EVIDENCE = 20  # characters
_PREFIX = re.compile(r"(?<!\w)non[-–‐ ]$")
_SUFFIX = re.compile(
    r"[-–‐](?:free|negative)\b|(?:\s?\([^()]{0,60}\))?\snegative\b(?!\s(?:control|pressure|for))|"
    rf"\s?[(\[](?:not\s(?:{SEEN})|absent|negative|none|nil|excluded|ruled\sout|[-–−]ve)[)\]]"
)
_WORD = re.compile(r"[\w-]+")
_SENTENCE = re.compile(r"[.!](?='?”?(?:\s|$))|[;\n]")
_BRACKET = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")


def negated(text: str, spans: Sequence[tuple[Any, ...]]) -> list[bool]:
    """Returns for each mention whether the text says that it is absent.

    Args:
        text: the caption.
        spans: the mentions: tuples that begin with start and end, in code points.

    Returns:
        One bool per mention, in the given order.

    >>> text = "No pneumothorax or effusion, but a nodule in the left lung."
    >>> words = ["pneumothorax", "effusion", "nodule", "left lung"]
    >>> negated(text, [(text.index(word), text.index(word) + len(word)) for word in words])
    [True, True, False, False]
    """
    if not spans or not HINT.search(text.lower()):
        return [False] * len(spans)
    white_space = FoldedWhiteSpace(text)
    text = _small(white_space.text)
    scopes = _scopes(text)
    begins = [first for first, _ in scopes]
    answers = []
    for span in spans:
        start, end = map(white_space.place, span[:2])
        number = bisect_right(begins, start) - 1
        answers.append(
            (number >= 0 and start < scopes[number][1])
            or bool(_PREFIX.search(text, max(0, start - 5), start))
            or bool(_SUFFIX.match(text, end))
        )
    return answers


def _small(text: str) -> str:
    """The text in lower case with the same offsets, which is several times as fast to scan.

    A sentence without a space after it ends with a line break.
    """
    text = _RUN_ON.sub("\n", text)
    if "NO" in text:
        text = _OXIDE.sub("??", text)
    small = text.lower()
    if len(small) != len(text):
        small = "".join(c if len(c) == 1 else "?" for c in map(str.lower, text))
    return small.translate(_PLAIN)


def _scopes(text: str) -> list[_Scope]:
    """The negated intervals, sorted and disjoint; brackets are read on their own."""
    brackets = [bracket.span() for bracket in _BRACKET.finditer(text)]
    if not brackets:
        return _scopes_of(text)
    inside: list[_Scope] = []
    pieces: list[_Scope] = []  # the text outside brackets, without spaces before them
    place = 0
    for start, end in brackets:
        inside += [(a + start + 1, b + start + 1) for a, b in _scopes_of(text[start + 1 : end - 1])]
        pieces.append((place, place + len(text[place:start].rstrip())))
        place = end
    pieces.append((place, len(text)))
    outside = _scopes_of("".join(text[start:end] for start, end in pieces))
    return _apart([*inside, *_put_back(outside, pieces)])


def _put_back(scopes: Sequence[_Scope], pieces: Sequence[_Scope]) -> Iterable[_Scope]:
    """Maps scopes in joined pieces of a text back to the text, split where pieces were joined."""
    number = 0
    joined = 0  # where the piece begins in the joined text
    for first, last in scopes:
        while True:
            start, end = pieces[number]
            stop = joined + end - start
            if first < stop:
                begin = start + max(first, joined) - joined
                # Across a bracket: up to it, with the spaces before it.
                yield begin, (start + last - joined if last <= stop else end)
            if last <= stop:
                break
            joined = stop
            number += 1


def _scopes_of(text: str) -> list[_Scope]:
    scopes: list[_Scope] = []
    begin = 0
    for end in (*(mark.start() for mark in _SENTENCE.finditer(text)), len(text)):
        if HINT.search(text, begin, end):
            scopes += _scopes_in(text, begin, end)
        begin = end
    return _apart(scopes)


def _scopes_in(text: str, begin: int, end: int) -> Iterable[_Scope]:
    """The scopes in one sentence."""
    cues = [_Cue(str(cue.lastgroup), *cue.span()) for cue in SCAN.finditer(text, begin, end)]
    cues.append(_Cue("mark", end, end))
    closed = {
        kind: _closed(text, cues, _AND if kind in _NEGATIVE else _OR)
        for kind in _BEFORE & {cue.kind for cue in cues}
    }
    for number, (kind, start, stop) in enumerate(cues):
        if kind == "listed":
            yield from _listed(text, cues, number)
        elif kind in _BEFORE:
            # "no clinical signs of infection": the signs are absent too.
            first = start + len(text[start:stop].split(maxsplit=1)[0])
            yield first, _reach(text, cues, number, closed[kind])
        elif kind == "whole":
            yield start, stop
        elif kind in _AFTER:
            yield _subject(text, cues, number, begin)
        elif kind == "next":
            word = _WORD.match(text, stop, end)
            if word:
                yield word.span()


def _apart(scopes: Iterable[_Scope]) -> list[_Scope]:
    """The intervals in order, with those that touch joined."""
    apart: list[_Scope] = []
    for start, end in sorted(scopes):
        if apart and start <= apart[-1][1]:
            if end > apart[-1][1]:
                apart[-1] = apart[-1][0], end
        elif start < end:
            apart.append((start, end))
    return apart


def _closed(text: str, cues: Sequence[_Cue], closing: re.Pattern[str]) -> frozenset[int]:
    """The commas (as indices of cues) of lists that a word closes in the same clause."""
    if all(cue.kind != "comma" for cue in cues):
        return frozenset()
    words = [found.start() for found in closing.finditer(text, cues[0].start, cues[-1].end)]
    closed = set()
    clause = closer = -1  # the first of each after the current position
    for number in range(len(cues) - 1, -1, -1):
        kind, start, _ = cues[number]
        if kind in _ENDS:
            clause = start
        elif kind == "comma":
            while words and words[-1] > start:
                closer = words.pop()
            if start < closer < clause:
                closed.add(number)
    return frozenset(closed)


def _reach(text: str, cues: Sequence[_Cue], number: int, closed: frozenset[int]) -> int:
    """The end of the scope of a cue before: where it stops, or where the next cue takes over."""
    begin = cues[number].end
    at = number + 1
    if cues[at].kind == "stop" and not text[begin : cues[at].start].strip():
        at += 1  # "no visible mass"
    while True:
        kind, start, end = cues[at]
        if kind in _BEFORE:
            return end
        if kind in _ENDS or kind == "answer" or (kind == "comma" and at not in closed):
            return start
        if kind == "place" and not _of_evidence(text, begin, end):
            return start
        at += 1


def _listed(text: str, cues: Sequence[_Cue], number: int) -> Iterable[_Scope]:
    """All items of a list, each up to its preposition: "denies pain in the chest, fever"."""
    begin: int | None = cues[number].end
    for at in range(number + 1, len(cues)):
        kind, start, end = cues[at]
        also = kind == "stop" and text.startswith("and ", start)
        over = kind in _BEFORE or kind == "answer" or (kind in _ENDS and not also)
        if begin is None:
            begin = end if also or kind == "comma" else None
        elif over or (kind == "place" and not _of_evidence(text, begin, end)):
            yield begin, start
            begin = None
        if over:
            break


def _subject(text: str, cues: Sequence[_Cue], number: int, sentence: int) -> _Scope:
    """The head of the subject before a cue: up to its first preposition.

    Without an "is" the cue negates the last noun: "a scar in patients not seen".
    """
    _, end, last = cues[number]
    short = text.startswith(("not", "no "), end)
    back = number
    while back and cues[back - 1].kind in {"place", "link"}:
        back -= 1
    begin = cues[back - 1].end if back else sentence
    first = end
    for _, start, stop in cues[back:number]:
        if _of_evidence(text, begin, stop):
            continue
        if short:
            begin = stop
        elif first == end and not text[begin:start].strip():
            begin = stop  # "as the kidney is absent"
        elif first == end:
            first = start
    if back and begin == cues[back - 1].end and _GONE.search(text, end, last):
        earlier = _subject_before_but(text, cues, back - 1, sentence)
        if earlier and not text[begin:end].strip():
            return earlier
    commas = back
    while commas and cues[commas - 1].kind == "comma":
        commas -= 1
    if (
        commas < back
        and first == end
        and _MANY.search(text, end, last)
        and _AND.search(text, begin, end)
        and (not commas or cues[commas - 1].kind in {"mark", "answer"})
    ):
        # "Effusion, fracture and air were not seen."
        begin = cues[commas - 1].end if commas else sentence
    return begin, first


def _subject_before_but(
    text: str, cues: Sequence[_Cue], number: int, sentence: int
) -> _Scope | None:
    """The subject of the verb before "but": "A tumour was suspected but ruled out"."""
    if cues[number].kind != "stop" or not text.startswith(("but", "and"), cues[number].start):
        return None
    verb = None
    while number and cues[number - 1].kind in {"stop", "place", "link", "next"}:
        number -= 1
        if cues[number].kind == "stop":
            verb = number
    begin = cues[number - 1].end if number else sentence
    places = (cue.start for cue in cues[number:verb] if not _of_evidence(text, begin, cue.end))
    return None if verb is None else (begin, next(places, cues[verb].start))


def _of_evidence(text: str, begin: int, end: int) -> bool:
    """Whether the preposition that ends here is the "of" of "evidence of"."""
    return bool(_OF_EVIDENCE.search(text, max(begin, end - _LONGEST_OF_EVIDENCE), end))
