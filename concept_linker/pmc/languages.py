"""Which language a part of an article is in, and which of several to take.

The linker knows English, so English is taken where there is a choice, else what stands first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from concept_linker.pmc.safe_xml import local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["ENGLISH", "best_language", "in_one_language", "language_of"]

ENGLISH = "en"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
#: What stands for a translation that does not say into which language; BCP 47's "undetermined".
_UNTOLD = "und"


def language_of(element: _Element) -> str:
    """The code without its region, such as ``en`` or ``pt``; empty where no one says."""
    return next(filter(None, map(_own_language, (element, *element.iterancestors()))), "")


def _own_language(element: _Element) -> str:
    if language := element.get(_LANGUAGE, "").strip().lower():
        code = language.partition("-")[0].partition("_")[0]
        return ENGLISH if code == "eng" else code[:8]
    translation = (
        local_name(element) == "trans-abstract" or element.get("article-type") == "translation"
    )
    return _UNTOLD if translation else ""


def best_language(languages: Iterable[str]) -> str:
    """English, where nobody says (JATS then means English), or the first.

    >>> best_language(["pt", "en"]), best_language(["pt", ""]), best_language(["pt", "es"])
    ('en', '', 'pt')
    """
    there = list(languages)
    return next((one for one in (ENGLISH, "") if one in there), there[0] if there else "")


def in_one_language(siblings: Sequence[_Element]) -> list[_Element]:
    """Those of some siblings that are in the best language of all."""
    languages = list(map(_own_language, siblings))
    if not any(languages):
        return list(siblings)
    parent = siblings[0].getparent()
    around = "" if parent is None else language_of(parent)
    languages = [own or around for own in languages]
    best = best_language(languages)
    return [one for one, language in zip(siblings, languages, strict=True) if language == best]
