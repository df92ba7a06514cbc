"""Extracts the text of a caption or label, in reading order, whatever the markup.

Blocks (paragraphs, titles, list items …) are joined by one blank. Inline markup adds nothing, so
``10<sup>-3</sup>`` becomes ``10-3``, as in MedConcept. White space inside a block is kept; at its
ends, XML white space is removed.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from concept_linker.pmc.entities import character_of
from concept_linker.pmc.formulas import math_text, readable_tex
from concept_linker.pmc.languages import in_one_language
from concept_linker.pmc.safe_xml import XML_SPACE, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["text_of"]

_BLOCKS = frozenset(
    """attrib boxed-text break caption def def-item def-list disp-formula disp-formula-group
    disp-quote fn label list list-item p preformat sec speech statement table tbody td term tfoot th
    thead title tr verse-group verse-line""".split()
)
#: Elements that are extracted elsewhere, or not shown.
_SKIPPED = frozenset(
    """alt-text annotation annotation-xml fig fig-group graphic index-term inline-graphic long-desc
    media object-id permissions""".split()
)
#: The preferred forms of a formula, best first.
_FORMS = ("textual-form", "math", "tex-math")
_SEVERAL_FORMS = ("alternatives", "inline-formula", "disp-formula")


def text_of(element: _Element) -> str:
    """Returns the text of an element: a caption, a label, a list item.

    Raises:
        ArticleError: an entity is defined in the DTD only, which is never read.
    """
    parts: list[str | None] = []
    _collect(element, parts)
    blocks: list[list[str]] = [[]]
    for part in parts:
        if part is None:
            blocks.append([])
        else:
            blocks[-1].append(part)
    texts = ("".join(block).strip(XML_SPACE) for block in blocks)
    return " ".join(text for text in texts if text)


def _collect(element: _Element, parts: list[str | None]) -> None:
    """Appends an element's text to the parts; ``None`` marks the start or end of a block.

    Recursion is safe: a tree has at most 256 levels.
    """
    only_forms = local_name(element) == "alternatives"  # text between the alternatives is not shown
    if element.text and not only_forms:
        parts.append(element.text)
    skipped = _other_forms(element)
    for child in element:
        name = local_name(child)
        if child in skipped or name in _SKIPPED:
            pass
        elif not name:
            parts.append(character_of(child))
        elif name == "math":
            parts.append(math_text(child))
        elif name == "tex-math":
            tex: list[str | None] = []
            _collect(child, tex)
            parts.append(readable_tex("".join(filter(None, tex))))
        elif name in _BLOCKS:
            parts.append(None)
            _collect(child, parts)
            parts.append(None)
        else:
            _collect(child, parts)
        if child.tail and not only_forms:
            parts.append(child.tail)


def _other_forms(element: _Element) -> Collection[_Element]:
    """Returns the children that repeat another child, in another form or language."""
    name = local_name(element)
    if name in _SEVERAL_FORMS:
        forms = {local_name(child): child for child in reversed(element)}
        chosen = next((forms[form] for form in _FORMS if form in forms), None)
        if chosen is None:
            return ()
        others = [child for child in element if child is not chosen]
        if name == "alternatives":
            return others
        return [child for child in others if local_name(child) in _FORMS]
    if name == "caption":
        blocks = [child for child in element if local_name(child) in _BLOCKS]
        return set(blocks).difference(in_one_language(blocks))
    return ()
