"""Models of transformers that encode both images and texts, from a local folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from concept_linker.errors import SettingsError
from concept_linker.images.pixels import read_rgb
from concept_linker.retrieval.encoders import checksums
from concept_linker.retrieval.encoders.encoder import FunctionEncoder
from concept_linker.retrieval.encoders.torch_models import as_array, import_clip_extra

__all__ = ["transformers_encoder"]


def transformers_encoder(
    folder: Path, images: Path, *, device: str = "cpu", trust_code: bool = False
) -> FunctionEncoder:
    """Loads a model and its processor.

    Args:
        folder: contains ``config.json``, weights, and the processor's files.
        images: the folder that image paths are relative to.
        device: where torch computes.
        trust_code: whether code in the folder may be run.

    Raises:
        SettingsError: the extra is not installed, the folder cannot be loaded, or the model does
            not encode both images and texts.
    """
    _, transformers = import_clip_extra("torch", "transformers")
    options = {"local_files_only": True, "trust_remote_code": trust_code}
    try:
        model = transformers.AutoModel.from_pretrained(folder, **options).to(device)
        processor = transformers.AutoProcessor.from_pretrained(folder, **options)
    except Exception as error:  # transformers and torch raise many types for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(f"{folder} cannot be loaded by transformers: {reason}") from error
    for method in ("get_image_features", "get_text_features"):
        if not hasattr(model, method):
            raise SettingsError(
                f"{folder}: {type(model).__name__} has no {method}, expected a model that encodes "
                "images and texts"
            )
    model.eval()
    text_config = getattr(model.config, "text_config", model.config)
    longest = getattr(text_config, "max_position_embeddings", None)

    def encode_images(paths: Sequence[Path]) -> NDArray[Any]:
        pictures = [read_rgb(path) for path in paths]
        batch = processor(images=pictures, return_tensors="pt").to(device)
        return as_array(lambda: _features(model.get_image_features(**batch)))

    def encode_texts(captions: Sequence[str]) -> NDArray[Any]:
        batch = processor(
            text=list(captions),
            padding="max_length",
            truncation=True,
            max_length=longest,
            return_tensors="pt",
        ).to(device)
        return as_array(lambda: _features(model.get_text_features(**batch)))

    name = f"transformers {transformers.__version__} {folder.resolve()}"
    name += " with its own code" * trust_code
    checksum = checksums.model_checksum(folder)
    return FunctionEncoder(name, encode_images, encode_texts, images, checksum)


def _features(found: Any) -> Any:
    """Returns the features; from version 5 on they are a field of the output."""
    return getattr(found, "pooler_output", found)
