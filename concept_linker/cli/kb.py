"""``concept-linker kb``: build a knowledge base, look at one, search one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from concept_linker.errors import SettingsError

__all__ = ["app"]

app = typer.Typer(help="Build, inspect and search knowledge bases.", no_args_is_help=True)


@app.command()
def build(
    source: Annotated[
        list[str],
        typer.Option(
            help="FORMAT=PATH; the first source is trusted most. FORMAT is one of rrf, obo, "
            "obographs, sssom, jsonl, mesh, table."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")],
    language: Annotated[
        list[str] | None, typer.Option(help="rrf: take these languages (default ENG).")
    ] = None,
    vocabulary: Annotated[
        list[str] | None, typer.Option(help="rrf: take only these sources (SAB).")
    ] = None,
    term_type: Annotated[
        list[str] | None, typer.Option(help="rrf: take only these term types (TTY).")
    ] = None,
    semantic_type: Annotated[
        list[str] | None, typer.Option(help="rrf: take only concepts of these types (TUI).")
    ] = None,
    keep_suppressed: Annotated[
        bool, typer.Option("--keep-suppressed", help="rrf: take suppressed names too.")
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Set bad rows aside in OUTPUT.quarantine.jsonl, do not stop at the first.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Build a knowledge base from vocabularies.

    Examples:

        concept-linker kb build --source rrf=2026AA/META --vocabulary MSH -o umls

        concept-linker kb build --source obo=hp.obo --source sssom=mappings.sssom.tsv -o hpo
    """
    from concept_linker.knowledge_base import build as building
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.progress import progress_bar
    from concept_linker.knowledge_base.readers import read_source
    from concept_linker.knowledge_base.source import Quarantine, SourceTables

    wanted = [_split(one) for one in source]
    filters: dict[str, Any] = {
        "languages": language,
        "sources": vocabulary,
        "term_types": term_type,
        "semantic_types": semantic_type,
        "keep_suppressed": keep_suppressed or None,
    }
    filters = {name: value for name, value in filters.items() if value is not None}
    if filters and not any(format == "rrf" for format, _ in wanted):
        raise SettingsError("the filters of rrf are given, but no source is rrf")
    output = store.check_target(output)  # before any source is read
    bad_rows = output.with_name(output.name + ".quarantine.jsonl") if skip_bad else None
    if bad_rows:
        bad_rows.unlink(missing_ok=True)
    quarantine = Quarantine(bad_rows)
    with progress_bar("Building", quiet=quiet) as progress:
        rrf_filters = {"rrf": filters}

        def tables() -> Iterator[SourceTables]:
            for number, (format, path) in enumerate(wanted):
                progress(f"reading {path.name}", 0.3 * number / len(wanted))
                yield read_source(format, path, rrf_filters.get(format, {}), quarantine)

        building.build(
            tables(),
            output,
            options={"source": source, **filters, "skip_bad": skip_bad},
            progress=lambda stage, done: progress(stage, 0.3 + 0.7 * done),
        )
    _print_summary(KnowledgeBase.open(output))
    if quarantine.count:
        rows = "row" if quarantine.count == 1 else "rows"
        print(f"{quarantine.count} bad {rows} set aside in {bad_rows}", file=sys.stderr)


def _split(source: str) -> tuple[str, Path]:
    format, equals, path = source.partition("=")
    if not equals or not path:
        raise SettingsError(f"--source {source!r}, wanted FORMAT=PATH, such as obo=hp.obo")
    return format, Path(path)


@app.command()
def info(
    kb: Annotated[str, typer.Argument(help="'open', or a folder.")] = "open",
    as_json: Annotated[bool, typer.Option("--json", help="The whole manifest.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every file and check its SHA-256.")
    ] = False,
) -> None:
    """Show what a knowledge base is made of.

    Example: concept-linker kb info open
    """
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase

    base = KnowledgeBase.open(kb)
    if verify:
        store.verify(base.path)
    if as_json:
        print(json.dumps(base.manifest.model_dump(mode="json"), indent=1))
    else:
        _print_summary(base)
        if verify:
            print("every file is as the manifest says")


def _print_summary(base: Any) -> None:
    counts = base.manifest.counts
    print(f"{base.path}")
    print(f"{counts['concepts']:,} concepts, {counts['names']:,} names, {counts['keys']:,} keys")
    for source in base.manifest.sources:
        about = ", ".join(filter(None, (source.format, source.version, source.licence)))
        print(f"  {source.name} ({about})")


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="A name, in any spelling.")],
    kb: Annotated[str, typer.Option(help="'open', or a folder.")] = "open",
    k: Annotated[int, typer.Option("-k", help="At most so many concepts.")] = 10,
    threshold: Annotated[float, typer.Option(help="The least similarity, 0 to 1.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a concept.")] = False,
) -> None:
    """Search names, exact and near.

    Example: concept-linker kb search hipocampus
    """
    from concept_linker.knowledge_base.base import KnowledgeBase

    found = KnowledgeBase.open(kb).search(text, k=k, threshold=threshold)
    for candidate in found:
        if as_json:
            print(json.dumps(candidate.to_dict()))
        else:
            alias = "" if candidate.alias == candidate.name else f"  ({candidate.alias})"
            print(f"{candidate.similarity:.3f}  {candidate.concept_id}  {candidate.name}{alias}")
    if not found and not as_json:
        print(f"nothing with a similarity of {threshold} or more", file=sys.stderr)
