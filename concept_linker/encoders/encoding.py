"""Encodes a list of pairs, some at a time, into two ``.npy`` files; a run that was cut goes on.

Every finished piece is a file of its own in ``parts``, written beside its place and renamed.  What
is there is not made again.  A run with another model, other pairs or another size of piece
does not go on from it, but says so.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.encoders.encoder import Encoder
from concept_linker.errors import InputError
from concept_linker.evaluation.pairs import Pair

__all__ = ["Encoded", "encode", "encoder_of"]

_RUN: Final = "encoding.json"
_PARTS: Final = "parts"
Side = Literal["images", "texts"]


class Encoded(NamedTuple):
    """The files of a finished run, and how many rows an earlier one had made."""

    images: Path
    texts: Path
    ids: Path
    resumed: int


def encode(
    pairs: Sequence[Pair],
    encoder: Encoder,
    folder: Path,
    *,
    batch_size: int = 64,
    progress: Callable[[int], object] | None = None,
) -> Encoded:
    """Encodes the images and the captions of pairs.

    Args:
        pairs: what to encode, in the order of the rows.
        encoder: what encodes.
        folder: where ``images.npy``, ``texts.npy`` and ``ids.csv`` go.
        batch_size: pairs that are encoded together, and kept if the run is cut.
        progress: told how many rows more are done, of images and of texts.

    Returns:
        The files.

    Raises:
        InputError: there is nothing to encode, the folder has a run of another kind, or the encoder
            does not give one row a pair.
        OSError: an image cannot be read, or a file not be written; what is done stays.
    """
    if not pairs:
        raise InputError("no pairs to encode")
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, wanted 1 or more")
    told = progress or (lambda rows: None)
    parts = folder / _PARTS
    run = {
        "encoder": encoder.name,
        "pairs": len(pairs),
        "sha256": _digest(pairs),
        "batch_size": batch_size,
    }
    _same_run(folder, run)
    parts.mkdir(parents=True, exist_ok=True)
    _write(folder / _RUN, lambda path: path.write_text(json.dumps(run, indent=1) + "\n"))
    resumed = 0
    sides: tuple[Side, ...] = ("images", "texts")
    for side in sides:
        if (folder / f"{side}.npy").is_file():
            resumed += len(pairs)
            told(len(pairs))
            continue
        names = []
        for begin in range(0, len(pairs), batch_size):
            batch = pairs[begin : begin + batch_size]
            names.append(parts / f"{side}-{begin:010d}.npy")
            if names[-1].is_file():
                resumed += len(batch)
            else:
                _write(names[-1], partial(_save, rows=_rows(encoder, side, batch)))
            told(len(batch))
        _write(folder / f"{side}.npy", partial(_join, names=names, count=len(pairs)))
    _write(folder / "ids.csv", lambda path: _ids(path, pairs))
    shutil.rmtree(parts)
    return Encoded(folder / "images.npy", folder / "texts.npy", folder / "ids.csv", resumed)


def encoder_of(images: Path) -> str:
    """What the encoder of a file of embeddings is called.

    A run of :func:`encode` says it beside its files, of a model without the folders that lead to
    it; else the file's name has to do, or its folder's where the file is only called ``images``.
    """
    try:
        name = json.loads((images.parent / _RUN).read_text())["encoder"]
    except (OSError, ValueError, KeyError, TypeError):
        name = None
    if isinstance(name, str):
        kind, _, rest = name.partition(" ")
        return f"{kind} {Path(rest).name}" if Path(rest).is_absolute() else name
    return images.resolve().parent.name if images.stem == "images" else images.stem


def _same_run(folder: Path, run: dict[str, Any]) -> None:
    path = folder / _RUN
    if not path.is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise InputError(f"{folder} exists and holds no encoding; wanted a new folder")
        return
    try:
        before = json.loads(path.read_text())
    except ValueError:
        raise InputError(f"{path} is damaged; remove {folder} and encode again") from None
    names = {"sha256": "other pairs"}
    differ = [names.get(key, key) for key in run if before.get(key) != run[key]]
    if differ:
        raise InputError(
            f"{folder} has an encoding that differs in {', '.join(differ)}; wanted a new folder"
        )


def _digest(pairs: Sequence[Pair]) -> str:
    digest = sha256()
    for pair in pairs:
        digest.update(json.dumps([pair.image, pair.caption, pair.concepts]).encode() + b"\n")
    return digest.hexdigest()


def _rows(encoder: Encoder, side: Side, batch: Sequence[Pair]) -> NDArray[Any]:
    rows = np.asarray(encoder.images(batch) if side == "images" else encoder.texts(batch))
    if rows.ndim != 2 or len(rows) != len(batch) or rows.dtype.kind != "f":
        raise InputError(
            f"the encoder gave {side} of shape {rows.shape} and type {rows.dtype}, "
            f"wanted {len(batch)} rows of floats"
        )
    return rows


def _join(path: Path, names: Sequence[Path], count: int) -> None:
    first = np.load(names[0], mmap_mode="r", allow_pickle=False)
    whole = np.lib.format.open_memmap(
        path, mode="w+", dtype=first.dtype, shape=(count, first.shape[1])
    )
    begin = 0
    for name in names:
        part = np.load(name, allow_pickle=False)
        if part.shape[1] != first.shape[1]:
            raise InputError(
                f"{name}: rows of {part.shape[1]} numbers, and of {first.shape[1]} before"
            )
        whole[begin : begin + len(part)] = part
        begin += len(part)
    whole.flush()


def _save(path: Path, rows: NDArray[Any]) -> None:
    with path.open("wb") as stream:  # by name, numpy would append its own ending
        np.save(stream, rows, allow_pickle=False)


def _ids(path: Path, pairs: Sequence[Pair]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("image", "caption", "article"))
        writer.writerows((pair.image, pair.caption, pair.article) for pair in pairs)


def _write(path: Path, fill: Callable[[Path], object]) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fill(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
