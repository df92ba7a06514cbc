"""Runs the recipe: wheels and MedMentions TRAIN → one ``SourceTables`` per vocabulary."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.source import (
    NameKind,
    SourceInfo,
    SourceTables,
    canonical_id,
    is_cui,
    sha256_of,
)

from .biology import read_cl, read_go, read_hgnc, read_taxonomy, read_uberon
from .chemicals import read_chebi, read_drugbank
from .diseases import read_doid, read_efo, read_hp, read_mondo
from .infer import Evidence, infer_cuis, join_by_name
from .medmentions import Usage, drop_composed, drop_listed, read_usage, vocabulary_of
from .mesh import read_mesh, read_supplementary
from .recipe import HERE, Recipe
from .select import settle_names, settle_types, type_by_name
from .settle import Names, settle
from .vocabulary import Vocabulary, key_of

__all__ = ["load", "write_evidence"]

_LOG = logging.getLogger(__name__)
_BIOMAPPINGS = {
    "mesh": "MESH",
    "chebi": "CHEBI",
    "hp": "HP",
    "doid": "DOID",
    "mondo": "MONDO",
    "uberon": "UBERON",
    "cl": "CL",
    "go": "GO",
    "efo": "EFO",
    "umls": "UMLS",
    "drugbank": "DRUGBANK",
}


def _biomappings(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yields manually confirmed exact matches between vocabularies of the recipe."""
    rows = recipe.rows("biomappings")
    header = next(rows)
    columns = [header.index(name) for name in ("subject_id", "predicate_id", "object_id")]
    for row in rows:
        one, predicate, other = (row[column] for column in columns)
        pair = []
        for curie in (one, other):
            prefix, _, local = curie.partition(":")
            if prefix in _BIOMAPPINGS:
                local = local.rpartition(":")[2]
                pair.append(canonical_id(f"{_BIOMAPPINGS[prefix]}:{local}"))
        if predicate == "skos:exactMatch" and len(pair) == 2:
            yield pair[0], pair[1]


def _read(recipe: Recipe, usage: Usage) -> list[Vocabulary]:
    """Returns all ontologies, the one with the best names first."""
    used = usage.by_key
    mesh = read_mesh(recipe)
    read_supplementary(recipe, mesh, used)
    named = {key_of(name) for names in mesh.names.values() for name, _ in names}
    living = {
        key_of(name)
        for cid, names in mesh.names.items()
        if "LIVB" in mesh.groups(cid)
        for name, _ in names
    }
    living |= {
        key
        for key, uses in used.items()
        if any("LIVB" in usage.groups(cui) or not usage.types.get(cui) for cui in uses)
        and (" " in key or all("LIVB" in usage.groups(cui) for cui in uses))
    }
    return [
        mesh,
        read_uberon(recipe),
        read_cl(recipe),
        read_go(recipe, used),
        read_mondo(recipe),
        read_hp(recipe),
        read_doid(recipe),
        read_efo(recipe),
        read_hgnc(recipe),
        read_chebi(recipe, used, named),
        read_drugbank(recipe, living),
        read_taxonomy(recipe, living),
    ]


def _captions(vocabularies: Sequence[Vocabulary], names: Names, usage: Usage) -> SourceTables:
    """Returns additional names of concepts in captions; synonyms are used in the inference."""
    path = HERE / "caption_names.tsv"
    known = {cid for vocabulary in vocabularies for cid in vocabulary.names} | set(usage.surfaces)
    rows: list[tuple[str, str, int, str]] = []
    types: list[tuple[str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("#") or not line:
            continue
        cid, name, kind = line.split("\t")
        if cid not in known:
            raise SourceError(path, f"{cid} is not in any source, expected a known id", line=number)
        if kind == "TYPE":
            types.append((cid, name))
            continue
        rows.append((cid, name, int(NameKind[kind]), "CAPTION"))
        if NameKind[kind] is NameKind.SYNONYM:
            names.exact[cid].add(key_of(name))
    info = SourceInfo(
        format="recipe",
        name="Names that captions use",
        licence="this project's own",
        files={path.name: sha256_of(path)},
    )
    return SourceTables.from_rows(info, names=rows, types=types)


def load(
    wheels: Path, medmentions: Path, *, evidence: list[Evidence] | None = None
) -> list[SourceTables]:
    """Runs the recipe.

    Args:
        wheels: the folder with the wheels of ``recipe.toml``.
        medmentions: the folder with MedMentions TRAIN.
        evidence: output: why each CUI was inferred.

    Returns:
        One ``SourceTables`` per vocabulary, the one with the best preferred names first.  Their
        equivalences have no conflicts, so any order of merging gives the same concepts.

    Raises:
        SourceError: a file is missing or differs from the recipe.
    """
    recipe = Recipe.open(wheels, medmentions)
    usage = read_usage(recipe)
    ontologies = _read(recipe, usage)
    annotated = vocabulary_of(usage, recipe)
    named = (name for v in ontologies for names in v.names.values() for name, _ in names)
    drop_composed(annotated, set(map(key_of, named)))
    drop_listed(annotated, HERE / "not_names.tsv")
    everything = [*ontologies, annotated]
    names = Names.of(everything)
    captions = _captions(everything, names, usage)
    groups = {cid: v.groups(cid) for v in everything for cid in v.names}
    owner = {cid: vocabulary for vocabulary in everything for cid in vocabulary.names}

    joiner, asserted = settle(ontologies, _biomappings(recipe), names)
    ids = [cid for vocabulary in ontologies for cid in vocabulary.names]
    by_name = join_by_name(ids, names, groups, joiner)
    inferred = infer_cuis(ids, names, groups, usage, joiner)
    counts = (len(asserted), len(by_name), len(inferred))
    _LOG.info("links: %d asserted, %d by name, %d by use", *counts)
    for pairs, sure in (
        (asserted, True),
        (by_name, False),
        ([(found.id, found.cui) for found in inferred], False),
    ):
        for one, other in pairs:
            one, other = (other, one) if is_cui(one) else (one, other)
            owner[one].same_as.append((one, other, sure))

    settle_names(ontologies, joiner, groups)
    settle_types(everything, joiner)
    _LOG.info("types by name: %s", type_by_name(annotated, ontologies, joiner))
    if evidence is not None:
        evidence.extend(inferred)
    tables = [vocabulary.tables() for vocabulary in everything]
    return [*tables, captions]


def write_evidence(evidence: Sequence[Evidence], path: Path) -> None:
    """Writes a table of inferred CUIs: id, CUI, the decisive name, its uses, their purity."""
    lines = ["id\tcui\tname\tpreferred\tuses\tpurity"]
    for found in sorted(evidence, key=lambda one: one.id):
        row = (found.id, found.cui, found.name, int(found.preferred), found.uses, found.purity)
        lines.append("\t".join(map(str, row)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
