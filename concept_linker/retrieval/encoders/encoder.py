"""The seam: anything that encodes images and texts, and where a model is loaded from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from concept_linker.errors import SettingsError
from concept_linker.images.files import find_image
from concept_linker.retrieval.encoders.checksums import of_image
from concept_linker.retrieval.pairs import Pair

__all__ = ["Checksummed", "Encoder", "FunctionEncoder", "load_encoder"]

Rows = NDArray[Any]


@runtime_checkable
class Encoder(Protocol):
    """Encodes pairs, some at a time; one row a pair, all rows of one length."""

    @property
    def name(self) -> str:
        """What tells this encoder from another: a run is resumed with the same one only."""

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """The image of each pair.

        Raises:
            ImageError: an image cannot be read; it costs its own row.
            OSError: something else cannot; it ends the run.
        """

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """The caption of each pair."""


@runtime_checkable
class Checksummed(Protocol):
    """An encoder that tells when rows that were made before are old.

    One that does not is known by its name alone.
    """

    @property
    def model(self) -> str:
        """A checksum of what it computes with: weights and settings."""

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """A checksum of what the image of each pair holds; empty where it looks at none."""


@dataclass(frozen=True)
class FunctionEncoder:
    """An encoder out of two functions.

    Args:
        name: what tells it from another.
        encode_images: (paths of image files) → array of one row each.
        encode_texts: (captions) → array of one row each.
        folder: what the pairs' image paths start from, and what no image may lie outside of;
            without it paths are handed on as they are.
        model: a checksum or a version of what the functions compute with.
    """

    name: str
    encode_images: Callable[[list[Path]], Rows]
    encode_texts: Callable[[list[str]], Rows]
    folder: Path | None = None
    model: str = ""

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """The image of each pair.

        Raises:
            ImageError: one is not in the folder.
        """
        if self.folder is None:
            return self.encode_images([Path(pair.image) for pair in pairs])
        return self.encode_images([find_image(self.folder, pair.image) for pair in pairs])

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """The caption of each pair."""
        return self.encode_texts([pair.caption for pair in pairs])

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """A checksum of the image file of each pair."""
        return [of_image(self.folder, pair.image) for pair in pairs]


def load_encoder(
    model: str, images: Path | None = None, *, device: str = "cpu", trust_code: bool = False
) -> Encoder:
    """Loads an encoder.  Nothing is downloaded.

    Args:
        model: ``"concepts"`` or ``"concepts-halves"``, the baselines that look at no image; or the
            folder of a model of open_clip (it has ``open_clip_config.json``) or of transformers (it
            has ``config.json``).
        images: the folder that image paths start from; a model needs it.
        device: where torch computes.
        trust_code: whether a model of transformers may bring code of its own, which is then run.

    Raises:
        SettingsError: no such model, no folder of images, or the extra ``clip`` is not installed.
    """
    if model in ("concepts", "concepts-halves"):
        from concept_linker.retrieval.encoders.concepts import ConceptEncoder

        return ConceptEncoder(halves=model.endswith("halves"))
    folder = Path(model)
    kinds = {"open_clip_config.json": "open_clip", "config.json": "transformers"}
    kind = next((kind for file, kind in kinds.items() if (folder / file).is_file()), None)
    if kind is None:
        raise SettingsError(
            f"model {model!r}: wanted 'concepts', 'concepts-halves', or a folder with "
            f"{' or '.join(kinds)}; models are not downloaded"
        )
    if images is None:
        raise SettingsError(f"model {model!r} looks at pictures: name their folder with --images")
    if kind == "open_clip":
        from concept_linker.retrieval.encoders.open_clip_models import open_clip_encoder

        return open_clip_encoder(folder, images, device=device)
    from concept_linker.retrieval.encoders.transformers_models import transformers_encoder

    return transformers_encoder(folder, images, device=device, trust_code=trust_code)
