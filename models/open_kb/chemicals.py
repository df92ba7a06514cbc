"""Chemicals and drugs: ChEBI and the open DrugBank vocabulary."""

from __future__ import annotations

import re
from collections.abc import Container

from .hygiene import is_practical_chemical
from .ontology import guide_terms
from .recipe import Recipe
from .vocabulary import Vocabulary, key_of

__all__ = ["read_chebi", "read_drugbank"]

_ALLERGEN = re.compile(
    r"\b(?:pollen|whole|root|leaf|seed|fruit|meat|hair|dander|feather|allergenic|allergen|bark|skin"
    r"|flower|top|egg|milk|venom)\b|^[A-Z][a-z]+ [a-z]+(?:us|um|is|ii|ae|ens|ana|ata|osa|aria)$"
)
_DRUG = "CHEBI:23888"
_TYPES = (
    ("CHEBI:50906", "T120"),  # role
    ("CHEBI:36080", "T116"),  # protein
    ("CHEBI:16670", "T116"),  # peptide
    ("CHEBI:33709", "T116"),  # amino acid
    ("CHEBI:33696", "T114"),  # nucleic acid
    ("CHEBI:33838", "T114"),  # nucleoside
    ("CHEBI:36976", "T114"),  # nucleotide
    ("CHEBI:33250", "T196"),  # atom
    ("CHEBI:24867", "T196"),  # monoatomic ion
    ("CHEBI:50860", "T109"),  # organic molecular entity
    ("CHEBI:24835", "T197"),  # inorganic molecular entity
    ("CHEBI:33579", "T109"),
    ("CHEBI:24433", "T104"),  # group
)


def read_chebi(recipe: Recipe, used: Container[str], named: Container[str]) -> Vocabulary:
    """Returns ChEBI's roles, and entities that occur in MeSH, MedMentions, DrugBank or ChEMBL."""
    chebi = Vocabulary(recipe.info("chebi", "chebi_roles"), "CHEBI")
    chembl = {f"CHEBI:{row[0]}" for row in recipe.rows("chebi_to_chembl")}
    drugs_there = (row for row in recipe.rows("drugbank") if row[1] == "CHEBI")
    listed = {f"CHEBI:{row[2]}" for row in drugs_there if row[3] == "chebi"}
    listed |= {row[4] for row in recipe.rows("mesh_mappings") if row[3] == "CHEBI"}
    roles = {
        entry["id"]: entry.get("relations", {}).get("has_role", ())
        for entry in recipe.json("chebi_roles")
    }
    terms = list(guide_terms(recipe.json("chebi")))
    drugs = {term.id for term in terms if _DRUG in term.ancestors}
    for term in terms:
        key = key_of(term.name)
        role = "CHEBI:50906" in term.ancestors
        if not (role or key in used or key in named):
            if term.id not in listed and term.id not in chembl and not roles.get(term.id):
                continue
            if not is_practical_chemical(term.name, longest=40 if term.id in listed else 32):
                continue
        types = [tui for root, tui in _TYPES if root in term.ancestors][:1] or ["T103"]
        if role and term.id in drugs:
            types = ["T121"]
        elif any(above in drugs for above in roles.get(term.id, ())):
            types.append("T121")
        chebi.add(term.id, term.name, types=types)
    return chebi


def read_drugbank(recipe: Recipe, living: Container[str]) -> Vocabulary:
    """Returns names of the open DrugBank vocabulary that are not structures, linked to ChEBI.

    Allergen extracts, which are named after their organism (``Rabbit``, ``Betula pendula
    pollen``), are left out.  Only links from ChEBI are used; those of DrugBank are not part of its
    open data.

    Args:
        living: the normal forms of names of organisms.
    """
    drugbank = Vocabulary(recipe.info("drugbank"), "DRUGBANK")
    for row in recipe.rows("drugbank"):
        cid = f"DRUGBANK:{row[0]}"
        if row[1] == "NAME" and is_practical_chemical(row[2]):
            if not _ALLERGEN.search(row[2]) and key_of(row[2]) not in living:
                drugbank.add(cid, row[2], types=["T121"])
        elif row[1] == "CHEBI" and row[3] == "chebi":
            drugbank.links.append((cid, f"CHEBI:{row[2]}"))
    return drugbank
