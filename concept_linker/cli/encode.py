"""``concept-linker encode``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="encode")(encode)


def encode(
    triplets: Annotated[
        Path, typer.Argument(help="The pairs: a held-out set's folder, or a file of records.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="'concepts' or 'concepts-halves' (baselines that look at no image), or the "
            "local folder of a model of open_clip or transformers."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")],
    images: Annotated[
        Path | None, typer.Option(help="The folder that the pairs' image paths start from.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pairs that are encoded at once.")] = 64,
    device: Annotated[str, typer.Option(help="Where torch computes: cpu, cuda.")] = "cpu",
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run code that a model's folder brings.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Encode images and captions, for 'retrieval'. A run that was cut goes on where it was.

    Examples:

        concept-linker encode pmc-9k --model concepts-halves -o baseline

        concept-linker encode pmc-9k --model biomedclip --images figures -o biomedclip-9k
    """
    from tqdm import tqdm

    from concept_linker.encoders import encode as run
    from concept_linker.encoders import load_encoder
    from concept_linker.encoders.concepts import ConceptEncoder
    from concept_linker.evaluation.holdout.folder import load_pairs

    encoder = load_encoder(model, images, device=device, trust_code=trust_code)
    pairs = load_pairs(triplets)
    if isinstance(encoder, ConceptEncoder):
        encoder.fit(pairs)
    with tqdm(total=2 * len(pairs), desc="Encoding", unit=" rows", disable=quiet) as bar:
        done = run(pairs, encoder, output, batch_size=batch_size, progress=bar.update)
    print(f"{done.images}\n{done.texts}\n{done.ids}")
