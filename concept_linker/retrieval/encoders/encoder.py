"""The interface of encoders: anything that encodes images and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from concept_linker.images.files import find_image
from concept_linker.retrieval.encoders.checksums import image_checksum
from concept_linker.retrieval.pairs import Pair

__all__ = ["Checksummed", "Encoder", "FunctionEncoder"]

Rows = NDArray[Any]


@runtime_checkable
class Encoder(Protocol):
    """Encodes batches of pairs into arrays with one row per pair, all rows of one length."""

    @property
    def name(self) -> str:
        """Identifies the encoder: a run is resumed only with the same one."""

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the image of each pair.

        Raises:
            ImageError: an image cannot be read; only its row is lost.
            OSError: another file cannot be read; the run ends.
        """

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the caption of each pair."""


@runtime_checkable
class Checksummed(Protocol):
    """An encoder with checksums, which tell when rows of an earlier run are out of date.

    Other encoders are identified by their names only.
    """

    @property
    def model(self) -> str:
        """A checksum of the weights and settings."""

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns a checksum of each pair's image; empty if the encoder sees no images."""


@dataclass(frozen=True)
class FunctionEncoder:
    """An encoder made of two functions.

    Args:
        name: identifies the encoder.
        encode_images: (paths of image files) → array with one row per image.
        encode_texts: (captions) → array with one row per caption.
        folder: the folder that the pairs' image paths are relative to; images outside it are
            refused. ``None`` passes the paths on unchanged.
        model: a checksum or version of what the functions compute with.
    """

    name: str
    encode_images: Callable[[list[Path]], Rows]
    encode_texts: Callable[[list[str]], Rows]
    folder: Path | None = None
    model: str = ""

    def images(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the image of each pair.

        Raises:
            ImageError: an image is not in the folder.
        """
        if self.folder is None:
            return self.encode_images([Path(pair.image) for pair in pairs])
        return self.encode_images([find_image(self.folder, pair.image) for pair in pairs])

    def texts(self, pairs: Sequence[Pair]) -> Rows:
        """Encodes the caption of each pair."""
        return self.encode_texts([pair.caption for pair in pairs])

    def contents(self, pairs: Sequence[Pair]) -> list[str]:
        """Returns a checksum of each pair's image file."""
        return [image_checksum(self.folder, pair.image) for pair in pairs]
