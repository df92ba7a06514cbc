"""What ids and names are: spelling of ids, kinds of names, where a CUI comes from.

Apart from :mod:`~concept_linker.knowledge_base.source`, so that opening a base does not import
what building one needs.
"""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["CuiOrigin", "NameKind", "canonical_id", "is_cui"]


class NameKind(IntEnum):
    """How a name stands to its concept; lower is preferred."""

    PREFERRED = 0
    SYNONYM = 1  # exact synonyms, lexical variants, entry terms
    ABBREVIATION = 2
    RELATED = 3  # broad, narrow and related synonyms: weak evidence


class CuiOrigin(IntEnum):
    """How a concept comes by its CUI."""

    NONE = 0  # it has none: its id is a CURIE
    ASSERTED = 1  # a source says so, of it or of one of the ids joined to it
    INFERRED = 2  # all ids joined to it were, because of how their names are used


_CUI = re.compile(r"C[0-9]{7}")
_CANONICAL_PREFIX = {
    "MESH": "MESH",
    "MSH": "MESH",
    "MESHD": "MESH",
    "ORPHA": "ORPHANET",
    "ORPHANET": "ORPHANET",
    "MIM": "OMIM",
    "NCBITAXON": "NCBITaxon",
    "NCBI_TAXON": "NCBITaxon",
    "SNOMEDCT_US": "SNOMEDCT",
}


def is_cui(concept_id: str) -> bool:
    """Whether the id is a UMLS concept unique identifier: ``C`` and seven digits.

    >>> is_cui("C0019564"), is_cui("MESH:D006624")
    (True, False)
    """
    return _CUI.fullmatch(concept_id) is not None


def canonical_id(concept_id: str) -> str:
    """One spelling for each id, so that equal concepts of two sources meet.

    A CUI loses its prefix; a CURIE's prefix is written in capitals, and of two names for one
    vocabulary the one most used; only NCBITaxon is written as that vocabulary writes itself.

    >>> canonical_id("UMLS:C0019564"), canonical_id("mesh:D006624"), canonical_id("HP:0001250")
    ('C0019564', 'MESH:D006624', 'HP:0001250')
    >>> canonical_id("NCBITaxon:9606"), canonical_id("chebi:15377"), canonical_id("MSH:D006624")
    ('NCBITaxon:9606', 'CHEBI:15377', 'MESH:D006624')
    """
    concept_id = concept_id.strip()
    prefix, colon, local = concept_id.partition(":")
    if not colon:
        return concept_id
    if prefix.upper() in ("UMLS", "UMLS_CUI", "CUI") and is_cui(local):
        return local
    if local.startswith("//"):  # an IRI
        return concept_id
    prefix = prefix.upper()
    return f"{_CANONICAL_PREFIX.get(prefix, prefix)}:{local}"
