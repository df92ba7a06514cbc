"""``concept-linker annotate``."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from concept_linker.cli.console import counted, note, print_json
from concept_linker.cli.options import KB, NegatedOption, ProfileOption, one_of
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.annotating.summary import Summary

__all__ = ["register"]

#: The defaults of :mod:`concept_linker.annotating.job`, which is not imported here.
TIMEOUT = 60.0
MAX_CHARACTERS = 100_000


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="annotate")(annotate)


def annotate(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="JSON Lines (plain, .gz, .zst), Parquet, CSV, folders of them; '-' is standard "
            "input.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")
    ],
    kb: KB = "default",
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=one_of("hybrid", "dictionary", "ner"),
            help="What finds mentions: 'hybrid', 'dictionary' (six times as fast), 'ner', or a "
            "spaCy model (default as `link`).",
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A setting of the linker, such as min_score=0.3."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many processes (default one a core).", min=1),
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=one_of("local", "ray"),
            help="'local', or 'ray' (extra 'ray').",
        ),
    ] = "local",
    ray_address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A cluster: 'auto' or 'ray://host:10001' (default this machine).",
        ),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAMES",
            help="parquet, jsonl, jsonl.gz, jsonl.zst, or two: 'parquet,jsonl'.",
        ),
    ] = "parquet",
    form: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            autocompletion=one_of("full", "minimised"),
            help="'full' or 'minimised' records.",
        ),
    ] = "full",
    profile: ProfileOption = "exact",
    negated: NegatedOption = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="BiomedBERT's vocab.txt, for the spans' tokens."),
    ] = None,
    caption: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="The column of captions (default found by its name)."),
    ] = None,
    image: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="The column of images' paths (default found by its name)."
        ),
    ] = None,
    images: Annotated[
        bool,
        typer.Option("--images/--no-images", help="Whether the captions have images."),
    ] = True,
    other_columns: Annotated[
        bool,
        typer.Option(
            "--other-columns/--no-other-columns", help="Keep the input's other columns or not."
        ),
    ] = True,
    mentions: Annotated[
        bool,
        typer.Option("--mentions", help="Add a column with every mention, whatever its id."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="Set a caption aside that takes longer."),
    ] = TIMEOUT,
    max_characters: Annotated[
        int,
        typer.Option(metavar="N", help="Set a caption aside that is longer.", min=1),
    ] = MAX_CHARACTERS,
    shard_size: Annotated[
        int | None,
        typer.Option(metavar="N", help="Rows a shard (default from 250 up to 5,000).", min=1),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume/--no-resume", help="Go on with what is there, or begin anew."),
    ] = True,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write counters into this file, for Prometheus."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")
    ] = False,
) -> None:
    """Annotate files of captions, any number, into shards of image-text-concept triplets.

    The same command goes on where a run was stopped. The same input gives the same bytes with any
    number of workers. A bad row never costs a good one: it is set aside in FOLDER/quarantine, and
    the exit status is 1.

    Examples:

        concept-linker annotate captions.jsonl.gz -o annotated
        concept-linker annotate tables/ -o annotated --caption text --image id --workers 8
        concept-linker annotate records.jsonl -o annotated --profile medconcept23m
        concept-linker annotate reports.csv -o annotated --caption text --no-images
        concept-linker annotate captions/ -o annotated --engine ray --ray-address auto
    """
    from concept_linker.annotating.running import annotate as run
    from concept_linker.triplets.record import PROFILES

    # What ends jobs on clusters asks as politely as Ctrl-C does.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        summary = run(
            inputs,
            output,
            kb=kb,
            detector=detector,
            workers=workers,
            engine=engine,  # type: ignore[arg-type]
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
            **linker_settings(setting or []),
        )
    except KeyboardInterrupt:
        note("concept-linker: stopped; the same command goes on from there")
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


def linker_settings(given: list[str]) -> dict[str, Any]:
    """Settings of the linker as they are given, ``NAME=VALUE`` each."""
    settings = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            from concept_linker.settings import LinkerSettings

            raise SettingsError(
                f"--setting {one!r}, wanted NAME=VALUE of {LinkerSettings.summary()}"
            )
        try:
            settings[name] = json.loads(value)
        except ValueError:
            settings[name] = value
    return settings


def _first_bad(quarantine: Path) -> str:
    """Place and reason of the first row that is set aside."""
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
        done = "kept in" if kept else "left out of"
        print(f"{counted(summary.negated, 'negated mention')} with a CUI {done} records")
    if not summary.here:
        print("nothing was left to do")
        return
    number = summary.workers
    workers = "" if number is None else f" with {counted(number, 'worker')}"
    rate = summary.here / summary.seconds
    before = summary.captions - summary.here
    earlier = f"; {before:,} were there already" if before else ""
    print(f"{rate:,.0f} captions/s{workers}, {summary.seconds:,.0f} s{earlier}")
    if summary.died:
        print(f"{counted(summary.died, 'worker')} died and had to be replaced")
