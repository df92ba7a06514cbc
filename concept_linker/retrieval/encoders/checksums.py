"""Checksums of what rows are made of: the files of a model, and the files of images."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from concept_linker.errors import ImageError
from concept_linker.images.files import find_image
from concept_linker.knowledge_base.checksum import sha256_of

__all__ = ["of_image", "of_model"]


def of_model(folder: Path) -> str:
    """The SHA-256 of a model: its weights, its settings and its tokenizer's files.

    These are the files beside its configuration, and code in folders below.  What begins with a
    dot is no part of it.

    Args:
        folder: the model's.

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


def of_image(folder: Path | None, image: str) -> str:
    """The SHA-256 of an image's file, or what is wrong where there is none.

    Args:
        folder: the folder of images; ``None`` takes the path as it is.
        image: its path.
    """
    try:
        return sha256_of(Path(image) if folder is None else find_image(folder, image))
    except ImageError as error:
        return error.problem
    except (OSError, ValueError) as error:
        return type(error).__name__
