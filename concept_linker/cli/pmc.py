"""``concept-linker pmc``: from PubMed Central to records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from concept_linker.pmc.extraction import ExtractionSummary
    from concept_linker.pmc.fetching import FetchSummary

__all__ = ["app"]

app = typer.Typer(
    help="Fetch articles of PubMed Central, read their figures.", no_args_is_help=True
)

#: The default of :class:`~concept_linker.pmc.settings.FetchSettings`, which is not imported here.
ENDPOINT = "https://pmc-oa-opendata.s3.amazonaws.com"


@app.command()
def fetch(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder; a run into it again resumes.")
    ],
    articles: Annotated[
        list[str] | None,
        typer.Argument(
            help="PMCIDs, or files that list them one a line; '-' reads such a list from "
            "standard input."
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            help="Records (JSONL, Parquet) whose images to fetch; writes those that have one to "
            "OUTPUT/records.jsonl."
        ),
    ] = None,
    licence: Annotated[
        str,
        typer.Option("--licence", "--license", help="Take only these; such as CC-BY,CC0,CC-BY-NC."),
    ] = "CC-BY,CC0",
    images: Annotated[
        str, typer.Option(help="'figures', or 'none': the articles' text alone.")
    ] = "figures",
    endpoint: Annotated[str, typer.Option(help="The service's address.")] = ENDPOINT,
    rate: Annotated[float, typer.Option(help="At most so many requests a second.")] = 10.0,
    workers: Annotated[int, typer.Option(help="Articles fetched at a time.")] = 4,
    retries: Annotated[int, typer.Option(help="Tries again after a passing fault.")] = 5,
    back_off: Annotated[
        float, typer.Option(help="Seconds before the first of them; doubled each time.")
    ] = 1.0,
    timeout: Annotated[float, typer.Option(help="Seconds without a byte.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Fetch articles and their figures' images from PMC's Cloud Service.

    Takes an article's newest published version with a licence that is wanted.
    Leaves retracted articles out and checks each file's MD5.
    What is there is not fetched again.

    By using the service you accept NLM's terms: acknowledge NLM as the source,
    and pass on only what an article's licence allows.

    Examples:

        concept-linker pmc fetch PMC11370360 PMC10729897 -o articles

        concept-linker pmc fetch --records medconcept.jsonl -o rebuilt
    """
    from concept_linker.knowledge_base.progress import progress_bar
    from concept_linker.pmc.fetching import fetch as fetching
    from concept_linker.pmc.licences import parse_licences
    from concept_linker.pmc.rebuilding import rebuild, wanted_by_records
    from concept_linker.pmc.settings import FetchSettings

    settings = FetchSettings.checked(
        endpoint=endpoint,
        licences=parse_licences(licence),
        images=images,
        rate=rate,
        workers=workers,
        retries=retries,
        back_off=back_off,
        timeout=timeout,
    )
    if bool(articles) == bool(records):
        raise SettingsError("give PMCIDs, or files of them, or --records FILE; one of these")
    wanted = wanted_by_records(records) if records else _wanted(articles or [])
    with progress_bar("Fetching", quiet=quiet) as progress:
        summary = fetching(wanted, output, settings, progress=progress)
    values = _fetched_values(summary)
    if records:
        rebuilt = rebuild(records, output)
        values |= {
            "records in OUTPUT/records.jsonl": rebuilt.written,
            "records without an image": rebuilt.without_image,
            "records that name no article": rebuilt.untold,
            "bad records": rebuilt.bad,
        }
    _finish(values, summary.failed, as_json=as_json)


@app.command()
def extract(
    articles: Annotated[
        list[Path],
        typer.Argument(help="Folders, .tar (also .gz, .xz, .zst), .xml, or a fetched folder."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help=".jsonl, .jsonl.gz, .jsonl.zst or .parquet.")
    ],
    images: Annotated[
        Path | None,
        typer.Option(help="A folder of images; figures that have none in it are left out."),
    ] = None,
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Parquet: put the images themselves in.")
    ] = False,
    link: Annotated[bool, typer.Option("--link", help="Find the captions' concepts.")] = False,
    kb: Annotated[str, typer.Option(help="'open', or the folder of a knowledge base.")] = "open",
    detector: Annotated[str, typer.Option(help="What finds the mentions.")] = "dictionary",
    like: Annotated[
        str, typer.Option(help="'exact', or 'medconcept23m': spans as published.")
    ] = "exact",
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="A WordPiece vocab.txt, or its folder; else tokens are basic words."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Read the figures of JATS articles into records, one for each image.

    An article that is broken is set aside in OUTPUT.quarantine.jsonl with the
    reason; the rest goes on.

    Examples:

        concept-linker pmc extract articles -o records.jsonl

        concept-linker pmc extract articles.tar.gz --link -o triplets.parquet
    """
    from tqdm import tqdm

    from concept_linker.pmc.records import write_records
    from concept_linker.triplets.record import PROFILES
    from concept_linker.triplets.running import quarantine_of

    if like not in PROFILES:
        raise SettingsError(f"--like {like!r}, wanted one of {', '.join(PROFILES)}")
    with tqdm(desc="Extracting", unit=" records", disable=quiet) as bar:
        summary = write_records(
            articles,
            output,
            images=images,
            with_images=with_images,
            linker=_linker(kb, detector, quiet=quiet) if link else None,
            profile=PROFILES[like],
            tokenizer=_word_piece(tokenizer),
            progress=bar.update,
        )
    _finish(_extracted_values(summary), {}, as_json=as_json)
    if summary.rejected:
        print(f"set aside in {quarantine_of(output)}", file=sys.stderr)
        raise typer.Exit(1)


def _linker(kb: str, detector: str, *, quiet: bool) -> Any:
    from concept_linker.linker import ConceptLinker

    return ConceptLinker.load(kb, detector=detector, quiet=quiet)


def _word_piece(path: Path | None) -> Any:
    from concept_linker.triplets.wordpiece import WordPiece

    return WordPiece.load(path) if path else None


def _wanted(articles: list[str]) -> dict[str, frozenset[str] | None]:
    from concept_linker.pmc.wanted import Wanted, ids_of_file, parse_pmcid, wanted_by_ids

    wanted: Wanted = {}
    for one in articles:
        if one == "-":
            wanted.update(wanted_by_ids(sys.stdin, "standard input"))
        elif Path(one).is_file():
            wanted.update(ids_of_file(Path(one)))
        else:
            try:
                wanted[parse_pmcid(one)] = None
            except InputError as error:
                raise InputError(f"{error}, or a file that lists such") from None
    if not wanted:
        raise InputError("no PMCIDs in what was given, wanted at least one")
    return wanted


def _fetched_values(summary: FetchSummary) -> dict[str, Any]:
    return {
        "asked": summary.asked,
        "fetched": summary.fetched,
        "already there": summary.there,
        "left out": dict(summary.left_out.most_common()),
        "failed": len(summary.failed),
        "not asked": summary.not_asked,
        "files fetched": summary.files,
        "images there": summary.images,
        "graphics without an image": summary.missing,
        "files without an MD5": summary.unchecked,
    }


def _extracted_values(summary: ExtractionSummary) -> dict[str, Any]:
    return {
        "articles": summary.articles,
        "figures": summary.figures,
        "records": summary.records,
        "concepts": summary.spans,
        "left out": dict(summary.left_out.most_common()),
        "set aside": summary.rejected,
    }


def _finish(values: dict[str, Any], failures: dict[str, str], *, as_json: bool) -> None:
    """Prints a summary, and each failure on standard error; exit status 1 where there is one."""
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    if as_json:
        print(json.dumps({**values, "failures": failures}))
    else:
        for name, value in values.items():
            if isinstance(value, dict):
                for reason, count in value.items():
                    print(f"{count:>10,}  {name}: {reason}")
            elif value:
                print(f"{value:>10,}  {name}")
    if failures:
        raise typer.Exit(1)
