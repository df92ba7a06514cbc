"""How likely the best candidate of a short form is right.

``CTPA`` is a gene's alias, ``RA`` a disease, ``SWI`` a protein complex: a short form that its text
does not explain is mostly known in another sense than the one meant, however well the string fits.
So its probability comes from trees of its own, learned on the short forms of captions alone
(``models/ranker/short_forms.py``): they see what the string says, the company it keeps, and which
semantic groups the place allows.
"""

from __future__ import annotations

import re

import numpy as np

from concept_linker.candidates.normalise import is_symbol
from concept_linker.compiling import njit
from concept_linker.mentions.short_forms import disagrees, is_known
from concept_linker.ranking.context import IN_PLACE

__all__ = ["EVIDENCE", "is_short_form", "known_sense", "short_form_evidence"]

#: What is known of the best candidate: what the second stage sees of it and says of it, and whether
#: it is what the short form is known to stand for (1), or is not (-1).
EVIDENCE = (*IN_PLACE, "place_number", "place_share", "candidates_in_place", "known_sense")

_WRITTEN = re.compile(r"\w[\w/-]{1,5}")
_SEEN = len(IN_PLACE)


def is_short_form(string: str) -> bool:
    """Whether a string looks like a short form, so that its letters say little.

    >>> [is_short_form(string) for string in ("CTPA", "LCx", "SNPs", "lesion", "Ca(2+)", "L")]
    [True, True, True, False, False, False]
    """
    return _WRITTEN.fullmatch(string) is not None and is_symbol(string)


def known_sense(string: str, name: str) -> float:
    """Whether a concept is what a short form is known to stand for: 1 if so, -1 if not, else 0.

    >>> known_sense("CTPA", "cataract 6 multiple types"), known_sense("TEE", "Echocardiography")
    (-1.0, 1.0)
    >>> known_sense("ABC", "anything")
    0.0
    """
    if not is_known(string):
        return 0.0
    return -1.0 if disagrees(string, name) else 1.0


@njit(cache=True, nogil=True)
def short_form_evidence(numbers, features, sizes, temperature, best, out):  # type: ignore[no-untyped-def]
    """Fills in :data:`EVIDENCE` of the best candidate of each mention, but for the last column.

    Args:
        numbers: what the trees of the second stage say, one mention after the other.
        features: of shape (candidates, :data:`~.context.IN_PLACE`).
        sizes: how many candidates each mention has; of one that has none the row is left.
        temperature: see :class:`~.context.Calibration`.
        best: filled in: the place of the best candidate of each mention, -1 if it has none.
        out: float32 of shape (mentions, :data:`EVIDENCE`).
    """
    begin = 0
    for mention in range(sizes.size):
        own = numbers[begin : begin + sizes[mention]]
        best[mention] = -1
        if own.size:
            top = np.argmax(own)
            best[mention] = begin + top
            total = 0.0
            for number in own:
                total += np.exp((number - own[top]) / temperature)
            out[mention, :_SEEN] = features[begin + top]
            out[mention, _SEEN] = own[top]
            out[mention, _SEEN + 1] = 1.0 / total
            out[mention, _SEEN + 2] = own.size
        begin += sizes[mention]
