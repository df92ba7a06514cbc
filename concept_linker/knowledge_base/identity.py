"""Spelling of ids, kinds of names, origins of CUIs.

This is not part of :mod:`~concept_linker.knowledge_base.source`, so that opening a base does not
import pyarrow, which only building one needs.
"""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["CuiOrigin", "NameKind", "canonical_id", "curie_of", "is_cui"]


class NameKind(IntEnum):
    """How well a name fits its concept; lower is better."""

    PREFERRED = 0
    SYNONYM = 1  # exact synonyms, lexical variants, entry terms
    ABBREVIATION = 2
    RELATED = 3  # broad, narrow and related synonyms: weak evidence


class CuiOrigin(IntEnum):
    """Where the CUI of a concept comes from."""

    NONE = 0  # no CUI: the id is a CURIE
    ASSERTED = 1  # a source asserts it for the concept or an equivalent one
    INFERRED = 2  # a recipe inferred it from how annotators use the names


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


# The start of an IRI → the prefix of its CURIE.
_NAMESPACES = {
    "snomed.info/id/": "SNOMEDCT",
    "www.snomed.org/": "SNOMEDCT",
    "ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl#": "NCIT",
    "www.omim.org/entry/": "OMIM",
    "omim.org/entry/": "OMIM",
    "id.nlm.nih.gov/mesh/": "MESH",
    "www.ncbi.nlm.nih.gov/gene/": "NCBIGENE",
    "uts.nlm.nih.gov/uts/umls/concept/": "UMLS",
    "www.orpha.net/ORDO/Orphanet_": "ORPHANET",
    "w3id.org/sssom/": "SSSOM",
}
_OBO_IRI = re.compile(r"([A-Za-z][A-Za-z.]*(?:_[A-Za-z]+)?)_([A-Za-z0-9.-]+)")
_SLASH_IRI = re.compile(
    r"(?:identifiers\.org|linkedlifedata\.com/resource|bioregistry\.io|purl\.bioontology\.org/ontology)"
    r"/(\w+)(?:/id)?[/:](.+)"
)


def is_cui(concept_id: str) -> bool:
    """Returns whether an id is a UMLS concept unique identifier: ``C`` and seven digits.

    >>> is_cui("C0019564"), is_cui("MESH:D006624")
    (True, False)
    """
    return _CUI.fullmatch(concept_id) is not None


def curie_of(iri: str) -> str:
    """Returns the CURIE of an OBO, identifiers.org, MeSH, SNOMED or UMLS IRI, or else the input.

    >>> curie_of("http://purl.obolibrary.org/obo/HP_0000001")
    'HP:0000001'
    >>> curie_of("http://identifiers.org/mesh/D000544"), curie_of("http://snomed.info/id/22298006")
    ('mesh:D000544', 'SNOMEDCT:22298006')
    """
    scheme, slashes, rest = iri.strip("<>").partition("://")
    if not slashes or scheme.lower() not in ("http", "https"):
        return iri
    for begin, prefix in _NAMESPACES.items():
        if rest.startswith(begin) and rest != begin:
            return f"{prefix}:{rest.removeprefix(begin)}"
    last = max(rest.rfind("/"), rest.rfind("#")) + 1
    found = _SLASH_IRI.fullmatch(rest) or _OBO_IRI.fullmatch(rest, last)
    return f"{found[1]}:{found[2]}" if found else iri


def canonical_id(concept_id: str) -> str:
    """Returns the canonical spelling of an id, so that ids of different sources match.

    An IRI of a known form becomes a CURIE; a CUI loses its prefix. The prefix of a CURIE is in
    capitals (except NCBITaxon), and is the most common one if a vocabulary has several.

    >>> canonical_id("UMLS:C0019564"), canonical_id("mesh:D006624"), canonical_id("HP:0001250")
    ('C0019564', 'MESH:D006624', 'HP:0001250')
    >>> canonical_id("NCBITaxon:9606"), canonical_id("chebi:15377"), canonical_id("MSH:D006624")
    ('NCBITaxon:9606', 'CHEBI:15377', 'MESH:D006624')
    >>> canonical_id("http://purl.obolibrary.org/obo/MONDO_0000003")
    'MONDO:0000003'
    """
    concept_id = concept_id.strip()
    if "://" in concept_id:
        concept_id = curie_of(concept_id)
    prefix, colon, local = concept_id.partition(":")
    if not colon:
        return concept_id
    if prefix.upper() in ("UMLS", "UMLS_CUI", "CUI") and is_cui(local):
        return local
    if local.startswith("//"):  # an IRI
        return concept_id
    prefix = prefix.upper()
    return f"{_CANONICAL_PREFIX.get(prefix, prefix)}:{local}"
