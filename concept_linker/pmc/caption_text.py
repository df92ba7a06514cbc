"""The text of a caption or label: all of it, in reading order, however deep the markup.

Blocks (paragraphs, titles, list items …) are joined by one blank; what stands inside a line is
taken as it is, so ``10<sup>-3</sup>`` is ``10-3``, as in MedConcept.  White space inside a block is
the article's; XML's own white space at its ends is dropped.
"""

from __future__ import annotations

from html.entities import html5
from typing import TYPE_CHECKING

from concept_linker.errors import ArticleError
from concept_linker.pmc.safe_xml import all_text, local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["XML_SPACE", "text_of"]

#: What XML counts as white space; U+00A0 and U+2009 are text.
XML_SPACE = " \t\r\n"

_BLOCKS = frozenset(
    """attrib boxed-text break caption def def-item def-list disp-formula disp-formula-group
    disp-quote fn label list list-item p preformat sec speech statement table tbody td term tfoot th
    thead title tr verse-group verse-line""".split()
)
#: Has a place of its own, or is no text that is shown.
_LEFT_OUT = frozenset(
    """alt-text annotation annotation-xml fig fig-group graphic index-term inline-graphic long-desc
    media object-id permissions""".split()
)
#: Of several forms of one thing, the first of these that is there.
_FORMS = ("textual-form", "math", "tex-math")


def text_of(element: _Element) -> str:
    """The text inside an element: a caption, a label, a list item.

    Raises:
        ArticleError: an entity that only the DTD, which is never read, could explain.
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
    """Adds an element's text to the parts; ``None`` stands where a block begins or ends.

    Recursion is safe: a tree has at most 256 levels.
    """
    if element.text:
        parts.append(element.text)
    for child in element:
        name = local_name(child)
        if not name:
            parts.append(_character(child))
        elif name == "math":
            parts.append(_math(child))
        elif name == "tex-math":
            parts.append(_tex(child))
        elif name == "alternatives":
            _alternatives(child, parts)
        elif name in _BLOCKS:
            parts.append(None)
            _collect(child, parts)
            parts.append(None)
        elif name not in _LEFT_OUT:
            _collect(child, parts)
        if child.tail:
            parts.append(child.tail)


def _alternatives(element: _Element, parts: list[str | None]) -> None:
    forms = {local_name(child): child for child in reversed(element)}
    chosen = next((forms[form] for form in _FORMS if form in forms), None)
    if chosen is None:
        _collect(element, parts)
    elif local_name(chosen) == "math":
        parts.append(_math(chosen))
    elif local_name(chosen) == "tex-math":
        parts.append(_tex(chosen))
    else:
        _collect(chosen, parts)


def _character(entity: _Element) -> str:
    """What a reference such as ``&alpha;`` stands for: JATS and HTML share the ISO sets' names."""
    name = str(getattr(entity, "name", ""))
    if f"{name};" not in html5:
        raise ArticleError(f"entity &{name}; is in the DTD only, which is never read")
    return html5[f"{name};"]


def _math(element: _Element) -> str:
    """MathML in one line; its white space means nothing."""
    name = local_name(element)
    if not name:
        return _character(element) + (element.tail or "").strip()
    if name in _LEFT_OUT:
        return ""
    texts = [(element.text or "").strip(XML_SPACE)]
    for child in element:
        texts += [_math(child), (child.tail or "").strip(XML_SPACE) if local_name(child) else ""]
    if name == "mfrac" and len(element) == 2:
        return f"{texts[1]}/{texts[3]}"
    return "".join(texts)


def _tex(element: _Element) -> str:
    """TeX without the document around it."""
    text = all_text(element)
    body = text.partition(r"\begin{document}")[2] or text
    return body.partition(r"\end{document}")[0].strip(XML_SPACE + "$")
