"""``concept-linker pmc``: from PubMed Central articles to records."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from concept_linker.cli.console import bar, note, print_json, printable
from concept_linker.cli.linking import linker_options, linking
from concept_linker.cli.options import (
    JsonFlag,
    NegatedOption,
    OutputRecords,
    ProfileOption,
    QuietFlag,
    TokenizerOption,
    choice,
    existing_file,
)
from concept_linker.cli.parser import CommandLine
from concept_linker.errors import InputError, SettingsError

if TYPE_CHECKING:
    from concept_linker.pmc.extraction import ExtractionSummary
    from concept_linker.pmc.fetching import FetchSummary
    from concept_linker.triplets.record import Negated

__all__ = ["app"]

app = CommandLine(help="Fetch articles of PubMed Central and extract their figures.")

#: The default of :class:`~concept_linker.pmc.settings.FetchSettings`, which is not imported here.
ENDPOINT = "https://pmc-oa-opendata.s3.amazonaws.com"


@app.command()
def fetch(
    output: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER",
            help="The folder to write; fetching into it again resumes.",
        ),
    ],
    articles: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PMCID...",
            help="PMCIDs, or files with one per line; '-' reads them from standard input.",
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="RECORDS",
            callback=existing_file,
            help="Records (JSONL, Parquet) to fetch the images of; those with an image are written "
            "to FOLDER/records.jsonl.",
        ),
    ] = None,
    licence: Annotated[
        str,
        typer.Option(
            "--licence",
            "--license",
            metavar="LIST",
            help="Fetch only articles with these licences, such as CC-BY,CC0,CC-BY-NC.",
        ),
    ] = "CC-BY,CC0",
    images: Annotated[
        str,
        typer.Option(
            metavar="WHICH",
            help="'figures', or 'none' for the text of articles only.",
            **choice("figures", "none"),
        ),
    ] = "figures",
    endpoint: Annotated[
        str, typer.Option(metavar="URL", help="The address of the service.")
    ] = ENDPOINT,
    rate: Annotated[float, typer.Option(metavar="X", help="The most requests per second.")] = 10.0,
    workers: Annotated[
        int, typer.Option(metavar="N", help="The number of articles fetched at once.")
    ] = 4,
    retries: Annotated[
        int, typer.Option(metavar="N", help="The number of retries after a temporary error.")
    ] = 5,
    back_off: Annotated[
        float,
        typer.Option(metavar="X", help="Seconds before the first retry; doubled each time."),
    ] = 1.0,
    timeout: Annotated[
        float,
        typer.Option(metavar="X", help="Seconds to wait for an answer, or for the next byte."),
    ] = 60.0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Fetch articles and the images of their figures from PMC's Cloud Service.

    Fetches the newest version of each article that has one of the licences. Skips retracted
    articles, and checks the MD5 of each file. Existing files are not fetched again. Exit status 1
    if an article failed; run the same command again to retry.

    By using the service you accept NLM's terms: acknowledge NLM as the source, and redistribute
    only what the licence of an article allows.

    Examples:

        concept-linker pmc fetch PMC11370360 PMC10729897 -o articles
        concept-linker pmc fetch pmcids.txt -o articles --licence CC-BY,CC0,CC-BY-NC
        concept-linker pmc fetch --records medconcept.jsonl -o rebuilt
    """
    from concept_linker.pmc.fetching import fetch as fetching
    from concept_linker.pmc.licences import parse_licences
    from concept_linker.pmc.rebuilding import articles_of_records, rebuild
    from concept_linker.pmc.settings import FetchSettings
    from concept_linker.runtime.progress import progress_bar

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
        raise SettingsError("expected either PMCIDs (or files of PMCIDs) or --records FILE")
    chosen = articles_of_records(records) if records else _chosen_articles(articles or [])
    with progress_bar("Fetching", quiet=quiet) as progress:
        summary = fetching(chosen, output, settings, progress=progress)
    values = _fetched_values(summary)
    if records:
        rebuilt = rebuild(records, output)
        values |= {
            "records_written": rebuilt.written,
            "records_without_image": rebuilt.without_image,
            "records_without_article": rebuilt.unidentified,
            "bad_records": rebuilt.bad,
        }
    for name, reason in summary.failed.items():
        note(f"{name}: {reason}")
    if as_json:
        print_json({"output": str(output), **values, "failures": summary.failed})
    else:
        _print(values, always=("asked",))
    if summary.failed or values.get("bad_records"):
        raise typer.Exit(1)


@app.command(cls=linking())
def extract(
    context: typer.Context,
    articles: Annotated[
        list[Path],
        typer.Argument(
            metavar="ARTICLES...",
            help="Folders, .tar (also .gz, .xz, .zst), .xml, or the folder of `pmc fetch`.",
        ),
    ],
    output: OutputRecords,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder of images; figures without an image there are left out.",
        ),
    ] = None,
    with_images: Annotated[
        bool, typer.Option("--with-images", help="Put the images into the Parquet file.")
    ] = False,
    link: Annotated[bool, typer.Option("--link", help="Link the captions.")] = False,
    profile: ProfileOption = "exact",
    negated: NegatedOption = None,
    tokenizer: TokenizerOption = None,
    mentions: Annotated[
        bool,
        typer.Option("--mentions", help="Add a column with every mention, with or without a CUI."),
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Extract the figures of JATS articles into records, one per image.

    Articles that cannot be read are set aside in FILE.quarantine.jsonl with the reason, and the
    exit status is then 1; the others are extracted.

    Examples:

        concept-linker pmc extract articles -o records.jsonl
        concept-linker pmc extract articles.tar.gz --link -o triplets.parquet
        concept-linker pmc extract articles --link --mentions -o all.parquet
    """
    from concept_linker.linker import ConceptLinker
    from concept_linker.pmc.records import write_records
    from concept_linker.triplets.record import PROFILES
    from concept_linker.triplets.record_files import quarantine_path

    options = linker_options(context)
    if not link and (len(options) > 1 or mentions or negated):
        raise SettingsError(
            "--mentions, --negated and the options of the linker need --link; add --link"
        )
    with bar("Extracting", None, "records", quiet=quiet) as progress:
        summary = write_records(
            articles,
            output,
            images=images,
            with_images=with_images,
            linker=ConceptLinker.load(**options, quiet=quiet) if link else None,
            profile=profile,
            negated=cast("Negated | None", negated),
            tokenizer=tokenizer,
            mentions=mentions,
            progress=progress,
        )
    values = _extracted_values(summary)
    set_aside = quarantine_path(output) if summary.rejected else None
    if as_json:
        named = str(set_aside) if set_aside else None
        print_json({"output": str(output), **values, "quarantine": named})
    else:
        kept = negated or PROFILES[profile]["negated"]
        done = "left out" if kept == "drop" else "kept"
        _print(values, always=("articles", "records"), negated=done)
    if set_aside:
        note(f"set aside in {set_aside}")
        raise typer.Exit(1)


def _chosen_articles(articles: list[str]) -> dict[str, frozenset[str] | None]:
    from concept_linker.pmc.article_lists import (
        ArticleList,
        parse_article_list,
        parse_pmcid,
        read_article_list,
    )

    chosen: ArticleList = {}
    for one in articles:
        if one == "-":
            chosen.update(parse_article_list(sys.stdin, "standard input"))
        elif os.path.isfile(one):  # any text may be given
            chosen.update(read_article_list(Path(one)))
        else:
            try:
                chosen[parse_pmcid(one)] = None
            except InputError as error:
                raise InputError(f"{error}, or a file with one per line") from None
    if not chosen:
        raise InputError("no PMCIDs given, expected at least one")
    return chosen


def _fetched_values(summary: FetchSummary) -> dict[str, Any]:
    return {
        "asked": summary.requested,
        "fetched": summary.fetched,
        "already_there": summary.present,
        "left_out": dict(summary.left_out.most_common()),
        "failed": len(summary.failed),
        "not_asked": summary.not_tried,
        "files_fetched": summary.files,
        "images_there": summary.images,
        "graphics_without_image": summary.missing,
        "files_without_md5": summary.unchecked,
    }


def _extracted_values(summary: ExtractionSummary) -> dict[str, Any]:
    return {
        "articles": summary.articles,
        "figures": summary.figures,
        "records": summary.records,
        "concepts": summary.spans,
        "mentions": summary.mentions,
        "mentions_without_cui": summary.without_cui,
        "negated_mentions": summary.negated,
        "other_languages": dict(summary.other_languages.most_common()),
        "left_out": dict(summary.left_out.most_common()),
        "set_aside": summary.rejected,
    }


_WORDS = {
    "mentions_without_cui": "mentions of concepts without a CUI, which records cannot hold",
    "negated_mentions": "negated mentions, {}",
}


def _print(values: dict[str, Any], always: tuple[str, ...], negated: str = "") -> None:
    """Prints one count per line; zeros only where ``always`` names them."""
    for name, value in values.items():
        words = _WORDS.get(name, name.replace("_", " ")).format(negated)
        if isinstance(value, dict):
            for reason, count in value.items():
                print(printable(f"{count:>10,}  {words}: {reason}"))
        elif value or name in always:
            print(f"{value:>10,}  {words}")
