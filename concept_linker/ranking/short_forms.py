"""How likely the best candidate of a short form is right.

``CTPA`` is a gene's alias, ``RA`` a disease, ``SWI`` a protein complex: a short form that its text
does not explain is mostly known in another sense than the one meant, however well the string fits.
So the probability of one that nobody was seen to use for the concept (:func:`needs_judge`) comes
from trees of its own, learned on the short forms of captions alone
(``models/ranker/short_forms.py``): they see what the string says, the company it keeps, and which
semantic groups the place allows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from concept_linker.detection.short_form_rules import disagrees, is_known
from concept_linker.knowledge_base.semantic_types import SEMANTIC_TYPES
from concept_linker.ranking.contextual_features import IN_PLACE
from concept_linker.runtime.compiling import njit

__all__ = [
    "EVIDENCE",
    "OF_CONCEPT",
    "PAIR_COUNT",
    "is_short_form",
    "needs_judge",
    "short_form_evidence",
    "told_by_concept",
]

#: What is known of the best candidate: what the second stage sees of it and says of it, whether it
#: is not what the short form is known to stand for, and what kind of concept it is.
EVIDENCE = (
    *IN_PLACE, "place_number", "place_share", "candidates_in_place",
    "other_sense", "has_cui", "of_mesh", "is_gene", "is_disorder",
)  # fmt: skip
#: The column that tells how often the priors know the string for the concept.
PAIR_COUNT = EVIDENCE.index("pair_count")
#: How many of these, the last, its concept tells.
OF_CONCEPT = 5

# Capitals, with a small letter of a plural or a name ("LCx"); a vertebra or lead; "3D".  Other
# symbols with small letters or digits in them (mRNA, p53) mean what they say.
_WRITTEN = re.compile(r"[A-Z][A-Z/-]{0,4}[A-Z][a-z]?|[A-Z][-–]?\d{1,2}|\d-?D")
_SEEN = len(IN_PLACE)


def is_short_form(string: str) -> bool:
    """Whether a string looks like a short form, so that its letters say little.

    >>> [is_short_form(string) for string in ("CTPA", "LCx", "SNPs", "L3", "lesion", "p53", "IL-6")]
    [True, True, True, True, False, False, False]
    """
    return _WRITTEN.fullmatch(string) is not None


def needs_judge(string: str, name: str, pair_count: float) -> bool:
    """Whether a short form's best concept is doubtful by itself.

    It is if nobody was seen to use the one for the other, or if the short form nearly always stands
    for something else; not if the concept is what it nearly always stands for.

    Args:
        string: the short form.
        name: the concept's preferred name.
        pair_count: how often the priors know the string for the concept, as the features have it.

    >>> needs_judge("CTPA", "cataract 6", 0), needs_judge("TEE", "Echocardiography", 0)
    (True, False)
    >>> needs_judge("RA", "Rheumatoid Arthritis", 2.1), needs_judge("COPD", "any disease", 2.1)
    (True, False)
    """
    if is_known(string):
        return _means_other(string, name)
    return pair_count <= 0


def _means_other(string: str, name: str) -> bool:
    return disagrees(string, name) and name.casefold() != string.casefold()


def told_by_concept(
    string: str, concept_id: str, name: str, semantic_types: Sequence[str]
) -> tuple[float, ...]:
    """The last :data:`OF_CONCEPT` columns of the evidence: what the concept itself tells.

    >>> told_by_concept("CTPA", "MONDO:0007288", "cataract 6 multiple types", ["T047"])
    (1.0, 0.0, 0.0, 0.0, 1.0)
    """
    groups = {SEMANTIC_TYPES[one].group for one in semantic_types if one in SEMANTIC_TYPES}
    return (
        float(_means_other(string, name)),
        float(":" not in concept_id),
        float(concept_id.startswith("MESH:")),
        float(concept_id.startswith("HGNC:") or "GENE" in groups),
        float("DISO" in groups),
    )


@njit(cache=True, nogil=True)
def short_form_evidence(numbers, features, sizes, temperature, best, out):  # type: ignore[no-untyped-def]
    """Fills in :data:`EVIDENCE` of the best candidate of each mention, but for the last columns.

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
