"""What makes an id, a name or a mapping a good one, for one value and for a whole column."""

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

# ASCII controls but for white space, and lone surrogates, which no file can hold as UTF-8.
# C1 controls (U+0080 to U+009F) pass: real vocabularies hold names that were encoded twice.
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")
# RE2, on a column: everything that clean_name may change or refuse, and nothing common.
_ODD = (
    r"^$|^ | $|  |[\x00-\x1f\x7f\x{80}-\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}"
    r"\x{202f}\x{205f}\x{3000}]"
)
#: What programs write for "nothing": pandas, R, Excel, databases.
_NOTHING = frozenset(("nan", "null", "none", "na", "n/a", "#n/a", "<na>", "nat", "nil"))

_ODD_NOTHING = f"^(?i:{'|'.join(map(re.escape, sorted(_NOTHING)))})$"


class BadRowError(ValueError):
    """What is wrong with one row, without its place, which the reader knows."""


def shown(value: str) -> str:
    """A value for a message, in quotes; of a long one the beginning."""
    return repr(value) if len(value) <= 80 else f"{value[:60]!r}… of {len(value):,} characters"


def clean_name(name: str) -> str:
    r"""A name or definition without outer and with single inner blanks.

    >>> clean_name("  Squamous cell\tcarcinoma ")
    'Squamous cell carcinoma'

    Raises:
        BadRowError: it is empty, or holds NUL or another control character.
    """
    if not name.isprintable() and (found := _CONTROL.search(name)):
        raise BadRowError(f"control character U+{ord(found[0]):04X} in a name")
    name = " ".join(name.split())
    if not name:
        raise BadRowError("empty name")
    return name


def clean_id(concept_id: str) -> str:
    """An id in its canonical spelling.

    Raises:
        BadRowError: it is empty or a word for nothing (``nan``, ``NULL``), or holds white space or
            a control character.
    """
    concept_id = canonical_id(concept_id)
    if not concept_id or concept_id.endswith(":"):
        raise BadRowError("empty id")
    if not concept_id.isprintable() or " " in concept_id:
        raise BadRowError(f"white space or control character in id {shown(concept_id)}")
    if concept_id.lower() in _NOTHING:
        raise BadRowError(f"id {concept_id!r}, which says that there is none")
    return concept_id


def prefix_of(concept_id: str) -> str:
    """The vocabulary of a canonical id, in capitals: ``UMLS`` for a CUI, else its prefix.

    >>> prefix_of("C0019564"), prefix_of("Orphanet:1"), prefix_of("D01")
    ('UMLS', 'ORPHANET', '')
    """
    return "UMLS" if is_cui(concept_id) else concept_id.rpartition(":")[0].upper()


def clean_names(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """:func:`clean_name` of a whole column; only the odd ones are touched one by one.

    Returns:
        The cleaned column, and row → problem for its bad rows.
    """
    return _cleaned(column, pc.match_substring_regex(column, _ODD), clean_name)


def clean_ids(column: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """:func:`clean_id` of a whole column; an id without a prefix needs no spelling.

    Returns:
        The cleaned column, and row → problem for its bad rows.
    """
    return _cleaned(
        column, pc.match_substring_regex(column, f"{_ODD}|[: ]|{_ODD_NOTHING}"), clean_id
    )


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
    """Every edge that closes a cycle, found depth first in the order given.

    Args:
        edges: id → its (other id, line) pairs.

    Yields:
        (id, other id, line); without these edges there is no cycle.
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
