"""What is wrong with a row: the rules that it breaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["BadRow", "Breach"]

#: How many breaches of one row a message lists.
_MAX_LISTED: Final = 50


class Breach(NamedTuple):
    """One broken rule: the place in the record (``umls_meta_info[2].end_char``) and the reason."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key}: {self.reason}"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is not a good record.

    Args:
        breaches: what is wrong with it, at least one.
        text: the row as in the file, or its beginning if it is too long.
    """

    breaches: tuple[Breach, ...]
    text: str = ""

    def __str__(self) -> str:
        left = len(self.breaches) - _MAX_LISTED
        more = [f"… and {left:,} more"] if left > 0 else []
        return "; ".join([*map(str, self.breaches[:_MAX_LISTED]), *more])
