"""Named character entities such as ``&alpha;``, without a DTD."""

from __future__ import annotations

from html.entities import html5
from typing import TYPE_CHECKING

from concept_linker.errors import ArticleError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["character_named", "character_of"]

_GREEK = "a b g d e z ee th i k l m n x o p r sf s t u ph kh ps oh".split()
#: JATS has the names of HTML and of ISO's set of Greek letters (``&agr;``, ``&KHgr;``).
_ISO = {f"{name}gr": chr(code) for code, name in enumerate(_GREEK, start=ord("α"))}
_ISO |= {f"{name.upper()}gr": _ISO[f"{name}gr"].upper() for name in _GREEK}


def character_named(name: str) -> str | None:
    """Returns the character of a name, or ``None`` if no standard has the name.

    Bold Greek letters become plain ones.

    >>> character_named("alpha"), character_named("agr"), character_named("b.alpha")
    ('α', 'α', 'α')
    """
    name = name.removeprefix("b.")
    return html5.get(f"{name};") or _ISO.get(name)


def character_of(entity: _Element) -> str:
    """Returns the character of an entity reference.

    Raises:
        ArticleError: the entity is defined in the DTD only, which is never read.
    """
    name = str(getattr(entity, "name", ""))
    character = character_named(name)
    if character is None:
        raise ArticleError(f"entity &{name[:40]}; is defined in the DTD only, which is never read")
    return character
