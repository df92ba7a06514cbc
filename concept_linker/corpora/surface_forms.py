"""Compares the surface form that a corpus writes for a mention with the text.

The two differ in some corpora: PubTator writes ``TNF-a`` for ``TNF-α``, ``IL-1b`` for ``IL-1ß`` and
``SARS CoV 2`` for ``SARS‐CoV‐2``; others drop diacritics, or write ``?`` for characters that their
encoding does not have.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from concept_linker.search.normalise import fold

__all__ = ["same_letters"]

_NON_WORD = re.compile(r"[\W_]+")
_PLACEHOLDERS = ("?", "\ufffd")
#: The maximum number of readings at once; names have one or two, only a hostile file has more.
_MAX_READINGS = 64

#: What ASCII files write for a letter, other than its name and its plain form.
_LOOK_ALIKES = {
    letter: tuple(written.split(","))
    for letter, _, written in (
        pair.partition(":")
        for pair in (
            "α:a β:b γ:g,y δ:d ε:e ζ:z η:h,e,n θ:th,t,q ι:i κ:k λ:l μ:u,m ν:n,v ξ:x ο:o π:p ρ:r,p"
            " σ:s ς:s,σ τ:t υ:u,y φ:f,ph χ:c,x,ch ψ:ps,y ω:o,w ß:b,beta ɑ:a,alpha ɣ:g,gamma"
            " ɛ:e,epsilon ä:ae ö:oe ü:ue å:aa ø:o,oe æ:ae œ:oe ł:l đ:d ð:d þ:th ı:i ħ:h ŋ:n"
        ).split()
    )
}


def same_letters(one: str, other: str) -> bool:
    """Whether two strings have the same letters and digits, ignoring case and diacritics.

    A letter outside ASCII may be spelled out or replaced by the ASCII letter that looks like it.
    Blanks and punctuation are ignored.

    >>> same_letters("TNF-α", "TNF-a"), same_letters("TNF alpha", "TNFα"), same_letters("ΔF", "dF")
    (True, True, True)
    >>> same_letters("Sjögren’s", "Sjogren's"), same_letters("IL-1β", "IL-1?")
    (True, True)
    >>> same_letters("TNF-α", "TNF-b"), same_letters("asthma", "asthm")
    (False, False)
    """
    left, right = _letters(one), _letters(other)
    if left == right:
        return True
    if left.isascii() and right.isascii():
        return False
    return _spells(left, right, other) or _spells(right, left, one)


def _letters(text: str) -> str:
    return _NON_WORD.sub("", text.replace("∆", "Δ").lower())


def _spells(letters: str, written: str, with_marks: str) -> bool:
    """Whether ``written`` spells ``letters``; follows every prefix that does."""
    lost = any(one in with_marks for one in _PLACEHOLDERS)
    ends = {0}
    for letter in letters:
        spellings = _spellings(letter)
        ends = {
            end + len(one) for end in ends for one in spellings if written.startswith(one, end)
        } | (ends if lost and not letter.isascii() else set())
        if not 0 < len(ends) <= _MAX_READINGS:
            return False
    return len(written) in ends


@lru_cache(maxsize=4096)
def _spellings(letter: str) -> tuple[str, ...]:
    if letter.isascii():
        return (letter,)
    plain = _NON_WORD.sub("", unicodedata.normalize("NFKD", letter)).casefold()
    alike = (*_LOOK_ALIKES.get(letter, ()), *_LOOK_ALIKES.get(plain, ()))
    return tuple(dict.fromkeys(one for one in (letter, plain, fold(letter), *alike) if one))
