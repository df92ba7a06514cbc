"""The plain twin of :mod:`concept_linker.ranking.contextual_features`: one candidate at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plain_string_features import type_log_ratio

from concept_linker.ranking.priors import Priors


def contextual(
    priors: Priors,
    kind: int,
    left: str,
    right: str,
    groups: Sequence[float],
    group_of: Mapping[int, int],
) -> list[float]:
    """Returns the four features that the context gives a candidate of type ``kind``."""
    group = group_of.get(kind, -1)
    return [
        type_log_ratio(priors, f"left {left}", kind),
        type_log_ratio(priors, f"right {right}", kind),
        groups[group] if group >= 0 else -1.0,
        max(groups),
    ]
