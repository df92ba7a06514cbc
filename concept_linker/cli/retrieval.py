"""``concept-linker retrieval``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from concept_linker.cli.console import print_json, print_lines, printable
from concept_linker.cli.options import KB, QuietFlag, SeedOption, choice, existing_file
from concept_linker.errors import SettingsError

if TYPE_CHECKING:
    from concept_linker.retrieval.pairs import Pair

__all__ = ["retrieval"]


def retrieval(
    images: Annotated[
        Path,
        typer.Option(
            metavar="NPY", callback=existing_file, help="Image embeddings: .npy, one row per pair."
        ),
    ],
    texts: Annotated[
        Path,
        typer.Option(
            metavar="NPY", callback=existing_file, help="Text embeddings: .npy, in the same order."
        ),
    ],
    groups: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            callback=existing_file,
            help="One line per row, with a column group, or image and caption (equal values "
            "match), and optionally article (resampled together for intervals).",
        ),
    ] = None,
    triplets: Annotated[
        Path | None,
        typer.Option(
            metavar="PAIRS",
            help="The pairs in the order of the rows: the folder of a held-out set, or a file of "
            "records. Adds tables by concept and modality, and misses on the page.",
        ),
    ] = None,
    image_folder: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The folder with the images of the pairs, to show on the page."
        ),
    ] = None,
    kb: KB = "default",
    other_images: Annotated[
        Path | None,
        typer.Option(
            metavar="NPY",
            callback=existing_file,
            help="Image embeddings of another encoder, for a paired test.",
        ),
    ] = None,
    other_texts: Annotated[
        Path | None,
        typer.Option(
            metavar="NPY", callback=existing_file, help="Text embeddings of the other encoder."
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="PROTOCOL",
            help="'conceptclip': the measures of the published protocol, including its errors.",
            **choice("conceptclip"),
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    html_file: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="PAGE", help="Write a page with histograms and the worst misses."
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(metavar="N", min=1, help="The number of bootstrap samples.")
    ] = 1000,
    seed: SeedOption = 0,
    quiet: QuietFlag = False,
) -> None:
    """Measure how well an encoder matches images and texts, in both directions.

    Examples:

        concept-linker retrieval --images images.npy --texts texts.npy --groups groups.csv
        concept-linker retrieval --images images.npy --texts texts.npy --profile conceptclip --json
    """
    from concept_linker import retrieval as measuring
    from concept_linker.images.files import check_folder
    from concept_linker.retrieval.encoders.encoding import encoder_of
    from concept_linker.retrieval.published import NOTE
    from concept_linker.retrieval.report import report
    from concept_linker.retrieval.tables import published_text
    from concept_linker.runtime.progress import progress_bar

    if (other_images is None) != (other_texts is None):
        raise SettingsError("--other-images and --other-texts must be given together")
    left, right = _embeddings(images, texts)
    encoder = printable(encoder_of(images))
    other_encoder = printable(encoder_of(other_images)) if other_images else ""
    if profile:
        _check_no_others(groups, triplets, other_images, html_file)
        with progress_bar("Ranking", quiet=quiet) as bar:
            figures: dict[str, Any] = measuring.published_figures(
                left,
                right,
                resamples=resamples,
                seed=seed,
                progress=lambda done: bar("as published", done),
            )
        if as_json:
            print_json({"profile": profile, "encoder": encoder, "note": NOTE, **figures}, indent=1)
        else:
            print(published_text(figures, NOTE, encoder))
        return
    table_of_ids = measuring.read_ids(groups, len(left)) if groups else None
    ids: dict[str, Any] = {}
    if table_of_ids:
        ids = {"positives": table_of_ids.positives, "articles": table_of_ids.articles}
    pairs = _pairs(triplets) if triplets else []
    if image_folder:
        check_folder(image_folder, (pair.image for pair in pairs), option="--image-folder")
    other = None
    with progress_bar("Ranking", quiet=quiet) as bar:
        share = 0.5 if other_images else 1.0
        scores = measuring.score(left, right, **ids, progress=lambda done: bar("", share * done))
        if other_images and other_texts:
            others = _embeddings(other_images, other_texts)
            other = measuring.score(
                *others, **ids, progress=lambda done: bar("the other", 0.5 + 0.5 * done)
            )
    made = report(
        scores,
        pairs=pairs,
        groups=_concept_groups(kb, pairs, quiet),
        other=other,
        encoder=encoder,
        other_encoder=other_encoder,
        resamples=resamples,
        seed=seed,
    )
    if html_file:
        from concept_linker.files import write_text
        from concept_linker.retrieval.page import page, thumbnails

        picture = thumbnails(image_folder) if image_folder else None
        write_text(html_file, page(made, picture=picture))
    if as_json:
        print_json(made.to_dict(), indent=1)
    else:
        print_lines(str(made))


def _embeddings(images: Path, texts: Path) -> tuple[Any, Any]:
    from concept_linker.retrieval import Embeddings, paired, read_array

    left, right = (Embeddings.of(read_array(path), str(path)) for path in (images, texts))
    return paired(left, right)


def _check_no_others(*others: Path | None) -> None:
    names = ("--groups", "--triplets", "--other-images", "--html")
    given = [name for name, value in zip(names, others, strict=True) if value]
    if given:
        raise SettingsError(f"{given[0]} cannot be used with --profile conceptclip")


def _pairs(path: Path) -> list[Pair]:
    from concept_linker.retrieval.holdout.folder import load_pairs

    return load_pairs(path)


def _concept_groups(kb: str, pairs: list[Pair], quiet: bool) -> Any:
    if not any(pair.concepts for pair in pairs):
        return None
    from concept_linker.knowledge_base.base import KnowledgeBase
    from concept_linker.retrieval.concept_groups import ConceptGroups

    return ConceptGroups(KnowledgeBase.open(kb, quiet=quiet))
