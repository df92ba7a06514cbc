"""The figures of a JATS article: id, label, caption and graphics.

The caption of a group applies to each of its figures and comes before theirs; a figure without a
label or id takes that of its group. A figure inside a figure is treated as in a group. Of the
graphics under ``alternatives`` one is taken; of captions in several languages, the English one.

A group's caption is read once, and the total length of an article's captions is limited: a long
group caption with many figures would fill the memory.
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
#: Characters of a caption; of the captions and list items of all images of an article.
MAX_CAPTION = 100_000
MAX_ARTICLE = 8_000_000
#: The endings of image files, best first; ``.g001`` in ``pone.0000217.g001`` is not an ending.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".tif", ".tiff", ".bmp", ".webp")


class Graphic(NamedTuple):
    """One image of a figure.

    Args:
        href: its ``xlink:href``.
        ref: its id if that attribute comes before the href, else the href; ``graphic_ref`` in
            pubmed_parser and so in MedConcept.
    """

    href: str
    ref: str


class Figure(NamedTuple):
    """A figure; texts that the article does not have are empty.

    Args:
        id: ``fig/@id``.
        label: such as ``Figure 1``.
        caption: its caption, after those of its groups.
        list_items: the items of its lists, with labels.
        graphics: its images, in reading order.
        language: the language of its caption, such as ``pt``; empty if the article has none.
        problem: why its texts cannot be read; they are then empty.
    """

    id: str
    label: str
    caption: str
    list_items: tuple[str, ...]
    graphics: tuple[Graphic, ...]
    language: str = ""
    problem: str = ""


def image_ending(name: str) -> str:
    """Returns the ending of an image's name as it is written, or an empty string."""
    for ending in IMAGE_ENDINGS:
        if name.lower().endswith(ending):
            return name[-len(ending) :]
    return ""


def figures_of(article: _Element) -> Iterator[Figure]:
    """Yields the figures of an article and its sub-articles, in document order.

    Raises:
        ArticleError: the captions are too long in total.
    """
    texts = _Texts()
    for element in article.iter("{*}fig", "{*}fig-group"):
        graphics = tuple(_graphics(element))
        if graphics or local_name(element) == "fig":
            yield texts.figure(element, graphics)


class _ElementTexts(NamedTuple):
    """The texts of one figure or group; ``language`` is ``None`` if it has no caption."""

    label: str
    caption: str
    language: str | None


class _Texts:
    """Reads the texts of the figures of one article; those of a group are read once."""

    def __init__(self) -> None:
        self._size = 0
        self._ids: dict[_Element, str] = {}
        self._read: dict[_Element, _ElementTexts | _UnreadableError] = {}

    def figure(self, element: _Element, graphics: tuple[Graphic, ...]) -> Figure:
        above = [one for one in element.iterancestors() if local_name(one) in ("fig", "fig-group")]
        chain = [element, *above]
        id = next(filter(None, map(self._id, chain)), "")
        try:
            labels, captions, languages = zip(*map(self._texts, chain), strict=True)
            size = sum(map(len, (id, *labels, *captions)))
            if size > MAX_CAPTION:
                raise _UnreadableError(
                    f"label and caption have {size:,} characters, expected at most {MAX_CAPTION:,}"
                )
            items = tuple(self._list_items(element))
            # Every image has a record with all of these texts.
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

    def _texts(self, element: _Element) -> _ElementTexts:
        if element not in self._read:
            try:
                self._read[element] = _element_texts(element)
            except _UnreadableError as error:
                self._read[element] = error
        texts = self._read[element]
        if isinstance(texts, _UnreadableError):
            raise texts.with_traceback(None)  # raised again for each figure of a group
        return texts

    def _list_items(self, element: _Element) -> Iterator[str]:
        for item in _items_of(element):
            # A nested item is read again with the outer one; elements take more memory than text.
            self._count(40 * sum(1 for _ in item.iter()))
            text = _text(item)
            self._count(len(text))
            yield text

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_ARTICLE:
            raise ArticleError(
                f"captions have more than {MAX_ARTICLE:,} characters in total, the maximum"
            )


class _UnreadableError(Exception):
    """The text of one figure cannot be read."""


def _element_texts(element: _Element) -> _ElementTexts:
    labels = in_one_language(element.findall("{*}label"))
    captions = in_one_language(element.findall("{*}caption"))
    return _ElementTexts(
        label=" ".join(map(_text, labels[:1])),
        caption=" ".join(filter(None, map(_text, captions))),
        language=_language(captions[0]) if captions else None,
    )


def _text(element: _Element) -> str:
    try:
        return text_of(element)
    except ArticleError as error:
        raise _UnreadableError(str(error)) from None


def _items_of(element: _Element) -> Iterator[_Element]:
    """Yields the list items of an element, without those of figures inside it."""
    for child in element:
        name = local_name(child)
        if name == "list-item":
            yield child
        if name not in ("fig", "fig-group"):
            yield from _items_of(child)


def _language(caption: _Element) -> str:
    """Returns the language of the part of a caption that is read."""
    blocks = in_one_language([one for one in caption if local_name(one)])
    return language_of(blocks[0] if blocks else caption)


def _graphics(element: _Element) -> Iterator[Graphic]:
    """Yields the graphics of an element, without those of figures, formulas and tables inside."""
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
    """Returns the target of a link, or an empty string."""
    return (element.get(_HREF) or "").strip(XML_SPACE)


def _graphic(element: _Element) -> Iterator[Graphic]:
    href = href_of(element)
    if href:
        # An href from an internal DTD is not among the attributes.
        first = next((name for name in element.attrib if name in ("id", _HREF)), _HREF)
        yield Graphic(href, element.get(first) or href)


def _preference(graphic: Graphic) -> int:
    """Sorts web formats before print formats; ``sorted`` is stable."""
    ending = image_ending(graphic.href).lower()
    return IMAGE_ENDINGS.index(ending) if ending else 0
