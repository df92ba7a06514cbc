"""Finds the image file of a graphic: in the article it is ``gr1``, the file is ``gr1.jpg``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from concept_linker.errors import InputError
from concept_linker.pmc.figures import IMAGE_ENDINGS, image_ending

__all__ = [
    "ImageFolder",
    "choose_image",
    "file_name_of",
    "image_name_of",
    "image_stem",
    "is_plain_name",
]

_MAX_BYTES = 255  # of a file name, on common file systems


def is_plain_name(name: str) -> bool:
    """Whether a name is a plain file name on any system, without a path."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= _MAX_BYTES
        and name.isprintable()
        and not name.startswith(".")
        and not name.endswith((".", " "))
        and not any(character in name for character in '/\\:*?"<>|')
    )


def file_name_of(href: str) -> str:
    """Returns the last part of a href, or an empty string if that is not a plain file name."""
    name = href.rpartition("/")[2]
    return name if is_plain_name(name) else ""


def image_name_of(href: str) -> str:
    """Returns the likely name of a graphic's image, or an empty string."""
    name = file_name_of(href)
    return name if not name or image_ending(name) else f"{name}.jpg"


def image_stem(href: str) -> str:
    """Returns the file name of a href in lower case without its ending, or an empty string."""
    name = file_name_of(href).lower()
    return name.removesuffix(image_ending(name))


def choose_image(href: str, names: Mapping[str, str]) -> str | None:
    """Returns the best image of a graphic, or ``None``.

    Args:
        href: the graphic's href; its ending, if any, may differ from the file's.
        names: name of a file in lower case → file.
    """
    stem = image_stem(href)
    if not stem:
        return None
    for ending in IMAGE_ENDINGS:
        if stem + ending in names:
            return names[stem + ending]
    return None


class ImageFolder:
    """A folder of images, in ``PMC<id>.<version>/``, ``PMC<id>/`` or the folder itself.

    Args:
        folder: the folder; paths of images are relative to it.

    Raises:
        InputError: the folder does not exist.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder, expected a folder of images")
        self._folder = folder
        self._top = _names(folder)
        # The graphics of an article are looked up in a row.
        self._names = lru_cache(maxsize=2)(_names)

    def find(self, pmc: str, version: int | None, href: str) -> str | None:
        """Returns the path of a graphic's image in the folder, with ``/``, or ``None``."""
        for article in ([f"PMC{pmc}.{version}"] if version else []) + [f"PMC{pmc}"]:
            if found := choose_image(href, self._names(self._folder / article)):
                return f"{article}/{found}"
        return choose_image(href, self._top)


def _names(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {path.name.lower(): path.name for path in folder.iterdir() if path.is_file()}
