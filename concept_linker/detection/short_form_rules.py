"""Which strings may be short forms, and the usual long forms of well-known ones."""

from __future__ import annotations

import re

__all__ = [
    "SHORT",
    "SMALL_WORDS",
    "disagrees",
    "is_known",
    "is_short",
    "letters_of",
    "singular",
]

#: The pattern of a short form, for use in larger patterns.
SHORT = r"[A-Za-z0-9α-ωΑ-Ω][A-Za-z0-9α-ωΑ-Ω/&+'’-]{0,10}[A-Za-z0-9α-ωΑ-Ω+]"
#: Words of a long form that need no letter in the short form.
SMALL_WORDS = frozenset("a an and as at by de for from in of on or per the to und with".split())

# Not short forms, although the text after them may contain their letters in order.
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
# Short forms that nearly always mean one thing, with stems of words in their long form.
# The modalities are DICOM's (PS3.3, C.7.3.1.1.1) as captions write them, with sequences, stains and
# methods; chambers and vessels of the heart are in because of counts: of 117 explanations in 6,445
# captions of ROCO and PMC all but one (LA, local anesthetics) are these. PA, AP, AO and the like
# are out: those have many senses.
_KNOWN = {
    "CT MDCT CECT NCCT PET-CT PET/CT": "tomogr",
    "HRCT CBCT": "tomogr resolution beam",
    "CTA CTPA MRA": "angiogr",
    "MRI fMRI": "resonan imaging",
    "MR": "resonan mitral",
    "MRCP ERCP": "cholangio",
    "PET SPECT": "tomogr",
    "US EUS IVUS POCUS": "ultras sonogr echogr",
    "DSA": "subtract",
    "DWI DTI": "diffusion",
    "ADC": "diffusion conjugate adenocarcinoma",
    "FLAIR": "inversion attenuat",
    "STIR": "inversion",
    "SWI": "suscept",
    "GRE": "gradient",
    "FSE TSE": "spin",
    "MIP": "intensity",
    "MPR": "planar reform reconstr",
    "LAO RAO": "oblique",
    "OCT": "coherence compound",
    "TTE TEE TOE": "echocard",
    "ECG EKG": "electrocard",
    "EEG": "electroenceph",
    "EMG": "electromyo",
    "CXR XR": "radiogr x-ray xray",
    "VCUG HSG": "graph gram",
    "FNA FNAC": "needle",
    "KUB": "kidney",
    "IVP IVU": "pyelo urogra",
    "SEM": "scanning error",
    "TEM": "transmission",
    "H&E HE": "eosin",
    "PAS": "schiff",
    "IHC": "immunohisto",
    "PCR RT-PCR qPCR": "polymerase pcr",
    "DNA RNA": "nucle",
    "FDG": "fluoro deoxy",
    "LV RV": "ventric",
    "LA RA": "atri",
    "IVC SVC": "cava",
    "LAD": "descend deviation",
    "RCA": "coronary",
    "LCX LCx": "circumflex",
}
_STEMS = {short: stems.split() for shorts, stems in _KNOWN.items() for short in shorts.split()}


def singular(short: str) -> str:
    """Returns the singular of a short form: ``ROI`` for ``ROIs``."""
    if len(short) > 2 and short.endswith("s") and (short[-2].isupper() or short[-2] in "'’"):
        return short[:-1].rstrip("'’")
    return short


def letters_of(short: str) -> str:
    """Returns the lower-case letters and digits of the singular: those a long form must have."""
    return "".join(filter(str.isalnum, singular(short))).lower()


def is_short(short: str) -> bool:
    """Whether a string may be a short form.

    >>> [is_short(word) for word in ("CT", "LAlat", "IV", "II", "mm", "A-D", "Left")]
    [True, True, True, False, False, False, False]
    """
    if not 2 <= len(short) <= 10 or not short[0].isalnum():
        return False
    stem = singular(short)
    letters = sum(map(str.isalpha, stem))
    if letters < 2 or 2 * letters < len(stem) or short in _UNITS:
        return False
    if short.lower() in _ORDINARY and not (short.isupper() and letters < 4):
        return False
    if " " in short and not all(len(word) > 2 and word.isupper() for word in short.split()):
        return False
    return not _PANELS.fullmatch(stem) and (stem == "IV" or not _ROMAN.fullmatch(stem))


def is_known(short: str) -> bool:
    """Whether a short form is well known."""
    return singular(short) in _STEMS


def disagrees(short: str, long: str) -> bool:
    """Whether a short form is well known for another meaning.

    >>> [disagrees(*pair) for pair in (("CT", "cyst in thalamus"), ("CT", "computer tomogram"))]
    [True, False]
    """
    stems = _STEMS.get(singular(short))
    return stems is not None and not any(stem in long.lower() for stem in stems)
