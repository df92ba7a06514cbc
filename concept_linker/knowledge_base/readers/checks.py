"""Validation and cleaning of ids and names, for single values and whole columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from concept_linker.knowledge_base.source import canonical_id, is_cui

__all__ = [
    "BadRowError",
    "clean_id",
    "clean_ids",
    "clean_name",
    "clean_names",
    "cycle_edges",
    "prefix_of",
    "shown",
]

# ASCII controls except white space, and lone surrogates, which UTF-8 cannot encode.
# C1 controls (U+0080 to U+009F) are accepted: real vocabularies have names that were encoded twice.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
# RE2 for a column: matches everything that clean_name may change or reject, and little else.
_ODD = (
    r"^$|^ | $|  |[\x00-\x1f\x7f\x{80}-\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}"
    r"\x{202f}\x{205f}\x{3000}]"
)
#: How pandas, R, Excel and databases write a missing value.
_MISSING = frozenset(("nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nat", "nil"))

_ODD_ID = f"^(?i:{'|'.join(map(re.escape, sorted(_MISSING)))})$"


class BadRowError(ValueError):
    """The problem with one row; the reader adds the file and line."""


def shown(value: str) -> str:
    """Returns a value in quotes for a message; a long one is shortened."""
    return repr(value) if len(value) <= 80 else f"{value[:60]!r}… of {len(value):,} characters"


def clean_name(name: str) -> str:
    r"""Returns a name or definition without outer blanks and with single inner blanks.

    >>> clean_name("  Squamous cell\tcarcinoma ")
    'Squamous cell carcinoma'

    Raises:
        BadRowError: the name is empty, or contains a control character such as NUL.
    """
    if not name.isprintable() and (found := _CONTROL.search(name)):
        raise BadRowError(f"control character U+{ord(found[0]):04X} in a name")
    name = " ".join(name.split())
    if not name:
        raise BadRowError("empty name")
    return name


def clean_id(concept_id: str) -> str:
    """Returns an id in its canonical spelling.

    Raises:
        BadRowError: the id is empty or a missing value (``nan``, ``NULL``), or contains white space
            or a control character.
    """
    concept_id = canonical_id(concept_id)
    if not concept_id or concept_id.endswith(":"):
        raise BadRowError("empty id")
    if not concept_id.isprintable() or " " in concept_id:
        raise BadRowError(f"white space or control character in id {shown(concept_id)}")
    if concept_id.lower() in _MISSING:
        raise BadRowError(f"id is {concept_id!r}, which means a missing value")
    return concept_id


def prefix_of(concept_id: str) -> str:
    """Returns the vocabulary of a canonical id, in capitals: ``UMLS`` for a CUI, else its prefix.

    >>> prefix_of("C0019564"), prefix_of("Orphanet:1"), prefix_of("D01")
    ('UMLS', 'ORPHANET', '')
    """
    return "UMLS" if is_cui(concept_id) else concept_id.rpartition(":")[0].upper()


def clean_names(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Applies :func:`clean_name` to a column; only unusual names are cleaned one by one.

    Returns:
        The cleaned column, and a mapping from bad rows to their problems.
    """
    return _cleaned(column, pc.match_substring_regex(column, _ODD), clean_name)


def clean_ids(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Applies :func:`clean_id` to a column; plain ids without a prefix are skipped.

    Returns:
        The cleaned column, and a mapping from bad rows to their problems.
    """
    return _cleaned(column, pc.match_substring_regex(column, f"{_ODD}|[: ]|{_ODD_ID}"), clean_id)


def _cleaned(
    column: pa.Array, odd: pa.Array, clean: Callable[[str], str]
) -> tuple[pa.Array, dict[int, str]]:
    rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    if not len(rows):
        return column, {}
    encoded = column.take(pa.array(rows)).dictionary_encode()
    cleaned: list[str] = []
    problems: dict[int, str] = {}
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            cleaned.append(clean(value))
        except BadRowError as error:
            cleaned.append("")
            problems[code] = str(error)
    codes = encoded.indices
    column = pc.replace_with_mask(column, odd, pa.array(cleaned, pa.string()).take(codes))
    if not problems:
        return column, {}
    found = {
        int(row): problems[code]
        for row, code in zip(rows, codes.to_pylist(), strict=True)
        if code in problems
    }
    return column, found


def cycle_edges(
    edges: Mapping[str, Sequence[tuple[str, int]]],
) -> Iterator[tuple[str, str, int]]:
    """Finds every edge that closes a cycle, depth first in the given order.

    Args:
        edges: a mapping from ids to (other id, line) pairs.

    Yields:
        (id, other id, line); removing these edges removes all cycles.
    """
    done: set[str] = set()
    for root in edges:
        if root in done:
            continue
        open_ids = {root}
        stack = [(root, iter(edges[root]))]
        while stack:
            here, rest = stack[-1]
            for other, line in rest:
                if other in open_ids:
                    yield here, other, line
                elif other not in done:
                    open_ids.add(other)
                    stack.append((other, iter(edges.get(other, ()))))
                    break
            else:
                stack.pop()
                open_ids.discard(here)
                done.add(here)
