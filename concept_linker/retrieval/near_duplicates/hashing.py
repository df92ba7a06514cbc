"""Perceptual hashes of images: ``imagehash``'s pHash, in the CSV form of ConceptCLIP's scripts.

The file has the columns ``Hash`` (16 hexadecimal digits) and ``PretrainingImagePath``, one line an
image; so all paths of a hash are there, where the script that made the published files kept
the last one only.  The third column is ours: ``Flat`` is 1 where an image is all one grey, such as
an empty page.  A hash tells nothing of it, so it has none, and is like no other.

Files without that column are from ConceptCLIP's scripts, or older than it.  In these an image of 16
bits or with ink on a transparent page may have the hash of an empty page.
"""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import ImageError, InputError, SettingsError, SourceError
from concept_linker.files import write_whole
from concept_linker.images.files import find_image
from concept_linker.images.pixels import read_grey

__all__ = [
    "COLUMNS",
    "ENDINGS",
    "HashTable",
    "ImageHash",
    "hash_image",
    "hash_images",
    "images_in",
    "read_hashes",
    "write_hashes",
]

COLUMNS: Final = ("Hash", "PretrainingImagePath", "Flat")
#: pHash looks at the image in this size, and at the lowest frequencies of it.
_SIZE: Final = (32, 32)
#: What pHash gives for an empty page, black or white: no frequency above the median.
_BLANK: Final = (0, 1 << 63)
#: What is taken for an image in a folder.
ENDINGS: Final = frozenset(".jpg .jpeg .png .gif .tif .tiff .bmp .webp".split())

_NIBBLES = np.full(256, 255, np.uint8)
_NIBBLES[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)
_NIBBLES[np.frombuffer(b"ABCDEF", np.uint8)] = np.arange(10, 16)


class ImageHash(NamedTuple):
    """What became of one image.

    Args:
        path: its path, as it was given.
        hash: its hash; ``None`` where it is flat or cannot be read.
        problem: why it cannot be read.
        flat: whether it is all one grey.
    """

    path: str
    hash: int | None
    problem: str = ""
    flat: bool = False


def hash_image(path: Path) -> int | None:
    """The pHash of an image, as a number of 64 bits.

    Greys of more than 8 bits are taken by the image's own range, and what is transparent lies on
    white (see :mod:`concept_linker.images.pixels`); else it is ``imagehash.phash`` to the bit.

    Returns:
        The hash; ``None`` where the image, as small as pHash looks at it, is all one grey.

    Raises:
        ImageError: it cannot be read.
        SettingsError: the extra ``images`` is not installed.
    """
    imagehash = _imagehash()
    grey = read_grey(path, _SIZE)
    darkest, lightest = grey.getextrema()
    return None if darkest == lightest else int(str(imagehash.phash(grey)), 16)


def hash_images(
    folder: Path,
    paths: Iterable[str],
    *,
    threads: int | None = None,
    progress: Callable[[], object] | None = None,
) -> Iterator[ImageHash]:
    """Hashes images, in the order of their paths, some at once, in constant memory.

    Args:
        folder: what the paths start from; nothing outside it is read.
        paths: of the images.
        threads: how many at once; every core if not given.
        progress: called after each.

    Raises:
        SettingsError: the extra ``images`` is not installed.
    """
    _imagehash()

    def one(path: str) -> ImageHash:
        try:
            path.encode()
            hash = hash_image(find_image(folder, path))
        except ImageError as error:
            return ImageHash(path, None, error.problem)
        except UnicodeEncodeError:
            return ImageHash(path, None, "its name is not UTF-8")
        return ImageHash(path, hash, flat=hash is None)

    workers = threads or os.cpu_count() or 1
    stream = iter(paths)
    with ThreadPoolExecutor(workers) as pool:
        waiting = deque(pool.submit(one, path) for path in islice(stream, 8 * workers))
        while waiting:
            done = waiting.popleft().result()
            waiting.extend(pool.submit(one, path) for path in islice(stream, 1))
            if progress:
                progress()
            yield done


def _imagehash() -> Any:
    try:
        import imagehash
    except ImportError:
        raise SettingsError(
            "hashing images needs the extra: pip install 'concept-linker[images]'"
        ) from None
    return imagehash


def images_in(folder: Path) -> list[str]:
    """The paths of all images below a folder, relative to it, sorted.

    Raises:
        InputError: it is not a folder, or has no images.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder")
    found = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    paths = sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())
    if not paths:
        raise InputError(f"{folder} has no images, expected {', '.join(sorted(ENDINGS))}")
    return paths


def write_hashes(path: Path, hashes: Iterable[ImageHash]) -> list[ImageHash]:
    """Writes the CSV, whole or not at all.

    Returns:
        The images that cannot be read; they are not in it.
    """
    bad = []
    with write_whole(path) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in hashes:
            if one.flat:
                writer.writerow(("", one.path, 1))
            elif one.hash is None:
                bad.append(one)
            else:
                writer.writerow((f"{one.hash:016x}", one.path, 0))
    return bad


@dataclass(frozen=True, slots=True, eq=False)
class HashTable:
    """Hashes and the paths that have them.

    Made by :func:`read_hashes`.

    Args:
        distinct: the hashes, ascending, each once; those of flat images are not among them.
        begins: where the rows of each begin; one more than hashes.
        rows: the rows of the file that have a hash, grouped by it.
        paths: an Arrow array: the path of each row of the file.
        marked: whether the file says which images are flat.  Else those are taken for flat that
            have the hash of an empty page, black or white.
    """

    distinct: NDArray[np.uint64]
    begins: NDArray[np.int64]
    rows: NDArray[np.int64]
    paths: Any
    marked: bool

    def __len__(self) -> int:
        return len(self.paths)

    def paths_of(self, number: int) -> list[str]:
        """All paths of one of the distinct hashes, in the order of the file."""
        rows = self.rows[self.begins[number] : self.begins[number + 1]]
        return [self.paths[int(row)].as_py() for row in rows]

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Whether the image of each row of the file is flat."""
        flat = np.ones(len(self.paths), np.bool_)
        flat[self.rows] = False
        return flat

    def by_row(self) -> NDArray[np.uint64]:
        """The hash of each row of the file; 0 where the image is flat."""
        hashes = np.zeros(len(self.paths), np.uint64)
        hashes[self.rows] = np.repeat(self.distinct, np.diff(self.begins))
        return hashes


def read_hashes(path: Path) -> HashTable:
    """Reads a CSV of hashes: ours, or one that ConceptCLIP's scripts wrote.

    The first column is the hash, the second the path; the header may name them as it likes.

    Raises:
        SourceError: it is not a file of hashes.
        OSError: it cannot be opened.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with path.open("rb") as stream:
        marked = stream.readline(100).strip() == ",".join(COLUMNS).encode()
    columns = COLUMNS if marked else COLUMNS[:2]
    text = dict.fromkeys(columns, pa.string())
    try:
        table = arrow_csv.read_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                column_names=list(columns), skip_rows=1, use_threads=False
            ),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(column_types=text, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise SourceError(path, str(error).splitlines()[0]) from None
        table = pa.table({name: pa.array([], pa.string()) for name in columns})
    texts, paths, *flags = (column.combine_chunks() for column in table.columns)
    rows = np.arange(len(paths))
    if marked:
        rows = np.flatnonzero(~_flags(flags[0], path))
        texts = texts.take(pa.array(rows))
    hashes = _numbers(texts, rows, path)
    if not marked:
        rows = np.flatnonzero(~np.isin(hashes, np.array(_BLANK, np.uint64)))
        hashes = hashes[rows]
    order = np.argsort(hashes, kind="stable")
    distinct, begins = np.unique(hashes[order], return_index=True)
    begins = np.append(begins, len(hashes)).astype(np.int64)
    return HashTable(distinct, begins, rows[order], paths, marked)


def _flags(texts: Any, path: Path) -> NDArray[np.bool_]:
    """The column ``Flat``."""
    import pyarrow.compute as pc

    flat = pc.equal(texts, "1")
    wrong = pc.index(pc.or_(flat, pc.equal(texts, "0")), False).as_py()
    if wrong >= 0:
        raise SourceError(
            path, f"Flat is {texts[wrong].as_py()!r}, expected 0 or 1", line=wrong + 2
        )
    return np.asarray(flat.to_numpy(zero_copy_only=False), np.bool_)


def _numbers(texts: Any, rows: NDArray[np.int64], path: Path) -> NDArray[np.uint64]:
    """Hexadecimal texts as numbers; which row of the file each is of."""
    import pyarrow.compute as pc

    wrong = pc.index(pc.equal(pc.binary_length(texts), 16), False).as_py()
    if wrong < 0 and len(texts):
        offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :]
        digits = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[len(texts)]]
        nibbles = _NIBBLES[digits].reshape(-1, 16)
        bad = np.flatnonzero((nibbles == 255).any(axis=1))
        if not bad.size:
            packed = (nibbles[:, ::2] << 4 | nibbles[:, 1::2]).view(">u8")
            return packed.ravel().astype(np.uint64)
        wrong = int(bad[0])
    if wrong < 0:
        return np.empty(0, np.uint64)
    given = texts[wrong].as_py()
    raise SourceError(
        path, f"hash {given!r}, expected 16 hexadecimal digits", line=int(rows[wrong]) + 2
    )
