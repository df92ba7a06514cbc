"""Parses the concept ids that corpora write: several in a cell, none, or ids of variants."""

from __future__ import annotations

import re
from collections.abc import Iterable

from concept_linker.knowledge_base.identity import canonical_id

__all__ = ["parse_ids", "parse_infons"]

_NO_ID = frozenset({"", "-1", "-", "none", "null", "nil", "cui-less", "unknown", "n/a", "nan"})
_SEPARATOR = re.compile(r"[|+;,]")

#: The cell of a variant: tmVar (Wei et al., Bioinformatics 2022) writes ``p|SUB|V|600|E``, or
#: fields separated by semicolons. There, neither bars nor semicolons separate ids.
_VARIANT = re.compile(
    r"(?:tmvar:)?\s*(?:[a-z]?\|[a-z]+\||rs#:?\s*[0-9]|rs[0-9]+(?=$|##|;\s*(?!rs)))"
    r"|(?:.*;)?\s*(?:hgvs|variantgroup|correspondinggene):",
    re.IGNORECASE,
)
_RS = re.compile(r"\brs#?:?\s*([0-9]+)", re.IGNORECASE)


def parse_ids(cell: str) -> tuple[str, ...]:
    """Returns the concept ids of a cell, separated by ``|``, ``+``, ``;`` or ``,``.

    ``-1`` and the like mean no concept. A variant in tmVar's notation is one id: its rs number if
    it has one, else its form.

    >>> parse_ids("D001943|D010051"), parse_ids(" OMIM:219700+D003550"), parse_ids("-1")
    (('D001943', 'D010051'), ('OMIM:219700', 'D003550'), ())
    >>> parse_ids("c|SUB|V|600|E"), parse_ids("tmVar:p|SUB|V|600|E;HGVS:p.V600E;RS#:113488022")
    (('c|SUB|V|600|E',), ('rs113488022',))
    """
    cell = cell.strip()
    if variant := _variant(cell):
        return (variant,)
    ids = (one.strip() for one in _SEPARATOR.split(cell))
    return tuple(
        dict.fromkeys(
            _variant(one) or canonical_id(one) for one in ids if one.casefold() not in _NO_ID
        )
    )


def _variant(cell: str) -> str:
    """Returns the id of a variant, or an empty string if the cell is not a variant."""
    if not _VARIANT.match(cell):
        return ""
    if number := _RS.search(cell):
        return f"rs{number[1]}"
    form = cell.partition(";")[0].strip()
    return form[6:].strip() if form.casefold().startswith("tmvar:") else form


#: Prefix → names of its vocabulary in keys of infons, without case, blanks and punctuation.
_VOCABULARIES = {
    "MESH": "mesh msh mshd meshheading meshdescriptor",
    "OMIM": "omim mim",
    "UMLS": "umls umlsmetathesaurus",
    "HP": "hp hpo",
    "MONDO": "mondo",
    "DOID": "doid diseaseontology",
    "ORPHANET": "orphanet orpha ordo",
    "EFO": "efo",
    "GO": "go geneontology",
    "CHEBI": "chebi",
    "CL": "cl cellontology",
    "UBERON": "uberon",
    "PR": "pr proteinontology",
    "SO": "so sequenceontology",
    "NCBITaxon": "ncbitaxon ncbitaxonomy ncbispecies taxon taxonomy tax species",
    "NCBIGene": "ncbigene entrezgene ncbientrezgene entrez gene",
    "HGNC": "hgnc",
    "HOMOLOGENE": "homologene ncbihomologene",
    "ENSEMBL": "ensembl",
    "UNIPROT": "uniprot uniprotkb swissprot",
    "CELLOSAURUS": "cellosaurus",
    "DRUGBANK": "drugbank",
    "RXNORM": "rxnorm rxcui",
    "SNOMEDCT": "snomed snomedct snomedctus sct",
    "ICD10": "icd10",
    "ICD10CM": "icd10cm",
    "ICD9CM": "icd9cm icd9",
    "LOINC": "loinc",
    "MEDDRA": "meddra",
    "NCIT": "ncit ncithesaurus",
    "DBSNP": "dbsnp rs",
}
_PREFIXES = {name: prefix for prefix, names in _VOCABULARIES.items() for name in names.split()}
#: A key that is one of these may hold a name; with "id" or the like after it, it holds an id.
_NEED_SUFFIX = frozenset({"gene", "rs", "species", "tax", "taxon", "taxonomy"})
_MAX_KEY = 60  # characters; no key of an id is longer
_ID_KEY = re.compile(
    r"(?P<what>.*?)(?:concept|entity|term|normali[sz]ed|database|db|unique)*"
    r"(?P<id>ids?|identifiers?|cuis?|uis?|codes?|curies?|accessions?)?"
)


def parse_infons(infons: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Returns the ids in all infons (key, value) whose key names an identifier or a vocabulary.

    An id without a prefix gets the prefix of the vocabulary.

    >>> parse_infons([("type", "Gene"), ("NCBI Gene identifier", "673")])
    ('NCBIGENE:673',)
    >>> parse_infons([("Identifier", "MESH:D001249"), ("normalized_id", "D001249")])
    ('MESH:D001249',)
    """
    ids: dict[str, None] = {}
    for key, value in infons:
        prefix = _prefix(key)
        if prefix is not None:
            ids.update(dict.fromkeys(_prefixed(prefix, one) for one in parse_ids(value)))
    # Other infons of a variant give its gene, and perhaps other spellings of the variant.
    if variant := next((one for one in ids if _variant(one) == one), None):
        return (variant,)
    prefixed = {one.partition(":")[2] for one in ids}
    return tuple(one for one in ids if one not in prefixed)


def _prefix(key: str) -> str | None:
    """Returns the prefix of a key: empty for any identifier, ``None`` if it is not of an id."""
    folded = re.sub(r"[\W_]+", "", key).casefold()
    found = _ID_KEY.fullmatch(folded) if len(folded) < _MAX_KEY else None
    if found is None:
        return None
    what, id = found["what"], found["id"]
    if what in ("", "ontology", "kb"):
        return "" if id not in (None, "code", "codes", "accession", "accessions") else None
    if folded in _PREFIXES and folded not in _NEED_SUFFIX:
        return _PREFIXES[folded]
    return _PREFIXES.get(what) if id else None


def _prefixed(prefix: str, id: str) -> str:
    if not prefix or ":" in id or _variant(id):
        return id
    return _variant(f"rs{id}") or id if prefix == "DBSNP" else canonical_id(f"{prefix}:{id}")
