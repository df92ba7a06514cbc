"""``concept-linker annotate``."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.annotating.engines import ENGINES
from concept_linker.annotating.job import MAX_CHARACTERS, TIMEOUT
from concept_linker.annotating.shards.formats import FORMATS
from concept_linker.cli.console import counted, note, print_json
from concept_linker.cli.linking import linker_options
from concept_linker.cli.options import (
    NegatedOption,
    OutputFolder,
    ProfileOption,
    TokenizerOption,
    choice,
)
from concept_linker.runtime.registry import list_names

if TYPE_CHECKING:
    from concept_linker.annotating.report import Summary

__all__ = ["annotate"]


def annotate(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSON Lines (plain, .gz, .zst), Parquet or CSV files, or folders of them; '-' is "
            "standard input.",
        ),
    ],
    output: OutputFolder,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="The number of processes (default: one per core).", min=1),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="; ".join(f"'{name}': {one.description}" for name, one in ENGINES.items()) + ".",
            **choice(*ENGINES),
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Ray cluster: 'auto' or 'ray://host:10001' (default: this machine).",
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAMES",
            help=f"{list_names(FORMATS)}, or several: 'parquet,jsonl'.",
        ),
    ] = "parquet",
    form: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="'full' or 'minimised' records.", **choice("full", "minimised")
        ),
    ] = "full",
    profile: ProfileOption = "exact",
    negated: NegatedOption = None,
    tokenizer: TokenizerOption = None,
    caption: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column of captions (default: found by its name)."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column of image paths (default: found by its name)."
        ),
    ] = None,
    images: Annotated[
        bool,
        typer.Option("--images/--no-images", help="Whether captions have images."),
    ] = True,
    other_columns: Annotated[
        bool,
        typer.Option(
            "--other-columns/--no-other-columns",
            help="Whether to keep the other columns of the input.",
        ),
    ] = True,
    mentions: Annotated[
        bool,
        typer.Option("--mentions", help="Add a column with every mention, with or without a CUI."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Set aside captions that take longer."),
    ] = TIMEOUT,
    max_characters: Annotated[
        int,
        typer.Option(metavar="N", help="Set aside captions that are longer.", min=1),
    ] = MAX_CHARACTERS,
    shard_size: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Rows per shard (default: growing from 250 to 5,000).", min=1
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Continue an interrupted run, or start over."),
    ] = True,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write counters for Prometheus to this file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress bar and no summary.")
    ] = False,
) -> None:
    """Annotate files of captions and write shards of image-text-concept triplets.

    Run the same command again to continue an interrupted run. The output is the same, byte by
    byte, with any number of workers. Bad rows are set aside in FOLDER/quarantine, and the exit
    status is then 1; good rows are always written.

    Examples:

        concept-linker annotate captions.jsonl.gz -o annotated
        concept-linker annotate tables/ -o annotated --caption text --image id --workers 8
        concept-linker annotate records.jsonl -o annotated --profile medconcept23m
        concept-linker annotate reports.csv -o annotated --caption text --no-images
        concept-linker annotate captions/ -o annotated --engine ray --ray-address auto
    """
    from concept_linker.annotating.annotate import annotate as run
    from concept_linker.triplets.record import PROFILES

    # Clusters end jobs with SIGTERM: stop as after Ctrl-C.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        summary = run(
            inputs,
            output,
            workers=workers,
            engine=engine,
            ray_address=ray_address,
            formats=formats,
            form=form,  # type: ignore[arg-type]
            profile=profile,
            negated=negated,  # type: ignore[arg-type]
            tokenizer=tokenizer,
            caption=caption,
            image=image,
            images=images,
            other_columns=other_columns,
            mentions=mentions,
            timeout=timeout,
            max_characters=max_characters,
            shard_size=shard_size,
            resume=resume,
            metrics=metrics,
            quiet=quiet,
            **linker_options(context),
        )
    except KeyboardInterrupt:
        note("concept-linker: stopped; run the same command again to continue")
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        print_json(summary.to_dict())
    elif not quiet:
        kept = negated == "keep" or (negated is None and PROFILES[profile]["negated"] == "keep")
        _print(summary, kept=kept)
    if summary.bad:
        place = output / "quarantine"
        note(f"{counted(summary.bad, 'bad row')} set aside in {place}; first {_first_bad(place)}")
        raise typer.Exit(1)


def _first_bad(quarantine: Path) -> str:
    """Returns place and reason of the first row that was set aside."""
    with min(quarantine.glob("part-*.jsonl")).open(encoding="utf-8") as file:
        row = json.loads(next(file))
    return f"{row['file']}, line {row['line']}: {row['problem'][:200]}"


def _print(summary: Summary, *, kept: bool) -> None:
    print(
        f"{summary.output}: {counted(summary.captions, 'caption')} in "
        f"{counted(summary.shards, 'shard')}"
    )
    linked = summary.linked / summary.mentions if summary.mentions else 0.0
    print(
        f"{counted(summary.mentions, 'mention')}, {linked:.1%} linked to a concept, "
        f"{summary.spans:,} in records (those with a CUI)"
    )
    if summary.negated:
        where = "kept in" if kept else "left out of"
        print(f"{counted(summary.negated, 'negated mention')} with a CUI {where} records")
    if not summary.here:
        print("nothing left to do")
        return
    number = summary.workers
    workers = "" if number is None else f" with {counted(number, 'worker')}"
    rate = summary.here / summary.seconds
    before = summary.captions - summary.here
    earlier = f"; {before:,} done before" if before else ""
    print(f"{rate:,.0f} captions/s{workers}, {summary.seconds:,.0f} s{earlier}")
    if summary.died:
        print(f"{counted(summary.died, 'worker')} died and were replaced")
