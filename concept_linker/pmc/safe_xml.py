"""XML from outside, parsed so that nothing is fetched, expanded or nested without end.

libxml2 is told to read no DTD and no entity.  It stops by itself at 256 levels of depth, at a text
of 10 MB, and where entities in attributes multiply.  A document that declares entities of its own
is refused whole: PMC's articles do not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from concept_linker.errors import ArticleError, SettingsError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MAX_BYTES", "XML_SPACE", "all_text", "local_name", "parse_xml", "shortened"]

#: The most bytes of one XML file; a tree takes about thirty times that.
MAX_BYTES = 64 << 20
#: What XML counts as white space; U+00A0 and U+2009 are text.
XML_SPACE = " \t\r\n"
#: The first line of a document, and the head of one that names no DTD.
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]{0,200}\?>)?")
_STANDALONE = re.compile(rb"\s+standalone\s*=\s*['\"]yes['\"]")
_DOCTYPE = re.compile(rb"<!DOCTYPE\s{1,20}[\w:.-]{1,100}(?=\s{0,20}[\[>])")


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
        try:
            root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            if error.code != etree.ErrorTypes.ERR_UNDECLARED_ENTITY:  # type: ignore[attr-defined]
                raise
            root = etree.fromstring(_with_dtd(data), parser)
    except etree.XMLSyntaxError as error:
        raise ArticleError(f"no well-formed XML: {shortened(error.msg)}") from None
    except ValueError as error:  # lxml's word for some encodings
        raise ArticleError(f"no XML: {shortened(str(error))}") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None:
        names = sorted(entity.name for entity in declared.iterentities())  # type: ignore[union-attr]
        if names:
            raise ArticleError(
                f"declares entities of its own ({shortened(', '.join(names))}); refused"
            )
    return root


def _with_dtd(data: bytes) -> bytes:
    """The document as if it named a DTD, which is not read: then ``&alpha;`` may be in that."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace").encode()
        data = text[text.find(b"?>") + 2 :] if text.startswith(b"<?xml") else text
    end = _DECLARATION.match(data).end()  # type: ignore[union-attr]  # it may be empty
    head, rest = _STANDALONE.sub(b"", data[:end]), data[end:]
    if doctype := _DOCTYPE.search(rest):
        return head + rest[: doctype.end()] + b' SYSTEM "JATS.dtd"' + rest[doctype.end() :]
    if b"<!DOCTYPE" in rest:
        return head + rest
    return head + b'<!DOCTYPE article SYSTEM "JATS.dtd">' + rest


def local_name(element: _Element) -> str:
    """An element's name without its namespace; empty for an entity reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def all_text(element: _Element) -> str:
    """Every character inside an element, as it stands."""
    return "".join(map(str, element.itertext()))


def shortened(text: str) -> str:
    """At most 100 characters of what stands in a file, for one line that tells of it."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= 100 else f"{line[:100]}…"
