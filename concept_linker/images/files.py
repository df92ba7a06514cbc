"""Finds and reads the image files of records, inside the given folder only."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from concept_linker.errors import ImageError, SettingsError

__all__ = ["MAX_BYTES", "check_folder", "find_image", "read_image"]

#: The largest image file: larger than any figure, and small enough for a column of Parquet.
MAX_BYTES: Final = 1 << 30


def find_image(folder: Path, image: str) -> Path:
    """Returns the file of a record's image.

    Symbolic links are followed if they stay inside the folder.

    Args:
        folder: the folder of images.
        image: the path of the image in it, from a record.

    Raises:
        ImageError: it leads out of the folder, is not a valid path, or does not exist.

    >>> find_image(Path("figures"), "../secret.png")
    Traceback (most recent call last):
    concept_linker.errors.ImageError: image '../secret.png': leads out of the folder of images
    """
    try:
        path = (folder / image).resolve()
        inside = path.is_relative_to(folder.resolve())
        is_file = inside and path.is_file()
    except OSError as error:  # too long, or in an unreadable folder
        raise ImageError(image, error.strerror or str(error)) from error
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise ImageError(image, f"is not a valid path ({error})") from error
    except RuntimeError as error:  # Python before 3.13
        raise ImageError(image, "its symbolic links form a loop") from error
    if not inside:
        raise ImageError(image, "leads out of the folder of images")
    if not is_file:
        raise ImageError(image, "is not a file" if path.exists() else "No such file or directory")
    return path


def read_image(folder: Path, image: str) -> bytes:
    """Returns the bytes of a record's image.

    Raises:
        ImageError: see :func:`find_image`; or it cannot be read, or has more than
            :data:`MAX_BYTES`.
    """
    path = find_image(folder, image)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1) if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise ImageError(image, error.strerror or str(error)) from error
    if data is None or len(data) > MAX_BYTES:
        raise ImageError(image, f"has more than {MAX_BYTES:,} bytes")
    return data


def check_folder(folder: Path, images: Iterable[str], *, option: str = "--images") -> None:
    """Checks, before the work begins, that a folder has at least one of the images.

    Args:
        folder: the folder.
        images: the paths of the images, from the records.
        option: the option that named the folder, for the message.

    Raises:
        SettingsError: it is not a folder, or has none of the images.
    """
    if not folder.is_dir():
        raise SettingsError(f"{option} {folder}: expected a folder")
    missing = 0
    problem = ""
    for image in images:
        try:
            find_image(folder, image)
        except ImageError as error:
            missing += 1
            problem = problem or str(error)
        else:
            return
    if missing:
        raise SettingsError(
            f"{option} {folder}: has none of the {missing:,} images (first: {problem}); "
            "expected the folder that their paths are relative to"
        )
