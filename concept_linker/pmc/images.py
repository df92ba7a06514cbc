"""Which image file belongs to a graphic: the article says ``gr1``, the file is ``gr1.jpg``."""

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

_MOST_BYTES = 255  # of a file name, on the usual file systems


def is_plain_name(name: str) -> bool:
    """Whether a name from outside is a file's name and nothing more, on any system."""
    return (
        0 < len(name.encode("utf-8", "surrogatepass")) <= _MOST_BYTES
        and name.isprintable()
        and not name.startswith(".")
        and not name.endswith((".", " "))
        and not any(character in name for character in '/\\:*?"<>|')
    )


def file_name_of(href: str) -> str:
    """The last part of a href, or ``""`` where that is no file name."""
    name = href.rpartition("/")[2]
    return name if is_plain_name(name) else ""


def image_name_of(href: str) -> str:
    """The name that a graphic's image has, as far as the article tells, or ``""``."""
    name = file_name_of(href)
    return name if not name or image_ending(name) else f"{name}.jpg"


def image_stem(href: str) -> str:
    """What two names of one image share: lower case, without ending; ``""`` if it is no name."""
    name = file_name_of(href).lower()
    return name.removesuffix(image_ending(name))


def choose_image(href: str, names: Mapping[str, str]) -> str | None:
    """The best image of a graphic.

    Args:
        href: the graphic's, with or without an ending; the file's may be another one.
        names: the files there are, by their names in lower case.
    """
    stem = image_stem(href)
    if not stem:
        return None
    for ending in IMAGE_ENDINGS:
        if stem + ending in names:
            return names[stem + ending]
    return None


class ImageFolder:
    """Images on disk: ``PMC<id>.<version>/``, ``PMC<id>/`` or the folder itself.

    Args:
        folder: their folder; what is found is given as a path in it.

    Raises:
        InputError: there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; wanted one of images")
        self._folder = folder
        self._top = _names(folder)
        # An article's graphics come one after the other.
        self._names = lru_cache(maxsize=2)(_names)

    def find(self, pmc: str, version: int | None, href: str) -> str | None:
        """The path of a graphic's image in the folder, with ``/``, or ``None``."""
        for article in ([f"PMC{pmc}.{version}"] if version else []) + [f"PMC{pmc}"]:
            if found := choose_image(href, self._names(self._folder / article)):
                return f"{article}/{found}"
        return choose_image(href, self._top)


def _names(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        return {}
    return {path.name.lower(): path.name for path in folder.iterdir() if path.is_file()}
