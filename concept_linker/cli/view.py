"""``concept-linker view``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from concept_linker.cli.console import bar, counted, note, print_json
from concept_linker.cli.options import (
    KB_OR_NONE,
    JsonFlag,
    QuietFlag,
    RecordFiles,
    check_base,
    record_files,
    size_of,
)
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.viewing.collection import Collection, RecordView

__all__ = ["view"]


def view(
    triplets: RecordFiles,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE", help="The HTML page to write."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the page at a local address.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder with the images of the records."),
    ] = None,
    embed: Annotated[
        bool,
        typer.Option("--embed", help="Put the images into the page instead of referring to them."),
    ] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RECORDS",
            callback=record_files,
            help="Records with the same captions, to show side by side.",
        ),
    ] = None,
    kb: KB_OR_NONE = "default",
    title: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="The title of the page (default: the names of the files)."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(metavar="N", help="Show at most this many records.", min=1)
    ] = 20_000,
    port: Annotated[
        int,
        typer.Option(
            metavar="N", help="The port for --serve; 0 chooses a free one.", min=0, max=65535
        ),
    ] = 0,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Browse records: images next to highlighted captions, with filters and counts.

    The page is one file and loads nothing from the network. Parquet files that contain their
    images need no --images. Exit status 1 if bad rows were left out.

    Examples:

        concept-linker view figures.jsonl --images figures -o figures.html
        concept-linker view ours.jsonl --against published.jsonl -o compared.html
        concept-linker view annotated --serve
    """
    from concept_linker.files import write_text
    from concept_linker.images.files import check_folder
    from concept_linker.triplets.reading import has_images
    from concept_linker.triplets.record_files import common_name
    from concept_linker.viewing.collection import read_collection
    from concept_linker.viewing.images import Embedder, relative_to_page, url_path
    from concept_linker.viewing.page import page

    _check(output, serve, images)
    contained = images is None and any(map(has_images, triplets))
    if embed and images is None and not contained:
        raise SettingsError(
            f"--embed: {common_name(triplets)} contains no images; add --images FOLDER"
        )
    size = size_of([*triplets, *(against or ())])
    check_base(kb, quiet=quiet)
    with bar("Reading", size, "B", quiet=quiet) as progress:
        collection = read_collection(
            triplets,
            against=against or None,
            kb=None if kb == "none" else kb,
            limit=limit,
            images=contained,
            progress=progress,
        )
    if images is not None:
        check_folder(images, (one.image for one in collection.records))
    embedder = Embedder(images) if contained or embed else None
    image_of: Callable[[RecordView], str] | None = embedder
    if image_of is None and images is not None:
        image_of = (
            relative_to_page(images, output)
            if output
            else lambda one: f"./images/{url_path(one.image)}"
        )
    text = page(collection, title=title or " against ".join(collection.sources), image_of=image_of)
    if output is not None:
        write_text(output, text)
    missing = embedder.missing if embedder else 0
    size = len(text.encode("utf-8"))
    if serve:
        from concept_linker.viewing.server import PageServer

        names = (one.image for one in collection.records)
        with PageServer(text, images, names, port=port) as server:
            _report(collection, output, size, missing, server.url, as_json)
            server.serve_forever()
    else:
        _report(collection, output, size, missing, None, as_json)
    if collection.bad:
        raise typer.Exit(1)


def _check(output: Path | None, serve: bool, images: Path | None) -> None:
    if (output is None) == (not serve):
        raise SettingsError("expected either -o PAGE.html or --serve")
    if output is not None and output.suffix not in (".html", ".htm"):
        raise SettingsError(f"{output}: expected a file name that ends in .html")
    if images is not None and not images.is_dir():
        raise SettingsError(f"--images is {images}, expected a folder")


def _report(
    collection: Collection,
    output: Path | None,
    size: int,
    missing: int,
    url: str | None,
    as_json: bool,
) -> None:
    shown, bad, unpaired = len(collection.records), collection.bad, collection.unpaired
    if as_json:
        counts = {"records": shown, "bad": bad, "unpaired": unpaired, "more": collection.more}
        about = {"images_missing": missing, "bytes": size}
        place = {"output": str(output) if output else None, "url": url}
        print_json({**counts, **about, **place})
    elif url is not None:
        print(f"{url}  (Ctrl-C to stop)", flush=True)
    else:
        print(f"{output}: {counted(shown, 'record')}, {size / 1e3:,.0f} kB")
    notes = (
        (collection.more, f"only the first {counted(shown, 'record')}; --limit N shows more"),
        (unpaired, f"{counted(unpaired, 'record')} in only one of the files: left out"),
        (missing, f"{counted(missing, 'image')} missing, or in a format browsers cannot show"),
        (bad, f"{counted(bad, 'bad row')} left out; `concept-linker records validate` says why"),
    )
    for count, text in notes:
        if count:
            note(text)
