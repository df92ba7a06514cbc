"""The figures of a JATS article: what each is called, what it says, which graphics it has.

A group's caption applies to each of its figures and stands before theirs; a figure without a label
or an id takes its group's.  A figure inside a figure counts as in a group.  Of the forms of one
graphic under ``alternatives`` one is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from concept_linker.pmc.caption_text import text_of
from concept_linker.pmc.safe_xml import local_name

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["IMAGE_ENDINGS", "Figure", "Graphic", "figures_of", "href_of", "image_ending"]

_HREF = "{http://www.w3.org/1999/xlink}href"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
#: What an image's name ends with, best first; another ending (``pone.0000217.g001``) is none.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".bmp", ".webp")


class Graphic(NamedTuple):
    """One image of a figure.

    Args:
        href: its ``xlink:href``.
        ref: its id where that is written before the href, else the href: what pubmed_parser, and
            with it MedConcept, calls ``graphic_ref``.
    """

    href: str
    ref: str


class Figure(NamedTuple):
    """One figure; a text that the article does not have is empty.

    Args:
        id: ``fig/@id``.
        label: such as ``Figure 1``.
        caption: its text, the groups' captions first.
        list_items: each item of its lists, label and text.
        graphics: its images, in reading order.
    """

    id: str
    label: str
    caption: str
    list_items: tuple[str, ...]
    graphics: tuple[Graphic, ...]


def image_ending(name: str) -> str:
    """The ending of an image's name as it is written, or ``""`` where it has none."""
    for ending in IMAGE_ENDINGS:
        if name.lower().endswith(ending):
            return name[-len(ending) :]
    return ""


def figures_of(article: _Element) -> Iterator[Figure]:
    """Every figure of an article in document order, those of its sub-articles too.

    Raises:
        ArticleError: a text that cannot be read.
    """
    for element in article.iter("{*}fig", "{*}fig-group"):
        graphics = tuple(_graphics(element))
        if graphics or local_name(element) == "fig":
            yield _figure(element, graphics)


def _figure(element: _Element, graphics: tuple[Graphic, ...]) -> Figure:
    above = [one for one in element.iterancestors() if local_name(one) in ("fig", "fig-group")]
    chain = [element, *above]
    captions = (_caption(one) for one in reversed(chain))
    return Figure(
        id=next((one.get("id", "") for one in chain if one.get("id")), ""),
        label=next(filter(None, map(_label, chain)), ""),
        caption=" ".join(filter(None, captions)),
        list_items=tuple(_list_items(element)),
        graphics=graphics,
    )


def _label(element: _Element) -> str:
    label = element.find("{*}label")
    return "" if label is None else text_of(label)


def _caption(element: _Element) -> str:
    """The captions of an element itself; of several languages the first."""
    captions = element.findall("{*}caption")
    language = captions[0].get(_LANGUAGE) if captions else None
    return " ".join(
        filter(None, (text_of(one) for one in captions if one.get(_LANGUAGE) == language))
    )


def _list_items(element: _Element) -> Iterator[str]:
    for item in element.iter("{*}list-item"):
        if next(item.iterancestors("{*}fig", "{*}fig-group")) is element:
            yield text_of(item)


def _graphics(element: _Element) -> Iterator[Graphic]:
    """The images of an element itself: not those of figures, formulas and tables inside it."""
    for child in element:
        name = local_name(child)
        if name == "graphic":
            yield from _graphic(child)
        elif name == "alternatives":
            forms = [form for one in child.iterfind("{*}graphic") for form in _graphic(one)]
            yield from sorted(forms, key=_preference)[:1]
        elif name == "p":
            yield from _graphics(child)


def href_of(element: _Element) -> str:
    """The target of a link, or ``""``."""
    return (element.get(_HREF) or "").strip(" \t\r\n")


def _graphic(element: _Element) -> Iterator[Graphic]:
    href = href_of(element)
    if href:
        first = next(name for name in element.attrib if name in ("id", _HREF))
        yield Graphic(href, element.get(first) or href)


def _preference(graphic: Graphic) -> int:
    """An image that PMC shows before one for print; the first of equals stays first."""
    ending = image_ending(graphic.href).lower()
    return IMAGE_ENDINGS.index(ending) if ending else 0
