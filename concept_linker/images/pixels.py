"""The pixels of image files, whatever their mode: as grey, or as red, green and blue.

Pillow's ``convert`` cuts greys of 16 bits and floats off at 255, so that an X-ray becomes a white
page, and drops what is transparent, so that ink on a transparent page becomes a black one.  Here
such greys come to 8 bits by the image's own range, and what is transparent lies on white.
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

#: What is opened, whatever a file's name says.  Pillow knows more, some of which runs another
#: program (EPS) or has had more faults than figures have uses for it.
FORMATS: Final = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")

#: A grey whose own range is less than this share of the whole image's is noise of rounding.
_LEAST_RANGE: Final = 2.0**-16
#: Of larger ones only one at a time: a small file may hold a hundred million pixels.
_LARGE: Final = 1 << 24
_large = Lock()
#: These say that the machine is short of something, not that the image is bad.
_OF_THE_MACHINE: Final = (EMFILE, ENFILE, ENOMEM)


def read_grey(path: Path, size: tuple[int, int]) -> Picture:
    """An image of 8-bit grey, made so small (Lanczos).

    Args:
        path: the file; of several frames the first.
        size: width and height.

    Raises:
        ImageError: it cannot be read as an image, or has more pixels than Pillow opens.
        SettingsError: the extra ``images`` is not installed.
    """
    from PIL.Image import Resampling

    def grey(image: Picture) -> Picture:
        # Made small before it comes to 8 bits: one pixel out of range costs no other.
        if (floats := _wide(image)) is not None:
            return _eight_bits(floats.resize(size, Resampling.LANCZOS))
        return _on_white(image).convert("L").resize(size, Resampling.LANCZOS)

    return _read(path, grey)


def read_rgb(path: Path) -> Picture:
    """An image in red, green and blue.

    Args:
        path: the file; of several frames the first.

    Raises:
        ImageError: it cannot be read as an image, or has more pixels than Pillow opens.
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
            "reading images needs the extra: pip install 'concept-linker[images]'"
        ) from None
    try:
        with (
            _quiet,
            Image.open(path, formats=FORMATS) as image,
            _large if image.width * image.height > _LARGE else nullcontext(),
        ):
            return convert(image)
    except UnidentifiedImageError as error:
        raise ImageError(path, f"is none of {', '.join(FORMATS)}, or damaged") from error
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise ImageError(path, error.strerror or _first_line(error)) from error
    except MemoryError:
        raise
    # Pillow's decoders let through whatever a damaged file makes them stumble over.
    except Exception as error:
        raise ImageError(path, f"{type(error).__name__}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _wide(image: Picture) -> Picture | None:
    """A grey of more than 8 bits as floats from 0 to 1, its own range; ``None`` for others."""
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
    """Floats as 8-bit grey by their own range."""
    from PIL import Image

    values = np.asarray(floats)
    low, span = values.min(), np.ptp(values)
    if span < _LEAST_RANGE:
        return Image.new("L", floats.size)
    return Image.fromarray(np.rint((values - low) * (255 / span)).astype(np.uint8))


def _on_white(image: Picture) -> Picture:
    """An image without transparency: what is transparent lies on white."""
    from PIL import Image

    if image.mode == "LAB":  # Pillow cannot convert it; its lightness is a grey
        return image.getchannel("L")
    if not image.has_transparency_data:
        return image
    ink = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", ink.size, "white"), ink).convert("RGB")


class _Quiet:
    """No warnings while any thread is inside: what Pillow warns of can be read.

    ``warnings.catch_warnings`` alone, entered and left by threads in turn, restores what another
    thread had set, and warnings stay silent for good.
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
