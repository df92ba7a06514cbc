"""The images of a page, embedded or linked; their first bytes tell the format."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from concept_linker.errors import ImageError, SettingsError
from concept_linker.images.files import find_image, read_image
from concept_linker.viewing.collection import RecordView

__all__ = [
    "MAX_EMBEDDED_BYTES",
    "Embedder",
    "image_file",
    "image_type",
    "relative_to_page",
    "url_path",
]

#: Browsers do not read a text of more than half a gigabyte.
MAX_EMBEDDED_BYTES = 300_000_000
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def image_type(data: bytes) -> str | None:
    """The media type of an image, by its first bytes; ``None`` if browsers do not show it.

    SVG is excluded, because it may contain scripts.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def image_file(folder: Path, image: str) -> Path | None:
    """The file of a record's image; ``None`` if it is not inside the folder."""
    try:
        return find_image(folder, image)
    except ImageError:
        return None


class Embedder:
    """Makes ``data:`` addresses, and counts the missing images.

    Args:
        folder: the folder of images; ``None`` takes the images from the records.

    Attributes:
        missing: number of images that do not exist or that browsers do not show.

    Raises:
        SettingsError: when called, if the images become more than browsers can read.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._size = 0
        self.missing = 0

    def __call__(self, record: RecordView) -> str:
        """Returns the address of a record's image, or ``""``."""
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
        if self._size * 4 // 3 > MAX_EMBEDDED_BYTES:
            raise SettingsError(
                f"the images have more than {MAX_EMBEDDED_BYTES:,} bytes, too many for one page; "
                "omit --embed, or set a lower --limit"
            )
        return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def relative_to_page(folder: Path, page: Path) -> Callable[[RecordView], str]:
    """Returns a function that makes the address of an image relative to the page."""
    try:
        relative = os.path.relpath(folder.resolve(), page.resolve().parent)
    except ValueError:  # Windows: another drive
        raise SettingsError(
            f"{page} cannot link to images in {folder} on another drive; expected the same drive, "
            "or --embed"
        ) from None
    base = url_path(Path(relative).as_posix())
    return lambda record: f"./{base}/{url_path(record.image)}"


def url_path(path: str) -> str:
    """A path as part of an address, quoted so that it has no scheme, host or query."""
    return quote(path, safe="/")
