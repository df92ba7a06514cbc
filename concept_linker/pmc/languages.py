"""The language of a part of an article, and the choice between several languages.

The linker is made for English, so English is preferred; without it, the first language.
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
#: The language of a translation without a language code; BCP 47's "undetermined".
_UNDETERMINED = "und"


def language_of(element: _Element) -> str:
    """Returns the language code without region, such as ``en``; empty if the article has none."""
    return next(filter(None, map(_declared_language, (element, *element.iterancestors()))), "")


def _declared_language(element: _Element) -> str:
    if language := element.get(_LANGUAGE, "").strip().lower():
        code = language.partition("-")[0].partition("_")[0]
        return ENGLISH if code == "eng" else code[:8]
    translation = (
        local_name(element) == "trans-abstract" or element.get("article-type") == "translation"
    )
    return _UNDETERMINED if translation else ""


def best_language(languages: Iterable[str]) -> str:
    """Returns English, else no language (JATS then means English), else the first language.

    >>> best_language(["pt", "en"]), best_language(["pt", ""]), best_language(["pt", "es"])
    ('en', '', 'pt')
    """
    found = list(languages)
    return next((one for one in (ENGLISH, "") if one in found), found[0] if found else "")


def in_one_language(siblings: Sequence[_Element]) -> list[_Element]:
    """Returns the siblings that are in the best language."""
    languages = list(map(_declared_language, siblings))
    if not any(languages):
        return list(siblings)
    parent = siblings[0].getparent()
    around = "" if parent is None else language_of(parent)
    languages = [language or around for language in languages]
    best = best_language(languages)
    return [one for one, language in zip(siblings, languages, strict=True) if language == best]
