"""Reads the pixels of image files of any mode, as grey or RGB.

Pillow's ``convert`` clips 16-bit and float greys at 255, which turns an X-ray white, and drops
transparency, which turns black ink on a transparent page into a black page.  Here such greys are
scaled to 8 bits by the image's range, and transparent images are put on white.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from errno import EMFILE, ENFILE, ENOMEM
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import ImageError, SettingsError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["FORMATS", "read_grey", "read_rgb"]

#: The formats that are opened, whatever the file's name.  Pillow has more, but some run another
#: program (EPS), or have had many security faults and are rare for figures.
FORMATS: Final = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

#: After resizing, a range below this share of the original range is rounding noise.
_LEAST_RANGE: Final = 2.0**-16
#: Images with more pixels are read one at a time: a small file may have a hundred million.
_LARGE: Final = 1 << 24
_large = Lock()
#: Errors of the machine, not of the image.
_OF_THE_MACHINE: Final = (EMFILE, ENFILE, ENOMEM)


def read_grey(path: Path, size: tuple[int, int]) -> Picture:
    """Reads an image as 8-bit grey, resized with Lanczos.

    Args:
        path: the file; of several frames, the first is read.
        size: width and height in pixels.

    Raises:
        ImageError: it is not a readable image, or has more pixels than Pillow opens.
        SettingsError: the extra ``images`` is not installed.
    """
    from PIL.Image import Resampling

    def grey(image: Picture) -> Picture:
        # Resized before it is scaled to 8 bits, so that one outlier does not flatten the rest.
        if (floats := _wide(image)) is not None:
            return _eight_bits(floats.resize(size, Resampling.LANCZOS))
        return _on_white(image).convert("L").resize(size, Resampling.LANCZOS)

    return _read(path, grey)


def read_rgb(path: Path) -> Picture:
    """Reads an image as RGB.

    Args:
        path: the file; of several frames, the first is read.

    Raises:
        ImageError: it is not a readable image, or has more pixels than Pillow opens.
        SettingsError: the extra ``images`` is not installed.
    """

    def rgb(image: Picture) -> Picture:
        floats = _wide(image)
        return (_on_white(image) if floats is None else _eight_bits(floats)).convert("RGB")

    return _read(path, rgb)


def _read(path: Path, convert: Callable[[Picture], Picture]) -> Picture:
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise SettingsError(
            "reading images needs an extra: pip install 'concept-linker[images]'"
        ) from None
    try:
        with (
            _quiet,
            Image.open(path, formats=FORMATS) as image,
            _large if image.width * image.height > _LARGE else nullcontext(),
        ):
            return convert(image)
    except UnidentifiedImageError as error:
        raise ImageError(
            path, f"is damaged, or in an unknown format; expected {', '.join(FORMATS)}"
        ) from error
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise ImageError(path, error.strerror or _first_line(error)) from error
    except MemoryError:
        raise
    # A damaged file can raise any exception in Pillow's decoders.
    except Exception as error:
        raise ImageError(path, f"{type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _wide(image: Picture) -> Picture | None:
    """A grey of more than 8 bits, scaled by its range to 0…1; ``None`` for other images."""
    from PIL import Image

    if image.mode[0] not in "IF":
        return None
    sixteen = image.mode.startswith("I;16")
    values: NDArray[Any] = np.asarray(image).astype(np.float32 if sixteen else np.float64)
    finite = np.isfinite(values) if image.mode == "F" else np.True_
    low = values.min(where=finite, initial=np.inf)
    span = values.max(where=finite, initial=-np.inf) - low
    if not (np.isfinite(span) and span > 0):
        return Image.new("F", image.size)
    values -= low
    values /= span
    if image.mode == "F":
        values[~finite] = 0.0
    return Image.fromarray(values.astype(np.float32, copy=False))


def _eight_bits(floats: Picture) -> Picture:
    """Scales floats by their range to 8-bit grey."""
    from PIL import Image

    values = np.asarray(floats)
    low, span = values.min(), np.ptp(values)
    if span < _LEAST_RANGE:
        return Image.new("L", floats.size)
    return Image.fromarray(np.rint((values - low) * (255 / span)).astype(np.uint8))


def _on_white(image: Picture) -> Picture:
    """Puts an image with transparency on white."""
    from PIL import Image

    if image.mode == "LAB":  # Pillow cannot convert it; the lightness is a grey
        return image.getchannel("L")
    if not image.has_transparency_data:
        return image
    ink = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", ink.size, "white"), ink).convert("RGB")


class _Quiet:
    """Ignores Pillow's warnings while at least one thread is inside.

    ``warnings.catch_warnings`` is not safe for threads: if two enter and leave it in turn, the
    second restores the filters of the first, and warnings are off for good.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


_quiet = _Quiet()
