"""Checks that the arrays of a base fit one another.

Checksums show that a base is as it was built, but not that it was built with good intent: compiled
code does not check indices.  The check reads everything, so only ``kb info --verify`` does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import KnowledgeBaseError
from concept_linker.knowledge_base.identity import CuiOrigin, NameKind
from concept_linker.knowledge_base.store import Manifest

__all__ = ["check_sound"]

_STEP = 1 << 22
_STRINGS = ("concept_ids", "other_ids", "names", "key", "definitions")
_DTYPES = {
    "u1": ("*_bytes", "concept_origins", "name_kinds", "key_signatures"),
    "i8": ("*_offsets", "concept_names", "key_begins", "key_norms", "gram_begins"),
    "u2": ("concept_types_values", "name_sources"),
    "u4": ("other_concepts", "name_concepts", "key_names_values", "key_table", "key_common"),
    "i4": ("gram_ids", "gram_weights"),
    "u8": ("gram_codes",),
}


def check_sound(folder: Path, manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Checks every index.

    Raises:
        KnowledgeBaseError: an index is out of range, or an array has a wrong type or length.
    """
    for name in _unsound(manifest, arrays):
        raise KnowledgeBaseError(
            f"{folder}: {name} does not fit the other arrays; do not use this base, build it again"
        )


def _unsound(manifest: Manifest, arrays: Mapping[str, NDArray[Any]]) -> Iterator[str]:
    """Yields the names of arrays that do not fit; each check relies on the ones before it."""
    for name, array in arrays.items():
        expected = {kind for kind, names in _DTYPES.items() for one in names if _matches(name, one)}
        if expected and array.dtype not in {np.dtype(f"<{kind}") for kind in expected}:
            yield name
    keys, names = arrays["key_norms"].size, arrays["name_concepts"].size
    concepts, grams = arrays["concept_origins"].size, arrays["gram_weights"].size
    counts = {"concept_ids": concepts, "definitions": concepts, "names": names, "key": keys}
    for name in _STRINGS:
        if f"{name}_bytes" in arrays:
            rows = counts.get(name, arrays["other_concepts"].size)
            data, offsets = arrays[f"{name}_bytes"], arrays[f"{name}_offsets"]
            if not _are_begins(offsets, rows, data.size):
                yield f"{name}_offsets"
            elif not _are_strings(data, offsets):
                yield f"{name}_bytes"
    for begins, count, values in (
        ("key_begins", keys, "key_grams"),
        ("concept_types_offsets", concepts, "concept_types_values"),
        ("key_names_offsets", keys, "key_names_values"),
        ("gram_begins", None, "postings"),
    ):
        if not _are_begins(arrays[begins], count, arrays[values].size):
            yield begins
    for name in ("name_kinds", "name_sources"):
        if arrays[name].size != names:
            yield name
    if not _are_begins(arrays["concept_names"], concepts, names, least=1):
        yield "concept_names"
    for name, limit in (
        ("key_table", keys + 1),
        ("key_grams", grams),
        ("gram_ids", grams),
        ("key_names_values", names),
        ("name_concepts", concepts),
        ("other_concepts", concepts),
        ("concept_types_values", len(manifest.types)),
        ("name_sources", len(manifest.name_sources)),
        ("name_kinds", len(NameKind)),
        ("concept_origins", len(CuiOrigin)),
    ):
        if not _all_below(arrays[name], limit):
            yield name
    yield from _unsound_index(arrays, keys, grams)


def _unsound_index(arrays: Mapping[str, NDArray[Any]], keys: int, grams: int) -> Iterator[str]:
    from concept_linker.search.probe import CLASSES, SIGNATURE
    from concept_linker.search.scan import COMMON, RANGE

    table, codes, norms = arrays["key_table"], arrays["gram_codes"], arrays["key_norms"]
    if table.size & (table.size - 1) or not table.size or table.all():  # a search would never end
        yield "key_table"
    if arrays["key_signatures"].shape != (keys, SIGNATURE // 8):
        yield "key_signatures"
    if codes.size != grams or arrays["gram_ids"].size != grams or not _ascend(codes, strictly=True):
        yield "gram_codes"
    if (keys and norms[0] <= 0) or not _ascend(norms):
        yield "key_norms"
    postings, begins = arrays["postings"], arrays["gram_begins"]
    if postings.dtype == np.uint32:
        if begins.size != grams * CLASSES + 1 or not _all_below(postings, keys):
            yield "postings"
        return
    ranges, rare = -(-keys // RANGE), max(grams - COMMON, 0)
    if begins.size != rare * ranges + 1 or arrays["key_common"].size != keys:
        yield "gram_begins"
    elif rare:
        last = np.arange(rare) * ranges + ranges - 1  # the last range of keys is shorter
        lengths = np.diff(begins)[last]
        inside = np.repeat(begins[last] - np.cumsum(lengths) + lengths, lengths)
        in_last = postings[inside + np.arange(inside.size)]
        if not _all_below(postings, RANGE) or not _all_below(in_last, keys - (ranges - 1) * RANGE):
            yield "postings"


def _matches(name: str, pattern: str) -> bool:
    return name.endswith(pattern[1:]) if pattern.startswith("*") else name == pattern


def _are_begins(begins: NDArray[Any], count: int | None, end: int, *, least: int = 0) -> bool:
    """Returns whether rows that begin here fill ``end`` places, each at least ``least``."""
    return (
        begins.ndim == 1
        and begins.size > 0
        and (count is None or begins.size == count + 1)
        and begins[0] == 0
        and begins[-1] == end
        and all(bool((np.diff(part) >= least).all()) for part in _parts(begins))
    )


def _are_strings(data: NDArray[Any], offsets: NDArray[Any]) -> bool:
    """Returns whether all bytes are UTF-8, and no string begins inside a character."""
    begins = offsets[offsets < data.size]
    if (data[begins] & 0xC0 == 0x80).any():
        return False
    try:
        bytes(data).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _ascend(values: NDArray[Any], *, strictly: bool = False) -> bool:
    compare = np.greater if strictly else np.greater_equal
    return all(bool(compare(part[1:], part[:-1]).all()) for part in _parts(values))


def _all_below(values: NDArray[Any], limit: int) -> bool:
    return not values.size or bool(values.min() >= 0 and values.max() < limit)


def _parts(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yields the values in parts that overlap by one."""
    for first in range(0, values.size, _STEP):
        yield values[first : first + _STEP + 1]
