"""What kind of picture a caption speaks of, by its words.

For stratifying and for tables only: a caption that names several kinds counts as the first of the
list, and one that names none as ``other``.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["MODALITIES", "modality_of"]


class _Kind(NamedTuple):
    """A kind of picture: its words, in any case, and its short forms, in theirs only."""

    name: str
    words: str
    short: str = "(?!)"


_KINDS: Final = (
    _Kind("nuclear medicine", r"scintigra\w+|bone scan\w*", r"PET(?:[/-]CT)?|SPECT|FDG"),
    _Kind(
        "MRI",
        r"magnetic resonance|T[12][- ]?(?:weighted|W)\w*|gadolinium",
        r"MRI?s?|MRCP|MRA|FLAIR|DWI",
    ),
    _Kind(
        "CT",
        r"(?:computed|computeri[sz]ed) (?:axial )?tomogra\w+",
        r"CTs?|CTA|CBCT|HRCT",
    ),
    _Kind("ultrasound", r"ultraso\w+|sonogra\w+|echocardiogra\w+|doppler", r"EUS|TTE|TEE"),
    _Kind("angiography", r"angiogra\w+|arteriogra\w+|venogra\w+"),
    _Kind("X-ray", r"x-? ?rays?|radiogra\w+|roentgen\w*|mammogra\w+|orthopantomogra\w+|barium"),
    _Kind("endoscopy", r"(?:endo|colono|gastro|broncho|laparo|arthro)scop\w+"),
    _Kind("eye imaging", r"fundus|optical coherence tomogra\w+|slit[- ]lamp", "OCT"),
    _Kind(
        "histology",
        r"histolog\w+|histopatholog\w+|ha?ematoxylin|immunohistochem\w+|biops\w+|cytolog\w+|"
        r"stain(?:ed|ing)",
        r"H ?& ?E",
    ),
    _Kind(
        "microscopy",
        r"\w*microscop\w+|micrograph\w*|immunofluorescen\w+|confocal|scale bars?",
        r"[ST]EM",
    ),
    _Kind("blot or gel", r"western blot\w*|immunoblot\w*|electrophores\w+"),
    _Kind("signal", r"electro(?:cardio|encephalo|myo)gra\w+", r"ECGs?|EKG|EEG|EMG"),
    _Kind(
        "chart",
        r"flow ?charts?|forest plot|funnel plot|kaplan|boxplots?|histograms?|bar graphs?|"
        r"scatter ?plots?|heat ?maps?|curves?|phylogenetic tree|error bars?|mean ± ?s\w+",
        r"ROC|PRISMA",
    ),
    _Kind("drawing", r"schematic\w*|diagrams?|illustrations?|cartoon|drawings?|workflow|overview"),
    _Kind(
        "photograph",
        r"photo(?:graph)?s?|photographic|clinical (?:image|picture|appearance)s?|"
        r"intra-?operative (?:view|image|picture)s?",
    ),
)
#: In the order in which they are looked for.
MODALITIES: Final = (*(kind.name for kind in _KINDS), "other")

_PATTERNS = tuple(
    re.compile(rf"(?<![A-Za-z0-9])(?:(?i:{kind.words})|{kind.short})(?![A-Za-z0-9])")
    for kind in _KINDS
)


def modality_of(caption: str) -> str:
    """The kind of picture, one of :data:`MODALITIES`.

    >>> modality_of("Axial T2-weighted MRI of the brain."), modality_of("The cat sat.")
    ('MRI', 'other')
    """
    for kind, pattern in zip(_KINDS, _PATTERNS, strict=True):
        if pattern.search(caption):
            return kind.name
    return "other"
