"""``concept-linker kb``: build a knowledge base, look at one, search one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from concept_linker.cli.console import counted, note, print_json, printable
from concept_linker.cli.linking import linker_options, linking
from concept_linker.cli.options import ForceFlag, JsonFlag, QuietFlag, complete_base, one_of
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
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")
    ],
    language: Annotated[
        list[str] | None,
        typer.Option(metavar="LAT", help="rrf: take these languages (default ENG)."),
    ] = None,
    vocabulary: Annotated[
        list[str] | None, typer.Option(metavar="SAB", help="rrf: take only these sources.")
    ] = None,
    term_type: Annotated[
        list[str] | None, typer.Option(metavar="TTY", help="rrf: take only these term types.")
    ] = None,
    semantic_type: Annotated[
        list[str] | None,
        typer.Option(metavar="TUI", help="rrf: take only concepts of these types."),
    ] = None,
    keep_suppressed: Annotated[
        bool, typer.Option("--keep-suppressed", help="rrf: take suppressed names too.")
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Set bad rows aside in FOLDER.quarantine.jsonl, do not stop at the first.",
        ),
    ] = False,
    force: ForceFlag = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Build a knowledge base from vocabularies.

    The first bad row stops it; with --skip-bad it goes on, and the exit status is 1 if there was
    any.

    Examples:

        concept-linker kb build --source rrf=2026AA/META --vocabulary MSH -o umls
        concept-linker kb build --source obo=hp.obo --source sssom=hp.sssom.tsv -o hpo
        concept-linker kb build --source table=own.tsv --skip-bad -o own
    """
    from concept_linker.knowledge_base import build as building
    from concept_linker.knowledge_base import store
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.knowledge_base.readers import read_source
    from concept_linker.knowledge_base.source import Quarantine, SourceTables
    from concept_linker.runtime.progress import progress_bar

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
    output = store.check_target(output, replace=force)  # before any source is read
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
    if quarantine.count:
        note(f"{counted(quarantine.count, 'bad row')} set aside in {bad_rows}")
        raise typer.Exit(1)


def _split(source: str) -> tuple[str, Path]:
    format, equals, path = source.partition("=")
    if not equals or not path:
        raise SettingsError(f"--source {source!r}, wanted FORMAT=PATH, such as obo=hp.obo")
    return format, Path(path)


@app.command()
def info(
    kb: Annotated[
        str,
        typer.Argument(
            metavar="KB",
            help="'default', or the folder of a knowledge base.",
            autocompletion=complete_base,
        ),
    ] = "default",
    as_json: Annotated[bool, typer.Option("--json", help="The whole manifest, as JSON.")] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Read every file, check its SHA-256, and where every index leads."
        ),
    ] = False,
    quiet: QuietFlag = False,
) -> None:
    """Show what a knowledge base is made of: its sources with their releases, names by vocabulary.

    Examples:

        concept-linker kb info open
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
            print("every file is as the manifest says")


def _print_summary(base: Any) -> None:
    counts = base.info.counts
    print(f"{base.path}")
    print(f"{counts['concepts']:,} concepts, {counts['names']:,} names, {counts['keys']:,} keys")
    for source in base.info.sources:
        about = ", ".join(filter(None, (source.format, source.version, source.licence)))
        print(printable(f"  {source.name} ({about})"))


@app.command(cls=linking("kb", "k", "min_similarity", k=10, min_similarity=0.5))
def search(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A name, in any spelling; in quotes.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a concept.")] = False,
    quiet: QuietFlag = False,
) -> None:
    """Search names, exact and near: similarity, id, name, and the alias that was found.

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
