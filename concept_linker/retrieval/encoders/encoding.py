"""Encodes a list of pairs, some at a time, into two ``.npy`` files; a run that was cut goes on.

Every finished piece is a file of its own in ``parts``, written whole or not at all.  What
is there is not made again.  A run with another model, other weights or settings of it, other pairs,
images of other content or another size of piece does not go on from it, but says so.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import ImageError, InputError
from concept_linker.files import write_whole
from concept_linker.retrieval.encoders.encoder import Checksummed, Encoder
from concept_linker.retrieval.pairs import Pair

__all__ = ["Encoded", "encode", "encoder_of"]

_RUN: Final = "encoding.json"
_PARTS: Final = "parts"
_UNREADABLE: Final = "unreadable.csv"
Side = Literal["images", "texts"]


class Encoded(NamedTuple):
    """A finished run.

    Args:
        images: the file of the images' rows.
        texts: the file of the texts' rows.
        ids: what each row is of.
        resumed: how many rows an earlier run had made.
        unreadable: how many images cannot be read; their rows are zeros.
        unreadable_list: which, and why; ``None`` where all can be read.
    """

    images: Path
    texts: Path
    ids: Path
    resumed: int
    unreadable: int = 0
    unreadable_list: Path | None = None


def encode(
    pairs: Sequence[Pair],
    encoder: Encoder,
    folder: Path,
    *,
    batch_size: int = 64,
    progress: Callable[[int], object] | None = None,
) -> Encoded:
    """Encodes the images and the captions of pairs.

    An image that cannot be read costs its own row, which is zeros; none takes its place.

    Args:
        pairs: what to encode, in the order of the rows.
        encoder: what encodes.
        folder: where ``images.npy``, ``texts.npy`` and ``ids.csv`` go.
        batch_size: pairs that are encoded together, and kept if the run is cut.
        progress: called with the number of rows just finished, images and texts together.

    Returns:
        The files.

    Raises:
        InputError: there is nothing to encode, the folder has a run of another kind, the encoder
            does not give one row a pair, no image can be read, or images change meanwhile.
        OSError: a file cannot be read or written; what is done stays.
    """
    if not pairs:
        raise InputError("no pairs to encode")
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}, expected an integer ≥ 1")
    report = progress or (lambda rows: None)
    parts = folder / _PARTS
    batches = [pairs[begin : begin + batch_size] for begin in range(0, len(pairs), batch_size)]
    checksummed = encoder if isinstance(encoder, Checksummed) else None
    contents = checksummed.contents(pairs) if checksummed else []
    run = {
        "encoder": encoder.name,
        "model": checksummed.model if checksummed else "",
        "pairs": len(pairs),
        "sha256": _digest(pairs),
        "images": sha256("\n".join(contents).encode()).hexdigest(),
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
            report(len(pairs))
            continue
        names = [parts / f"{side}-{n * batch_size:010d}.npy" for n in range(len(batches))]
        for number, (name, batch) in enumerate(zip(names, batches, strict=True)):
            if name.is_file():
                resumed += len(batch)
            elif side == "texts":
                _write(name, partial(_save, rows=_rows(encoder, side, batch)))
            else:
                rows, problems = _readable(encoder, batch)
                if checksummed:
                    _unchanged(batch, contents[number * batch_size :], checksummed.contents(batch))
                if problems:
                    _write(_problems_of(name), partial(_save_problems, problems=problems))
                _write(name, partial(_save, rows=rows))
            report(len(batch))
        if side == "images":
            _list_unreadable(folder / _UNREADABLE, names, batches)
        _write(folder / f"{side}.npy", partial(_join, names=names, count=len(pairs)))
    ids = ((pair.image, pair.caption, pair.article) for pair in pairs)
    header = ("image", "caption", "article")
    _write(folder / "ids.csv", partial(_save_csv, header=header, rows=ids))
    shutil.rmtree(parts)
    files = (folder / "images.npy", folder / "texts.npy", folder / "ids.csv")
    listed = folder / _UNREADABLE
    if not listed.is_file():
        return Encoded(*files, resumed)
    with listed.open(encoding="utf-8", newline="") as stream:
        return Encoded(*files, resumed, sum(1 for _ in csv.reader(stream)) - 1, listed)


def encoder_of(images: Path) -> str:
    """What the encoder of a file of embeddings is called.

    A run of :func:`encode` records it with its files, for a model without the folders that lead to
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
            raise InputError(f"{folder} exists and contains no encoding, expected a new folder")
        return
    try:
        before = json.loads(path.read_text())
    except ValueError:
        raise InputError(f"{path} is damaged; remove {folder} and encode again") from None
    if not isinstance(before, dict) or before.keys() != run.keys():
        raise InputError(
            f"{folder} has an encoding of another version, which kept other checksums; "
            "expected a new folder"
        )
    names = {
        "model": "the model's weights or settings",
        "sha256": "other pairs",
        "images": "the content of images",
    }
    differ = [names.get(key, key) for key in run if before[key] != run[key]]
    if differ:
        raise InputError(
            f"{folder} has an encoding that differs in {', '.join(differ)}, expected a new folder"
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
            f"expected {len(batch)} rows of floats"
        )
    return rows


def _readable(encoder: Encoder, batch: Sequence[Pair]) -> tuple[NDArray[Any], list[str]]:
    """The rows of the images of a batch; of those that cannot be read zeros, and why.

    Where none can be read, the rows have no columns.
    """
    try:
        return _rows(encoder, "images", batch), []
    except ImageError:
        pass  # one of them: which?
    rows: list[NDArray[Any] | None] = []
    problems = []
    for pair in batch:
        try:
            rows.append(_rows(encoder, "images", [pair])[0])
            problems.append("")
        except ImageError as error:
            rows.append(None)
            problems.append(error.problem)
    good = next((row for row in rows if row is not None), np.empty(0, np.float32))
    return np.stack([np.zeros_like(good) if row is None else row for row in rows]), problems


def _unchanged(batch: Sequence[Pair], before: Sequence[str], after: Sequence[str]) -> None:
    for pair, one, other in zip(batch, before, after, strict=False):
        if one != other:
            raise InputError(
                f"the image {pair.image[:60]!r} has changed while it was encoded; "
                "encode again, into a new folder"
            )


def _problems_of(part: Path) -> Path:
    """What is wrong with each image of a part; no file where all are read."""
    return part.with_suffix(".json")


def _save_problems(path: Path, problems: list[str]) -> None:
    path.write_text(json.dumps(problems), encoding="ascii")


def _list_unreadable(path: Path, parts: Sequence[Path], batches: Sequence[Sequence[Pair]]) -> None:
    """Writes the list of images that cannot be read, if there are any."""
    bad: list[tuple[int, str, str]] = []
    row = 0
    for part, batch in zip(parts, batches, strict=True):
        if _problems_of(part).is_file():
            problems = json.loads(_problems_of(part).read_text(encoding="ascii"))
            bad += [
                (row + number, pair.image, problem)
                for number, (pair, problem) in enumerate(zip(batch, problems, strict=True))
                if problem
            ]
        row += len(batch)
    if len(bad) == row:
        raise InputError(
            f"none of the {row:,} images can be read; the first, {bad[0][1][:60]!r}: {bad[0][2]}"
        )
    if bad:
        _write(path, partial(_save_csv, header=("row", "image", "problem"), rows=bad))


def _join(path: Path, names: Sequence[Path], count: int) -> None:
    loaded = (np.load(name, mmap_mode="r", allow_pickle=False) for name in names)
    first = next(part for part in loaded if part.shape[1])
    whole = np.lib.format.open_memmap(
        path, mode="w+", dtype=first.dtype, shape=(count, first.shape[1])
    )
    begin = 0
    for name in names:
        part = np.load(name, allow_pickle=False)
        if part.shape[1] not in (0, first.shape[1]):
            raise InputError(
                f"{name}: rows of {part.shape[1]} numbers, and of {first.shape[1]} before"
            )
        whole[begin : begin + len(part)] = part if part.shape[1] else 0
        begin += len(part)
    whole.flush()


def _save(path: Path, rows: NDArray[Any]) -> None:
    with path.open("wb") as stream:  # by name, numpy would append its own ending
        np.save(stream, rows, allow_pickle=False)


def _save_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write(path: Path, fill: Callable[[Path], object]) -> None:
    with write_whole(path) as part:
        fill(part)
