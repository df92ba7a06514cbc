"""``concept-linker kb``: builds, inspects and searches knowledge bases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from concept_linker.cli.bad_rows import SkipBadFlag, open_quarantine, report_bad_rows
from concept_linker.cli.console import note, print_json, printable
from concept_linker.cli.linking import linker_options, linking
from concept_linker.cli.options import (
    ForceFlag,
    JsonFlag,
    OutputFolder,
    QuietFlag,
    complete_base,
    one_of,
)
from concept_linker.cli.parser import CommandLine
from concept_linker.errors import SettingsError
from concept_linker.knowledge_base.readers import FORMATS
from concept_linker.runtime.registry import list_names

__all__ = ["app"]

app = CommandLine(help="Build, inspect and search knowledge bases.")


@app.command()
def build(
    source: Annotated[
        list[str],
        typer.Option(
            metavar="FORMAT=PATH",
            autocompletion=one_of(*(f"{format}=" for format in FORMATS)),
            help=f"A vocabulary; the first is trusted most. FORMAT is {list_names(FORMATS)}.",
        ),
    ],
    output: OutputFolder,
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="LAT", help="rrf: only these languages (default ENG)."),
    ] = None,
    vocabulary: Annotated[
        list[str] | None, typer.Option(metavar="SAB", help="rrf: only these sources.")
    ] = None,
    term_type: Annotated[
        list[str] | None, typer.Option(metavar="TTY", help="rrf: only these term types.")
    ] = None,
    semantic_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TUI", help="rrf: only concepts of these semantic types."),
    ] = None,
    keep_suppressed: Annotated[
        bool, typer.Option("--keep-suppressed", help="rrf: include suppressed names.")
    ] = False,
    skip_bad: SkipBadFlag = False,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Build a knowledge base from vocabularies.

    The command stops at the first bad row. With --skip-bad it continues: bad rows are written to
    FOLDER.quarantine.jsonl, and the exit status is then 1.

    Examples:

        concept-linker kb build --source rrf=2026AA/META --vocabulary MSH -o umls
        concept-linker kb build --source obo=hp.obo --source sssom=hp.sssom.tsv -o hpo
        concept-linker kb build --source table=devices.tsv --skip-bad -o devices
    """
    from concept_linker.knowledge_base import build as building
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.readers import read_source
    from concept_linker.knowledge_base.source import SourceTables
    from concept_linker.runtime.progress import progress_bar

    sources = [_split(one) for one in source]
    filters: dict[str, Any] = {
        "languages": language,
        "sources": vocabulary,
        "term_types": term_type,
        "semantic_types": semantic_type,
        "keep_suppressed": keep_suppressed or None,
    }
    filters = {name: value for name, value in filters.items() if value is not None}
    if filters and not any(format == "rrf" for format, _ in sources):
        raise SettingsError("filters of rrf are given, but no --source is rrf=PATH")
    output = store.check_target(output, replace=force)  # before any source is read
    quarantine, bad_rows = open_quarantine(output, skip_bad=skip_bad)
    with progress_bar("Building", quiet=quiet) as progress:

        def tables() -> Iterator[SourceTables]:
            for number, (format, path) in enumerate(sources):
                progress(f"reading {path.name}", 0.3 * number / len(sources))
                yield read_source(format, path, filters if format == "rrf" else {}, quarantine)

        building.build_knowledge_base(
            tables(),
            output,
            options={"source": source, **filters, "skip_bad": skip_bad},
            replace=force,
            progress=lambda stage, done: progress(stage, 0.3 + 0.7 * done),
        )
    base = KnowledgeBase.open(output)
    if as_json:
        counts = base.info.counts
        facts = {name: counts[name] for name in ("concepts", "names", "keys")}
        set_aside = str(bad_rows) if quarantine.count else None
        print_json(
            {"output": str(output), **facts, "bad": quarantine.count, "quarantine": set_aside}
        )
    else:
        _print_summary(base)
    report_bad_rows(quarantine.count, bad_rows)


def _split(source: str) -> tuple[str, Path]:
    format, equals, path = source.partition("=")
    if not equals or not path:
        raise SettingsError(f"--source is {source!r}, expected FORMAT=PATH, such as obo=hp.obo")
    return format, Path(path)


@app.command()
def info(
    kb: Annotated[
        str,
        typer.Argument(
            metavar="KB",
            help="The knowledge base: 'default', or its folder.",
            autocompletion=complete_base,
        ),
    ] = "default",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole manifest as JSON.")
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Read every file; check its SHA-256 and that every index is in range."
        ),
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Show the sources of a knowledge base, with releases, and its names by vocabulary.

    Examples:

        concept-linker kb info default
        concept-linker kb info umls --verify
    """
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.soundness import check_sound

    base = KnowledgeBase.open(kb, quiet=quiet)
    if verify:
        store.verify(base.path)
        check_sound(base.path, base.info, base.rows.arrays)
    if as_json:
        print_json(base.info.model_dump(mode="json"), indent=1)
    else:
        _print_summary(base)
        print("names by vocabulary:")
        counts = base.info.vocabularies
        for name in sorted(filter(counts.get, counts), key=lambda name: (-counts[name], name)):
            print(printable(f"{counts[name]:>13,}  {name}"))
        if verify:
            print("every file matches the manifest")


def _print_summary(base: Any) -> None:
    counts = base.info.counts
    print(f"{base.path}")
    print(f"{counts['concepts']:,} concepts, {counts['names']:,} names, {counts['keys']:,} keys")
    for source in base.info.sources:
        about = ", ".join(filter(None, (source.format, source.version, source.licence)))
        print(printable(f"  {source.name} ({about})"))


@app.command(cls=linking("kb", "k", "min_similarity", min_similarity=0.5))
def search(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A name in quotes, in any spelling.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per concept.")
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Search for concepts by name, exactly and by similarity.

    Prints similarity, id and name, and the alias that was found where it differs.

    Examples:

        concept-linker kb search hipocampus
        concept-linker kb search "heart attack" -k 3 --min-similarity 0.7 --json
    """
    from concept_linker.knowledge_base.base import KnowledgeBase

    options = linker_options(context)
    found = KnowledgeBase.open(options.pop("kb"), quiet=quiet).search(text, **options)
    for candidate in found:
        if as_json:
            print_json(candidate.to_dict())
        else:
            alias = "" if candidate.alias == candidate.name else f"  ({candidate.alias})"
            line = f"{candidate.similarity:.3f}  {candidate.concept_id}  {candidate.name}{alias}"
            print(printable(line))
    if not found and not as_json:
        note(f"no name has a similarity of {options['min_similarity']} or more")
