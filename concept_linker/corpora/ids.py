"""The ids that corpora write: several in a cell, none, and those of variants."""

from __future__ import annotations

import re
from collections.abc import Iterable

from concept_linker.knowledge_base.identity import canonical_id

__all__ = ["gold_ids", "ids_of_infons"]

_NO_ID = frozenset({"", "-1", "-", "none", "null", "nil", "cui-less", "unknown", "n/a", "nan"})
_SEPARATOR = re.compile(r"[|+;,]")

#: How the cell of a variant begins, or what it has: tmVar (Wei et al., Bioinformatics 2022) writes
#: ``p|SUB|V|600|E``, or fields between semicolons, so neither bars nor these separate ids.
_VARIANT = re.compile(
    r"(?:tmvar:)?\s*(?:[a-z]?\|[a-z]+\||rs#:?\s*[0-9]|rs[0-9]+(?=$|##|;\s*(?!rs)))"
    r"|(?:.*;)?\s*(?:hgvs|variantgroup|correspondinggene):",
    re.IGNORECASE,
)
_RS = re.compile(r"\brs#?:?\s*([0-9]+)", re.IGNORECASE)


def gold_ids(written: str) -> tuple[str, ...]:
    """The concept ids of a cell: several between ``|``, ``+``, ``;`` or ``,``; none for ``-1``.

    What tmVar writes of a variant is one id: its rs number where it has one, else its form.

    >>> gold_ids("D001943|D010051"), gold_ids(" OMIM:219700+D003550"), gold_ids("-1")
    (('D001943', 'D010051'), ('OMIM:219700', 'D003550'), ())
    >>> gold_ids("c|SUB|V|600|E"), gold_ids("tmVar:p|SUB|V|600|E;HGVS:p.V600E;RS#:113488022")
    (('c|SUB|V|600|E',), ('rs113488022',))
    """
    written = written.strip()
    if variant := _variant(written):
        return (variant,)
    ids = (one.strip() for one in _SEPARATOR.split(written))
    return tuple(
        dict.fromkeys(
            _variant(one) or canonical_id(one) for one in ids if one.casefold() not in _NO_ID
        )
    )


def _variant(written: str) -> str:
    """The one id of a variant, or an empty string where it is none."""
    if not _VARIANT.match(written):
        return ""
    if number := _RS.search(written):
        return f"rs{number[1]}"
    form = written.partition(";")[0].strip()
    return form[6:].strip() if form.casefold().startswith("tmvar:") else form


#: A prefix → what keys of infons call its vocabulary, without case, blanks and punctuation.
_NAMES = {
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
_PREFIXES = {name: prefix for prefix, names in _NAMES.items() for name in names.split()}
#: Without "id" or the like behind them, these hold a name as readily.
_NOT_ALONE = frozenset({"gene", "rs", "species", "tax", "taxon", "taxonomy"})
#: No key that names an id is so long.
_LONGEST = 60
_ID_KEY = re.compile(
    r"(?P<what>.*?)(?:concept|entity|term|normali[sz]ed|database|db|unique)*"
    r"(?P<id>ids?|identifiers?|cuis?|uis?|codes?|curies?|accessions?)?"
)


def ids_of_infons(infons: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The ids in all infons whose key names an identifier, or a vocabulary.

    An id without a prefix gets that of the vocabulary that the key names.

    >>> ids_of_infons([("type", "Gene"), ("NCBI Gene identifier", "673")])
    ('NCBIGENE:673',)
    >>> ids_of_infons([("Identifier", "MESH:D001249"), ("normalized_id", "D001249")])
    ('MESH:D001249',)
    """
    ids: dict[str, None] = {}
    for key, value in infons:
        prefix = _prefix(key)
        if prefix is not None:
            ids.update(dict.fromkeys(_prefixed(prefix, one) for one in gold_ids(value)))
    # Of a variant the gene is told beside it, and perhaps other spellings of the variant.
    if variant := next((one for one in ids if _variant(one) == one), None):
        return (variant,)
    prefixed = {one.partition(":")[2] for one in ids}
    return tuple(one for one in ids if one not in prefixed)


def _prefix(key: str) -> str | None:
    """The prefix of what a key names, empty for any identifier, ``None`` for something else."""
    folded = re.sub(r"[\W_]+", "", key).casefold()
    found = _ID_KEY.fullmatch(folded) if len(folded) < _LONGEST else None
    if found is None:
        return None
    what, id = found["what"], found["id"]
    if what in ("", "ontology", "kb"):
        return "" if id not in (None, "code", "codes", "accession", "accessions") else None
    if folded in _PREFIXES and folded not in _NOT_ALONE:
        return _PREFIXES[folded]
    return _PREFIXES.get(what) if id else None


def _prefixed(prefix: str, id: str) -> str:
    if not prefix or ":" in id or _variant(id):
        return id
    return _variant(f"rs{id}") or id if prefix == "DBSNP" else canonical_id(f"{prefix}:{id}")
