"""Selects useful names and cleans them."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["clean", "is_practical_chemical", "natural"]

_LONGEST = 120
_SPACES = re.compile(r"\s+")
_QUALIFIER = re.compile(
    r"\s*[(\[](?:disease|disorder|finding|qualifier value|generic|morphologic abnormality"
    r"|process|procedure|organism|substance|body structure|MONDO|NCIT|DO|NORD|OMIM|Orphanet"
    r"|mammalian|vertebrates?|obsolete|formerly|medical|clinical)[)\]]$",
    re.IGNORECASE,
)
_JUNK = re.compile(
    r"obsolete|\bNOS$|\bNEC$|not otherwise specified|not elsewhere classified|not specified"
    r"|unspecified|\bprovisional\b|\bdeprecated\b|^no \w+ entry|\bsee also\b"
    r"|^(?:other|various) .* (?:disorders|diseases)",
    re.IGNORECASE,
)
_LOCANT = re.compile(r"[\d\[\]{}]")
_IUPAC = re.compile(r"\d[,'′-]\d|\(\d|[a-z]\)-|\b\d+[RSHEZ]\b|\(\+|\(-|lambda|\bN\d?-|yl\)")


def clean(raw: str) -> tuple[str, ...]:
    """Returns the name without qualifiers, or nothing if it is not useful.

    >>> clean("scotoma (disease)"), clean("obsolete thing"), clean("12"), clean("  Lung  ")
    (('scotoma',), (), (), ('Lung',))
    """
    name = _SPACES.sub(" ", raw).strip(" \t,;")
    name = _QUALIFIER.sub("", name)
    if name.endswith(".") and " " in name:
        name = name[:-1]
    letters = sum(character.isalpha() for character in name)
    if len(name) > _LONGEST or len(name) < 2 or not letters:
        return ()
    if _JUNK.search(name):
        return ()
    if len(name) > 60 and len(_LOCANT.findall(name)) >= 6:
        return ()
    return (name,)


def natural(names: Iterable[str]) -> list[str]:
    """Returns names in their order, but those inverted at a comma last."""
    return sorted(names, key=lambda name: ", " in name)


def is_practical_chemical(name: str, *, longest: int = 40) -> bool:
    """Returns whether people use this name of a chemical, rather than a drawing of its structure.

    >>> is_practical_chemical("gadopentetic acid"), is_practical_chemical("5-fluorouracil")
    (True, True)
    >>> is_practical_chemical("2-[(2R,5R)-6-(hydroxymethyl)oxan-2-yl]acetamide")
    False
    """
    if len(name) > longest or len(name.split()) > 4 or "#" in name:
        return False
    if len(name) > 9 and name.isupper() and name.isalpha():  # the sequence of a peptide
        return False
    if len(_LOCANT.findall(name)) > 4 or name.count("-") > 3:
        return False
    return len(_IUPAC.findall(name)) <= 1
