"""Models of open_clip, from a folder as ``save_for_hf`` or a copy from a hub leaves it."""

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

__all__ = ["open_clip_encoder"]


def open_clip_encoder(
    folder: Path, images: Path, *, device: str = "cpu", trust_code: bool = False
) -> FunctionEncoder:
    """Loads a model.

    Args:
        folder: contains ``open_clip_config.json`` and weights; from weights in other formats than
            safetensors only plain tensors are read.
        images: the folder that image paths are relative to.
        device: where torch computes.
        trust_code: unused, as models of open_clip contain no code.

    Raises:
        SettingsError: the extra is not installed, or the folder cannot be loaded.
    """
    torch, open_clip = import_clip_extra("torch", "open_clip")
    source = f"local-dir:{folder.resolve()}"
    try:
        model, transform = open_clip.create_model_from_pretrained(source, device=device)
        tokenizer = open_clip.get_tokenizer(source)
    except Exception as error:  # open_clip and torch raise many types for a bad file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingsError(f"{folder} cannot be loaded by open_clip: {reason}") from error
    model.eval()

    def encode_images(paths: Sequence[Path]) -> NDArray[Any]:
        batch = torch.stack([transform(read_rgb(path)) for path in paths]).to(device)
        return as_array(lambda: model.encode_image(batch))

    def encode_texts(captions: Sequence[str]) -> NDArray[Any]:
        tokens = tokenizer(list(captions)).to(device)
        return as_array(lambda: model.encode_text(tokens))

    name = f"open_clip {open_clip.__version__} {folder.resolve()}"
    checksum = checksums.model_checksum(folder)
    return FunctionEncoder(name, encode_images, encode_texts, images, checksum)
