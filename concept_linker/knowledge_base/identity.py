"""What ids and names are: spelling of ids, kinds of names, where a CUI comes from.

Apart from :mod:`~concept_linker.knowledge_base.source`, so that opening a base does not import
what building one needs.
"""

from __future__ import annotations

import re
from enum import IntEnum

__all__ = ["CuiOrigin", "NameKind", "canonical_id", "curie_of", "is_cui"]


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


# What stands before an id in an IRI → the prefix of its CURIE.
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
    """Whether the id is a UMLS concept unique identifier: ``C`` and seven digits.

    >>> is_cui("C0019564"), is_cui("MESH:D006624")
    (True, False)
    """
    return _CUI.fullmatch(concept_id) is not None


def curie_of(iri: str) -> str:
    """The CURIE of an OBO-style, identifiers.org, MeSH, SNOMED or UMLS IRI; anything else as it is.

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
    """One spelling for each id, so that equal concepts of two sources meet.

    An IRI becomes a CURIE where its form is known; a CUI loses its prefix; a CURIE's prefix is
    written in capitals, and of two names for one vocabulary the one most used; only NCBITaxon is
    written as that vocabulary writes itself.

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
