"""Builds the open knowledge base that comes with the package.

    python -m models.open_kb WHEELS MEDMENTIONS

WHEELS is a folder with the wheels of ``recipe.toml``, which says how to download them; MEDMENTIONS
is a folder with MedMentions TRAIN.  The command writes ``compiled/``, ``SOURCES.md`` and
``inferred_cuis.tsv`` to the folder of this file.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc

from concept_linker.knowledge_base.compiled import save_compiled
from concept_linker.knowledge_base.merge import CuiOrigin, MergedTables, merge
from concept_linker.knowledge_base.semantic_types import GROUP_NAMES, semantic_groups

from .infer import Evidence
from .recipe import HERE, Recipe
from .sources import load, write_evidence


def main() -> None:
    """Runs the recipe."""
    parser = argparse.ArgumentParser(description="Build the open knowledge base.")
    parser.add_argument("wheels", type=Path)
    parser.add_argument("medmentions", type=Path)
    arguments = parser.parse_args()
    evidence: list[Evidence] = []
    merged = merge(load(arguments.wheels, arguments.medmentions, evidence=evidence))
    save_compiled(merged, HERE / "compiled")
    write_evidence(evidence, HERE / "inferred_cuis.tsv")
    recipe = Recipe.open(arguments.wheels, arguments.medmentions)
    (HERE / "SOURCES.md").write_text(_sources(merged, recipe), encoding="utf-8")
    print(_counts(merged))


def _counts(merged: MergedTables) -> str:
    concepts = merged.concepts
    origins = Counter(concepts["origin"].to_pylist())
    typed = pc.sum(pc.greater(pc.list_value_length(concepts["types"]), 0)).as_py()
    return (
        f"{concepts.num_rows:,} concepts with {merged.names.num_rows:,} names; "
        f"{origins[CuiOrigin.ASSERTED]:,} have an asserted CUI, "
        f"{origins[CuiOrigin.INFERRED]:,} an inferred one; "
        f"{typed / concepts.num_rows:.1%} with a semantic type."
    )


def _sources(merged: MergedTables, recipe: Recipe) -> str:
    """Returns ``SOURCES.md``: the sources of the base, with counts."""
    names = Counter(merged.names["source"].cast("string").to_pylist())
    groups: Counter[str] = Counter()
    for types in merged.concepts["types"].to_pylist():
        groups.update(semantic_groups(types))
    lines = [
        "# Sources of the open knowledge base",
        "",
        "`python -m models.open_kb` builds the base from `recipe.toml`, and writes this file.",
        "It has no content of the UMLS Metathesaurus: the CUIs are cross-references that open",
        "vocabularies publish, annotations of MedMentions (CC0), or inferred from these.",
        "",
        _counts(merged),
        "",
        "| vocabulary | version | licence | official release | file | SHA-256 |",
        "|---|---|---|---|---|---|",
    ]
    for source in recipe.table["sources"].values():
        lines.append(
            f"| {source['name']} | {source['version']} | {source['licence']} | {source['url']} "
            f"| `{Path(source['file']).name}` | `{source['sha256'][:16]}…` |"
        )
    lines += [
        "",
        "The full checksums are in `recipe.toml`.",
        "",
        "| names from | count |",
        "|---|---|",
    ]
    lines += [f"| {source} | {count:,} |" for source, count in names.most_common()]
    lines += ["", "| semantic group | concepts |", "|---|---|"]
    lines += [f"| {GROUP_NAMES[group]} | {count:,} |" for group, count in groups.most_common()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
