"""The addresses of web pages about concepts."""

from __future__ import annotations

import re
from urllib.parse import quote

from concept_linker.knowledge_base.identity import is_cui

__all__ = ["CUI_PAGE", "concept_page"]

#: The address of CUIs in the UMLS Metathesaurus Browser, which needs a (free) UMLS licence.
CUI_PAGE = "https://uts.nlm.nih.gov/uts/umls/concept/"
_CURIE_PAGE = "https://bioregistry.io/"
_CURIE = re.compile(r"([A-Za-z][A-Za-z0-9_.+-]*):([^\s/].*)")


def concept_page(concept_id: str) -> str | None:
    """The address of a concept's page; ``None`` if the id is neither a CUI nor a CURIE.

    >>> concept_page("C0019564"), concept_page("HP:0001250")
    ('https://uts.nlm.nih.gov/uts/umls/concept/C0019564', 'https://bioregistry.io/hp:0001250')
    """
    if is_cui(concept_id):
        return f"{CUI_PAGE}{concept_id}"
    if found := _CURIE.fullmatch(concept_id):
        return f"{_CURIE_PAGE}{found[1].lower()}:{quote(found[2], safe='')}"
    return None
