"""Which texts are right for an image, and which images for a text.

Row ``i`` of the images and row ``i`` of the texts belong together.  Where images or captions come
more than once, more belongs together than the rows: an image is right for a text if some row
has an equal image with an equal text.  That is not carried on further: a picture with
captions A and B, and another with B and C, does not make A right for the second.
"""

from __future__ import annotations

import csv
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError

__all__ = ["IdTable", "Positives", "read_ids"]

#: Pairs of rows that are handed out together.
_PAIRS = 1 << 15

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Positives:
    """The pairs of rows that belong together.

    Made by :meth:`by_row` or :meth:`by_ids`.

    Args:
        images: the class of each row's image: rows with equal images share one.
        texts: the class of each row's text.
        several: whether any row has a second positive.
    """

    images: Ints
    texts: Ints
    several: bool

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def by_row(cls, rows: int) -> Positives:
        """One positive each: its own row."""
        own = np.arange(rows, dtype=np.int64)
        return cls(own, own, False)

    @classmethod
    def by_ids(cls, images: Sequence[Hashable], texts: Sequence[Hashable]) -> Positives:
        """Rows with equal ids are equal; the same sequence twice makes groups.

        Args:
            images: what tells the image of each row: a path, a hash, a group.
            texts: what tells its text: the caption, a group.

        Raises:
            InputError: they are not equally many.
        """
        if len(images) != len(texts):
            raise InputError(f"{len(images):,} image ids and {len(texts):,} text ids")
        left, right = _classes(images), _classes(texts)
        several = len(set(images)) < len(images) or len(set(texts)) < len(texts)
        return cls(left, right, several)

    def units(self) -> Ints:
        """The number of the unit of each row: rows that share an image or a text, in chains.

        What is drawn together where queries are drawn: copies of one query say nothing new.
        """
        unit = self.images.copy()
        if not self.several:
            return unit
        while True:  # the least number spreads through equal images and equal texts
            before = unit.copy()
            for classes in (self.images, self.texts):
                least = np.full(int(classes.max()) + 1, len(unit), dtype=np.int64)
                np.minimum.at(least, classes, unit)
                unit = least[classes]
            if np.array_equal(unit, before):
                return np.unique(unit, return_inverse=True)[1].astype(np.int64)

    def image_to_text(self) -> Iterator[tuple[Ints, Ints]]:
        """(image rows, text rows) that belong together, image rows ascending, in pieces."""
        return _pairs(self.images, self.texts)

    def text_to_image(self) -> Iterator[tuple[Ints, Ints]]:
        """(text rows, image rows) that belong together, text rows ascending, in pieces."""
        return _pairs(self.texts, self.images)


def _classes(ids: Sequence[Hashable]) -> Ints:
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(id, len(numbers)) for id in ids), np.int64, len(ids))


def _pairs(queries: Ints, items: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Pieces of about :data:`_PAIRS`; all positives of a query are in one piece."""
    linked = np.unique(np.stack([queries, items], axis=1), axis=0)  # (query class, item class)
    query_begins = np.searchsorted(linked[:, 0], np.arange(int(queries.max()) + 2))
    by_item = np.argsort(items, kind="stable")
    item_begins = np.searchsorted(items[by_item], np.arange(int(items.max()) + 2))
    sizes = np.diff(item_begins)[linked[:, 1]]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    totals = (ends[query_begins[1:]] - ends[query_begins[:-1]])[queries]
    rows_done = np.cumsum(totals)
    begin = 0
    while begin < len(queries):
        before = rows_done[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(rows_done, before + _PAIRS, side="right")))
        rows = np.arange(begin, end)
        # Every linked class of every row, then every item of every class.
        own = queries[rows]
        classes = np.repeat(rows, query_begins[own + 1] - query_begins[own])
        at = _runs(query_begins[own], query_begins[own + 1])
        kind = linked[at, 1]
        found = by_item[_runs(item_begins[kind], item_begins[kind + 1])]
        yield np.repeat(classes, item_begins[kind + 1] - item_begins[kind]), found
        begin = end


def _runs(begins: Ints, ends: Ints) -> Ints:
    """The numbers of every range from begin to end, one range after the other."""
    lengths = ends - begins
    shifts = np.repeat(begins - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return shifts + np.arange(int(lengths.sum()))


@dataclass(frozen=True, slots=True)
class IdTable:
    """What ``ids.csv`` says of each row.

    Args:
        positives: what belongs together.
        articles: what else is drawn together, if the file says so.
    """

    positives: Positives
    articles: Ints | None = None


def read_ids(path: Path, rows: int) -> IdTable:
    """Reads a CSV with a header and one line a row of the arrays, in their order.

    Columns: ``group`` (rows of one group belong together), or ``image`` and ``caption`` or one of
    them (equal values are equal images or captions); and ``article`` (rows that are drawn
    together for the intervals).  Other columns are left alone.

    Args:
        path: the file.
        rows: how many rows the arrays have.

    Raises:
        InputError: no such column, an empty value, or another number of lines.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        header = reader.fieldnames or []
        if not {"group", "image", "caption"} & set(header):
            raise InputError(
                f"{path} has the columns {', '.join(header) or 'none'}; "
                "expected group, or image or caption"
            )
        columns: dict[str, list[str]] = {
            name: [] for name in ("group", "image", "caption", "article") if name in header
        }
        for record in reader:
            for name, values in columns.items():
                if not record[name]:
                    raise InputError(f"{path}, line {reader.line_num}: {name} is empty")
                values.append(record[name])
    found = len(next(iter(columns.values())))
    if found != rows:
        raise InputError(f"{path} has {found:,} lines, expected {rows:,}: one per row")
    own: list[Hashable] = list(range(rows))
    if "group" in columns:
        positives = Positives.by_ids(columns["group"], columns["group"])
    else:
        positives = Positives.by_ids(columns.get("image", own), columns.get("caption", own))
    return IdTable(positives, _classes(columns["article"]) if "article" in columns else None)
