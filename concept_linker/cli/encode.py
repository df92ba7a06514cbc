"""``concept-linker encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from concept_linker.cli.console import bar, counted, note, print_json
from concept_linker.cli.options import JsonFlag, OutputFolder, QuietFlag, one_of

__all__ = ["encode"]


def encode(
    triplets: Annotated[
        Path,
        typer.Argument(
            metavar="PAIRS",
            help="The pairs: the folder of a held-out set, records, a folder of shards, or a "
            "pattern in quotes.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            autocompletion=one_of("concepts", "concepts-halves"),
            help="'concepts' or 'concepts-halves' (baselines that use no image), or the folder of "
            "an open_clip or transformers model.",
        ),
    ],
    output: OutputFolder,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The folder with the images of the pairs."),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=1, help="The number of pairs encoded at once.")
    ] = 64,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            autocompletion=one_of("cpu", "cuda"),
            help="The device for torch: cpu or cuda.",
        ),
    ] = "cpu",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run code from the folder of the model.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> None:
    """Encode images and captions for `retrieval`.

    Run the same command again to continue an interrupted run. The row of an image that cannot be
    read is zero; the image is listed in FOLDER/unreadable.csv, and the exit status is then 1.

    Examples:

        concept-linker encode pmc-9k --model concepts-halves -o baseline
        concept-linker encode pmc-9k --model biomedclip --images figures -o biomedclip-9k
    """
    from concept_linker.images.files import check_folder
    from concept_linker.retrieval.encoders import encode as run
    from concept_linker.retrieval.encoders import load_encoder
    from concept_linker.retrieval.encoders.concepts import ConceptEncoder
    from concept_linker.retrieval.holdout.folder import load_pairs

    pairs = load_pairs(triplets)
    if images is not None:
        check_folder(images, (pair.image for pair in pairs))
    encoder = load_encoder(model, images, device=device, trust_code=trust_code)
    if isinstance(encoder, ConceptEncoder):
        encoder.fit(pairs)
    with bar("Encoding", 2 * len(pairs), "rows", quiet=quiet) as progress:
        done = run(pairs, encoder, output, batch_size=batch_size, progress=progress)
    files = {"images": str(done.images), "texts": str(done.texts), "ids": str(done.ids)}
    listed = str(done.unreadable_list) if done.unreadable_list else None
    if as_json:
        about = {"unreadable": done.unreadable, "unreadable_list": listed}
        print_json({"pairs": len(pairs), **files, **about})
    else:
        print("\n".join(files.values()))
    if listed:
        bad = counted(done.unreadable, "image")
        note(f"{bad} cannot be read, their rows are zero: listed in {listed}")
        raise typer.Exit(1)
