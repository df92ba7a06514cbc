"""XML from outside, parsed so that nothing is fetched, expanded or nested without end.

libxml2 is told to read no DTD and no entity.  It stops by itself at 256 levels of depth, at a text
of 10 MB, and where entities in attributes multiply.  A document that declares entities of its own
is refused whole: PMC's articles do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from concept_linker.errors import ArticleError, SettingsError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MAX_BYTES", "all_text", "local_name", "parse_xml"]

#: The most bytes of one XML file; a tree takes about thirty times that.
MAX_BYTES = 64 << 20


def parse_xml(data: bytes) -> _Element:
    """The root of a document; comments and processing instructions are left out.

    Raises:
        ArticleError: not well-formed, too deep, too large, or it declares entities.
        SettingsError: lxml is not installed.
    """
    try:
        from lxml import etree
    except ImportError:
        raise SettingsError(
            'lxml is not installed; wanted: pip install "concept-linker[pmc]"'
        ) from None
    if len(data) > MAX_BYTES:
        raise ArticleError(f"{len(data):,} bytes, wanted at most {MAX_BYTES:,}")
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise ArticleError(f"no well-formed XML: {error.msg}") from None
    except ValueError as error:  # lxml's word for some encodings
        raise ArticleError(f"no XML: {error}") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None:
        names = sorted(entity.name for entity in declared.iterentities())  # type: ignore[union-attr]
        if names:
            raise ArticleError(f"declares entities of its own ({', '.join(names[:5])}); refused")
    return root


def local_name(element: _Element) -> str:
    """An element's name without its namespace; empty for an entity reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def all_text(element: _Element) -> str:
    """Every character inside an element, as it stands."""
    return "".join(map(str, element.itertext()))
