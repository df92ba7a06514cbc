"""Checksums of what embeddings are computed from: the files of models and of images."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from concept_linker.errors import ImageError
from concept_linker.images.files import find_image
from concept_linker.knowledge_base.checksum import sha256_of

__all__ = ["image_checksum", "model_checksum"]


def model_checksum(folder: Path) -> str:
    """Returns the SHA-256 of a model: its weights, settings, and tokenizer files.

    It covers the files directly in the folder and Python files in its subfolders, but not hidden
    files and folders.

    Args:
        folder: the model's folder.

    Raises:
        OSError: a file cannot be read.
    """
    found = {path for path in folder.iterdir() if path.is_file()} | set(folder.rglob("*.py"))
    digest = sha256()
    for path in sorted(found):
        name = path.relative_to(folder)
        if not any(part.startswith(".") for part in name.parts):
            digest.update(f"{name.as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def image_checksum(folder: Path | None, image: str) -> str:
    """Returns the SHA-256 of an image file, or why it cannot be read.

    Args:
        folder: the folder of images; ``None`` uses the path unchanged.
        image: the image's path.
    """
    try:
        return sha256_of(Path(image) if folder is None else find_image(folder, image))
    except ImageError as error:
        return error.problem
    except (OSError, ValueError) as error:
        return type(error).__name__
