"""Normalisation of names and mentions, the same at build and at search.

A text becomes a *key*: its word tokens, each folded separately, joined by blanks.  Folding depends
on a single token, so the key of a window of a caption is the keys of its tokens joined, and the
dictionary can match captions token by token.  The steps, in order:

1.  Tokens are runs of letters (with their combining marks), runs of digits (superscript and
    subscript ones too), and single Greek letters; everything else separates tokens.  ``IL-6``,
    ``IL6`` and ``IL 6`` have the same tokens, and so do ``TNF-α`` and ``TNF alpha``.
2.  A possessive ``'s`` is removed.
3.  Unicode NFKD, without combining and invisible marks, case-folded; Greek letters, and letters
    used for them (``ɣ``, ``IL-1ß``), are spelled out.
4.  A token in capitals of at most five letters is a symbol and is folded no further
    (``RAS`` is not the plural of ``RA``); a lower-case ``s`` after it marks the plural.
5.  Inflection: English and Latin plurals to the singular (``biopsies``, ``vertebrae``,
    ``metastases``, ``bronchi``), the endings ``-sis`` and ``-um`` to the common form with
    their plurals.  This is Harman's S-stemmer (JASIS 42(1), 1991) with exceptions for medicine.
6.  British spelling to American: ``ae``, ``oe``, ``-our``, ``-re``.
7.  A comma followed by a blank marks inversion, as in UMLS and MeSH: ``Carcinoma, Squamous Cell``
    is ``squamous cell carcinoma`` (:func:`keys` returns both readings).

The key ignores case.  For names whose case is significant (``CAT``, ``MRI``), search and the
dictionary also check :func:`case_agrees`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["TOKEN", "case_agrees", "fold", "is_symbol", "key", "keys", "with_greek"]

_DIGITS = r"\d²³¹⁰⁴-⁹₀-₉"
_MARKS = (
    "\u00ad\u200b-\u200d\u2060\ufeff"  # invisible
    "\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
_GREEK = r"µ\u0370-\u03ff\u1f00-\u1fff"
_LETTER = rf"[^\W_{_DIGITS}{_GREEK}]"

#: Word tokens of a text; step 1 (and 2: the possessive is a token that folds to nothing).
TOKEN = re.compile(
    rf"(?<=\w)['’ʼ]s\b|{_LETTER}[{_MARKS}]*(?:{_LETTER}+[{_MARKS}]*)*|[{_DIGITS}]+|[{_GREEK}]"
)

_GREEK_NAMES = dict(
    zip(
        "αβγδεζηθικλμνξοπρςστυφχψω",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho"
        " sigma sigma tau upsilon phi chi psi omega".split(),
        strict=True,
    )
)

# Letters used for Greek ones; ß only if no lower-case letter next to it makes it a German word.
_FOR_GREEK = {"ɣ": "γ", "ɑ": "α", "∆": "Δ", "∝": "α", "ß": "β"}
_LOOKS_GREEK = re.compile(r"[ɣɑ∆]|(?<=[\w-])∝|(?<![^\W\dA-Z_])ß(?![^\W\dA-Z_])")

_SPELLED_OUT = {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE"}

# Plurals that no short rule gets right without breaking other words.
_IRREGULAR = dict(
    pair.split(":")
    for pair in (
        "acini:acinus alveoli:alveolus anastomoses:anastomosis axes:axis bacilli:bacillus"
        " bronchi:bronchus calculi:calculus calyces:calyx calices:calyx children:child"
        " cocci:coccus emboli:embolus esophagi:esophagus feet:foot fetuses:fetus foci:focus"
        " foramina:foramen fundi:fundus fungi:fungus gyri:gyrus hili:hilus hippocampi:hippocampus"
        " humeri:humerus indices:index lenses:lens lice:louse loci:locus lumina:lumen men:man"
        " menisci:meniscus mice:mouse nevi:nevus nuclei:nucleus nucleoli:nucleolus pelves:pelvis"
        " phalanges:phalanx radii:radius rami:ramus sacculi:sacculus stimuli:stimulus"
        " sulci:sulcus syllabi:syllabus apices:apex teeth:tooth testes:testis thalami:thalamus"
        " thrombi:thrombus tori:torus trunci:truncus tubuli:tubulus uteri:uterus villi:villus"
        " women:woman appendices:appendix cervices:cervix cicatrices:cicatrix cortices:cortex"
        " fornices:fornix helices:helix matrices:matrix varices:varix vertices:vertex"
        " vortices:vortex calves:calf halves:half knives:knife leaves:leaf lives:life"
        " valves:valve series:series species:species feces:feces biceps:biceps triceps:triceps"
        " forceps:forceps pus:pus gas:gas bias:bias atlas:atlas pancreas:pancreas"
        " lens:lens herpes:herpes diabetes:diabetes rabies:rabies scabies:scabies caries:caries"
        " facies:facies ascites:ascites mumps:mumps pons:pons vas:vas ileus:ileus"
        " larynges:larynx pharynges:pharynx meninges:meninx iris:iris irides:iris"
        " arthritides:arthritis epididymides:epididymis"
    ).split()
)


def fold(token: str) -> str:
    """Returns the normal form of one token (steps 2 to 6), possibly empty.

    >>> [fold(t) for t in ("Lesions", "MRIs", "RAS", "Œdema", "β", "metastases", "²", "’s")]
    ['lesion', 'mri', 'ras', 'edema', 'beta', 'metastase', '2', '']
    """
    return _fold(token)


@lru_cache(maxsize=1 << 18)
def _fold(token: str) -> str:
    if token.isascii():
        if token.isdigit():
            return token
        if not token[0].isalpha():
            return ""
        plain = token
    else:
        if not token[0].isalnum() and not token[0].isalpha():
            return ""
        if token in _FOR_GREEK:
            token = _FOR_GREEK[token]
        plain = _to_plain(token)
        if not plain or not plain.isalpha():
            return plain
    letters = plain[:-1] if plain[-1] == "s" else plain
    if len(letters) <= 5 and len(letters) > 1 and letters.isupper():
        return letters.lower()
    return _american(_singular(plain.casefold()))


def _to_plain(token: str) -> str:
    """Step 3 without case folding: compatibility forms, no marks, Greek spelled out."""
    decomposed = unicodedata.normalize("NFKD", token)
    kept = (_SPELLED_OUT.get(c) or _GREEK_NAMES.get(c.lower(), c) for c in decomposed)
    return "".join(c for c in "".join(kept) if c.isalnum())


def _singular(word: str) -> str:
    """Step 5, for a lower-case word."""
    known = _IRREGULAR.get(word)
    if known is not None:
        word = known
    elif len(word) >= 4:
        word = _without_plural(word)
    if len(word) > 5 and word.endswith("sis"):
        return word[:-2] + "e"
    if len(word) > 4 and word.endswith("um"):
        return word[:-2] + "a"
    return word


def _without_plural(word: str) -> str:
    if word.endswith("ae"):
        return word[:-1]
    if word.endswith("mata") and len(word) > 6:
        return word[:-2]
    if word[-1] != "s" or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("aies", "eies")) or len(word) < 5 else word[:-3] + "y"
    if word.endswith("uses") and len(word) > 5 and word[-5] not in "ao":
        return word[:-2]
    if word.endswith(("sses", "xes", "zzes", "tches", "nches", "rches", "shes")):
        return word[:-2]
    return word[:-1]


def _american(word: str) -> str:
    """Step 6."""
    if "ae" in word or "oe" in word:
        word = word.replace("ae", "e").replace("oe", "e")
    if len(word) >= 6 and word.endswith("our"):
        return word[:-3] + "or"
    if len(word) >= 5 and word.endswith(("tre", "bre")):
        return word[:-2] + "er"
    return word


def with_greek(text: str) -> str:
    """Returns the text with Greek letters in place of letters used for them, of equal length.

    >>> with_greek("interferon-ɣ, IL-1ß, ß-catenin, Straße")
    'interferon-γ, IL-1β, β-catenin, Straße'
    """
    return _LOOKS_GREEK.sub(lambda found: _FOR_GREEK[found[0]], text)


def key(text: str) -> str:
    """Returns the key of a text without inversion: folded tokens, joined by blanks.

    >>> key("Alzheimer's  diseases"), key("TNF-α"), key("IL6"), key("(+/-)")
    ('alzheimer disease', 'tnf alpha', 'il 6', '')
    """
    return " ".join(filter(None, map(_fold, TOKEN.findall(text))))


def keys(text: str) -> tuple[str, ...]:
    """Returns all keys of a text: inverted if it has inverting commas, and as it is.

    >>> keys("Carcinoma, Squamous Cell")
    ('squamous cell carcinoma', 'carcinoma squamous cell')
    >>> keys("Leukemia, Myeloid, Acute")[0]
    'acute myeloid leukemia'
    >>> keys("(1,3)-beta-glucan")
    ('1 3 beta glucan',)
    """
    straight = key(text)
    if ", " not in text:
        return (straight,) if straight else ()
    turned = key(" ".join(reversed(text.split(", "))))
    if turned == straight:
        return (straight,) if straight else ()
    return (turned, straight)


_PARTS = re.compile(r"[^\W_]+")


@lru_cache(maxsize=1 << 16)
def is_symbol(text: str) -> bool:
    """Returns whether the case of a name is significant: ``MRI``, ``CAT``, ``p53``, ``mTOR``.

    A symbol has no blank and at most ten characters. It also has letters and a digit, or a part
    with a capital after its first letter, or only capitals.

    >>> [is_symbol(t) for t in ("MRI", "IL-6", "Bmp4", "mTOR", "H&E", "T2")]
    [True, True, True, True, True, True]
    >>> [is_symbol(t) for t in ("lesion", "Lesion", "X-Rays")]
    [False, False, False]
    """
    if len(text) > 10 or " " in text:
        return False
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return False
    if any(c.isdigit() for c in text):
        return True
    if len(letters) > 1 and all(c.isupper() for c in letters):
        return True
    return any(c.isupper() for part in _PARTS.findall(text) for c in part[1:])


def case_agrees(mention: str, name: str, *, symbol: bool = False) -> bool:
    """Returns whether a mention agrees in case with a name that has the same key.

    Symbols must be written as symbols: ``cat`` is not ``CAT``. Their plural ``s``, marks between
    letters, and the case of symbols with digits are ignored.  Ordinary names may have any case,
    but a short word in capitals (``CAT``) is not an ordinary word (``cat``).

    Args:
        mention: the mention.
        name: the name.
        symbol: treats the name as a symbol in any case, such as the gene ``Ray``.

    >>> case_agrees("cat", "CAT"), case_agrees("MRIs", "MRI"), case_agrees("CAT", "cat")
    (False, True, False)
    >>> case_agrees("LESION", "lesions"), case_agrees("il-6", "IL6")
    (True, True)
    """
    if symbol or is_symbol(name):
        given, expected = _letters(mention), _letters(name)
        if " " in mention and " " not in name and len(given) <= 4:
            return False  # "a 2" is not "A2"
        if given == expected:
            return True
        return any(c.isdigit() for c in expected) and given.casefold() == expected.casefold()
    if len(mention) <= 5 and is_symbol(mention):
        return _letters(mention) == _letters(name)
    return True


@lru_cache(maxsize=1 << 16)
def _letters(text: str) -> str:
    kept = "".join(map(_to_plain, TOKEN.findall(text)))
    if len(kept) > 2 and kept[-1] == "s" and kept[:-1].isupper():
        return kept[:-1]
    return kept
