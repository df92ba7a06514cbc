"""The images of a page: told by their first bytes, embedded or referred to."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from concept_linker.errors import ImageError, SettingsError
from concept_linker.images.files import find_image, read_image
from concept_linker.viewing.collection import Seen

__all__ = ["MOST_EMBEDDED", "Embedder", "beside_page", "image_file", "image_type", "url_path"]

#: Browsers do not read one text of more than half a gigabyte.
MOST_EMBEDDED = 300_000_000
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def image_type(data: bytes) -> str | None:
    """The media type of an image that browsers show, told by its first bytes.

    SVG is none of them: it may hold scripts.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def image_file(folder: Path, image: str) -> Path | None:
    """The file of a record's image, or ``None`` where there is none inside the folder."""
    try:
        return find_image(folder, image)
    except ImageError:
        return None


class Embedder:
    """Makes ``data:`` addresses, and counts what is missing.

    Args:
        folder: the folder of images; without one, images are those that records carry.

    Attributes:
        missing: images that are not there, or are none that browsers show.

    Raises:
        SettingsError: when called, once more is embedded than browsers read.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._size = 0
        self.missing = 0

    def __call__(self, record: Seen) -> str:
        """The address of a record's image, or ``""``."""
        data = record.image_bytes or b""
        if self._folder is not None:
            try:
                data = read_image(self._folder, record.image)
            except ImageError:
                data = b""
        kind = image_type(data)
        if kind is None:
            self.missing += 1
            return ""
        self._size += len(data)
        if self._size * 4 // 3 > MOST_EMBEDDED:
            raise SettingsError(
                f"the images take more than {MOST_EMBEDDED:,} bytes, which is more than browsers "
                "read in one page; leave --embed out, or set a lower --limit"
            )
        return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def beside_page(folder: Path, page: Path) -> Callable[[Seen], str]:
    """Makes addresses of images relative to the page's own."""
    try:
        way = os.path.relpath(folder.resolve(), page.resolve().parent)
    except ValueError:  # Windows: another drive
        raise SettingsError(
            f"images in {folder} cannot be referred to from {page}; wanted one drive, or --embed"
        ) from None
    base = url_path(Path(way).as_posix())
    return lambda record: f"./{base}/{url_path(record.image)}"


def url_path(path: str) -> str:
    """A path as part of an address: nothing in it is a scheme, a host or a query."""
    return quote(path, safe="/")
