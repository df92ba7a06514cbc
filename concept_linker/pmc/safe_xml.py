"""Parses untrusted XML: nothing is fetched or expanded, and depth and size are limited.

libxml2 is configured to read no DTD and no entity. It has its own limits: 256 levels of depth,
10 MB of text, and the expansion of entities in attributes. A document that declares entities is
rejected; PMC's articles do not declare any.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from concept_linker.errors import ArticleError, SettingsError

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["MAX_BYTES", "XML_SPACE", "all_text", "local_name", "parse_xml", "shortened"]

#: The maximum size of a file in bytes; its tree takes about thirty times that.
MAX_BYTES = 64 << 20
#: White space in XML; U+00A0 and U+2009 are text.
XML_SPACE = " \t\r\n"
#: The XML declaration, and a DOCTYPE without a DTD.
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?(?:<\?xml[^>]{0,200}\?>)?")
_STANDALONE = re.compile(rb"\s+standalone\s*=\s*['\"]yes['\"]")
_DOCTYPE = re.compile(rb"<!DOCTYPE\s{1,20}[\w:.-]{1,100}(?=\s{0,20}[\[>])")


def parse_xml(data: bytes) -> _Element:
    """Returns the root of a document, without comments and processing instructions.

    Raises:
        ArticleError: the document is not well-formed, too deep or too large, or declares entities.
        SettingsError: lxml is not installed.
    """
    try:
        from lxml import etree
    except ImportError:
        raise SettingsError(
            'lxml is not installed; run pip install "concept-linker[pmc]"'
        ) from None
    if len(data) > MAX_BYTES:
        raise ArticleError(f"the file has {len(data):,} bytes, expected at most {MAX_BYTES:,}")
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
        raise ArticleError(f"not well-formed XML: {shortened(error.msg)}") from None
    except ValueError as error:  # from lxml, for some encodings
        raise ArticleError(f"not XML: {shortened(str(error))}") from None
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None:
        names = sorted(entity.name for entity in declared.iterentities())  # type: ignore[union-attr]
        if names:
            raise ArticleError(f"declares entities ({shortened(', '.join(names))}), expected none")
    return root


def _with_dtd(data: bytes) -> bytes:
    """Returns the document with a reference to a DTD.

    The DTD is never read, but libxml2 then accepts entities that it might define (``&alpha;``).
    """
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
    """Returns an element's name without its namespace; empty for an entity reference."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def all_text(element: _Element) -> str:
    """Returns all text inside an element."""
    return "".join(map(str, element.itertext()))


def shortened(text: str) -> str:
    """Returns at most 100 characters of a text as one line, for messages."""
    line = " ".join(text[:1000].split())
    return line if len(line) <= 100 else f"{line[:100]}…"
