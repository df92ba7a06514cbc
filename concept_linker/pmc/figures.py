"""The figures of a JATS article: what each is called, what it says, which graphics it has.

A group's caption applies to each of its figures and stands before theirs; a figure without a label
or an id takes its group's.  A figure inside a figure counts as in a group.  Of the forms of one
graphic under ``alternatives`` one is taken, of captions in several languages the English one.

A group's caption is read once, and what an article's captions may have in all is limited: a long
one with many figures would fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from concept_linker.errors import ArticleError
from concept_linker.pmc.caption_text import text_of
from concept_linker.pmc.languages import in_one_language, language_of
from concept_linker.pmc.safe_xml import XML_SPACE, local_name, shortened

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["IMAGE_ENDINGS", "Figure", "Graphic", "figures_of", "href_of", "image_ending"]

_HREF = "{http://www.w3.org/1999/xlink}href"
#: The most characters of one caption, and of all captions and list items of an article's images.
MOST_OF_A_CAPTION = 100_000
MOST_OF_AN_ARTICLE = 8_000_000
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
        language: of its caption, such as ``pt``; empty where the article does not tell.
        problem: why its texts, which then are empty, cannot be read.
    """

    id: str
    label: str
    caption: str
    list_items: tuple[str, ...]
    graphics: tuple[Graphic, ...]
    language: str = ""
    problem: str = ""


def image_ending(name: str) -> str:
    """The ending of an image's name as it is written, or ``""`` where it has none."""
    for ending in IMAGE_ENDINGS:
        if name.lower().endswith(ending):
            return name[-len(ending) :]
    return ""


def figures_of(article: _Element) -> Iterator[Figure]:
    """Every figure of an article in document order, those of its sub-articles too.

    Raises:
        ArticleError: its captions are too long in all.
    """
    texts = _Texts()
    for element in article.iter("{*}fig", "{*}fig-group"):
        graphics = tuple(_graphics(element))
        if graphics or local_name(element) == "fig":
            yield texts.figure(element, graphics)


class _Own(NamedTuple):
    """What a figure or group says itself; ``language`` is ``None`` where it has no caption."""

    label: str
    caption: str
    language: str | None


class _Texts:
    """Reads the texts of one article's figures; those of groups once."""

    def __init__(self) -> None:
        self._size = 0
        self._ids: dict[_Element, str] = {}
        self._own: dict[_Element, _Own | _UnreadableError] = {}

    def figure(self, element: _Element, graphics: tuple[Graphic, ...]) -> Figure:
        above = [one for one in element.iterancestors() if local_name(one) in ("fig", "fig-group")]
        chain = [element, *above]
        id = next(filter(None, map(self._id, chain)), "")
        try:
            labels, captions, languages = zip(*map(self._texts, chain), strict=True)
            size = sum(map(len, (id, *labels, *captions)))
            if size > MOST_OF_A_CAPTION:
                raise _UnreadableError(
                    f"label and caption of {size:,} characters, wanted at most "
                    f"{MOST_OF_A_CAPTION:,}"
                )
            items = tuple(self._list_items(element))
            # Each image has a record of its own, with all of this.
            self._count(max(len(graphics), 1) * (size + sum(map(len, items))))
            return Figure(
                id=id,
                label=next(filter(None, labels), ""),
                caption=" ".join(filter(None, reversed(captions))),
                list_items=items,
                graphics=graphics,
                language=next((one for one in languages if one is not None), ""),
            )
        except _UnreadableError as error:
            return Figure(shortened(id), "", "", (), graphics, problem=str(error))

    def _id(self, element: _Element) -> str:
        if element not in self._ids:
            self._ids[element] = element.get("id", "")
        return self._ids[element]

    def _texts(self, element: _Element) -> _Own:
        if element not in self._own:
            try:
                self._own[element] = _own_texts(element)
            except _UnreadableError as error:
                self._own[element] = error
        own = self._own[element]
        if isinstance(own, _UnreadableError):
            raise own.with_traceback(None)  # it is raised for each figure of a group
        return own

    def _list_items(self, element: _Element) -> Iterator[str]:
        for item in _own_list_items(element):
            # An item in an item is read with both, and markup costs more than text.
            self._count(40 * sum(1 for _ in item.iter()))
            text = _text(item)
            self._count(len(text))
            yield text

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MOST_OF_AN_ARTICLE:
            raise ArticleError(
                f"captions of more than {MOST_OF_AN_ARTICLE:,} characters in all; refused"
            )


class _UnreadableError(Exception):
    """A figure's text cannot be read; its article's other figures can."""


def _own_texts(element: _Element) -> _Own:
    labels = in_one_language(element.findall("{*}label"))
    captions = in_one_language(element.findall("{*}caption"))
    return _Own(
        label=" ".join(map(_text, labels[:1])),
        caption=" ".join(filter(None, map(_text, captions))),
        language=_language(captions[0]) if captions else None,
    )


def _text(element: _Element) -> str:
    try:
        return text_of(element)
    except ArticleError as error:
        raise _UnreadableError(str(error)) from None


def _own_list_items(element: _Element) -> Iterator[_Element]:
    """Those of an element itself, not of figures in it."""
    for child in element:
        name = local_name(child)
        if name == "list-item":
            yield child
        if name not in ("fig", "fig-group"):
            yield from _own_list_items(child)


def _language(caption: _Element) -> str:
    """The language of what is taken of a caption."""
    blocks = in_one_language([one for one in caption if local_name(one)])
    return language_of(blocks[0] if blocks else caption)


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
    return (element.get(_HREF) or "").strip(XML_SPACE)


def _graphic(element: _Element) -> Iterator[Graphic]:
    href = href_of(element)
    if href:
        # An href that a DTD inside the article gives is none of these.
        first = next((name for name in element.attrib if name in ("id", _HREF)), _HREF)
        yield Graphic(href, element.get(first) or href)


def _preference(graphic: Graphic) -> int:
    """An image that PMC shows before one for print; the first of equals stays first."""
    ending = image_ending(graphic.href).lower()
    return IMAGE_ENDINGS.index(ending) if ending else 0
