"""The files of images: what records name, inside the folder that was given and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from concept_linker.errors import ImageError, SettingsError

__all__ = ["MOST_BYTES", "check_folder", "find_image", "read_image"]

#: More than any figure has, and less than a column of Parquet holds.
MOST_BYTES: Final = 1 << 30


def find_image(folder: Path, image: str) -> Path:
    """The file of a record's image.

    Links are followed as far as they stay inside the folder.

    Args:
        folder: the folder of images.
        image: the image's path in it, as a record names it.

    Raises:
        ImageError: it leads out of the folder, is no name of a file, or there is no such file.

    >>> find_image(Path("figures"), "../secret.png")
    Traceback (most recent call last):
    concept_linker.errors.ImageError: image '../secret.png': leads out of the folder of images
    """
    try:
        path = (folder / image).resolve()
        inside = path.is_relative_to(folder.resolve())
        is_file = inside and path.is_file()
    except OSError as error:  # too long, or in a folder that may not be read
        raise ImageError(image, error.strerror or str(error)) from error
    except ValueError as error:  # a NUL, or half of a surrogate pair
        raise ImageError(image, f"is no name of a file ({error})") from error
    except RuntimeError as error:  # Python before 3.13
        raise ImageError(image, "its links lead in a circle") from error
    if not inside:
        raise ImageError(image, "leads out of the folder of images")
    if not is_file:
        raise ImageError(image, "is no file" if path.exists() else "No such file or directory")
    return path


def read_image(folder: Path, image: str) -> bytes:
    """The bytes of a record's image.

    Raises:
        ImageError: see :func:`find_image`; or it cannot be read, or has more than
            :data:`MOST_BYTES`.
    """
    path = find_image(folder, image)
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1) if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise ImageError(image, error.strerror or str(error)) from error
    if data is None or len(data) > MOST_BYTES:
        raise ImageError(image, f"has more than {MOST_BYTES:,} bytes")
    return data


def check_folder(folder: Path, images: Iterable[str], *, option: str = "--images") -> None:
    """Whether a folder holds images of records at all; asked before the work begins.

    Args:
        folder: the folder.
        images: the paths that records name; they are looked through until one is there.
        option: how the folder was given.

    Raises:
        SettingsError: it is no folder, or has none of the images.
    """
    if not folder.is_dir():
        raise SettingsError(f"{option} {folder}: wanted a folder")
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
            f"{option} {folder}: has none of the images ({missing:,} looked for; the first: "
            f"{problem}); wanted the folder that their paths start from"
        )
