"""Scoring an encoder, and comparing two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from concept_linker.errors import InputError
from concept_linker.reporting.intervals import Interval, PairedTest
from concept_linker.retrieval.embeddings import paired
from concept_linker.retrieval.intervals import measure_intervals, paired_tests
from concept_linker.retrieval.measures import mean_measures, per_query
from concept_linker.retrieval.positives import Positives
from concept_linker.retrieval.ranks import Direction, rank_both

__all__ = ["DIRECTIONS", "Retrieval", "compare", "score"]

#: A direction's name, and the short one that published keys of intervals begin with.
DIRECTIONS = {"image_to_text": "i2t", "text_to_image": "t2i"}

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Retrieval:
    """How an encoder ranks a set of pairs, in both directions.

    Made by :func:`score`.

    Args:
        dimensions: of its embeddings.
        zero_images, zero_texts: rows of zeros; they are as similar to everything.
        positives: what belongs together.
        units: what is drawn together for the intervals: the number of each row's unit.
        image_to_text, text_to_image: the ranks.
    """

    dimensions: int
    zero_images: int
    zero_texts: int
    positives: Positives
    units: NDArray[np.int64]
    image_to_text: Direction
    text_to_image: Direction

    def __len__(self) -> int:
        return len(self.positives)

    def directions(self) -> dict[str, Direction]:
        """Both, by the names of :data:`DIRECTIONS`."""
        return {"image_to_text": self.image_to_text, "text_to_image": self.text_to_image}

    @cached_property
    def tables(self) -> dict[str, Floats]:
        """The measures of each query, all positives counted, by direction."""
        return {name: per_query(one.best) for name, one in self.directions().items()}

    def figures(self, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
        """All figures as plain JSON values.

        ``all_positives`` counts every right answer, ``one_positive`` the own row only, as
        published; both under the published names (``image_to_text_R@1``, ``i2t_R@1_CI``).
        Without copies the two are the same.  ``bounds`` has the former with every tie taken for
        and against the encoder.

        Args:
            resamples: draws of the bootstrap.
            seed: of the draws.

        Raises:
            SettingsError: fewer than one draw.
        """
        own = self.tables
        if self.positives.several:
            own = {name: per_query(one.own) for name, one in self.directions().items()}
        tables = [*self.tables.values(), *(own.values() if own is not self.tables else ())]
        found = measure_intervals(tables, self.units, resamples=resamples, seed=seed)
        return {
            "rows": len(self),
            "dimensions": self.dimensions,
            "zero_images": self.zero_images,
            "zero_texts": self.zero_texts,
            "several_positives": self.positives.several,
            "units": int(self.units.max()) + 1,
            "resamples": resamples,
            "seed": seed,
            "all_positives": _flat(self.tables, found[:2]),
            "one_positive": _flat(own, found[-2:]),
            "bounds": {
                order: _flat(
                    {name: per_query(one.best, order) for name, one in self.directions().items()}
                )
                for order in ("optimistic", "pessimistic")
            },
        }


def score(
    images: object,
    texts: object,
    positives: Positives | None = None,
    *,
    articles: NDArray[np.int64] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Retrieval:
    """Ranks texts for every image and images for every text, by cosine.

    Args:
        images: array of shape (pairs, dimensions).
        texts: the same shape; row ``i`` belongs to image ``i``.
        positives: what else belongs together; the own row alone if not given.
        articles: a number for each row; rows of one number are drawn together for the intervals.
        progress: called with the share that is done.

    Returns:
        The ranks.

    Raises:
        InputError: arrays that cannot be scored; the message says what and where.

    Example:
        >>> import numpy as np
        >>> pictures = np.eye(3)
        >>> figures = score(pictures, pictures[[0, 2, 1]]).figures(resamples=10)
        >>> round(figures["all_positives"]["image_to_text_R@1"], 3)
        0.333
    """
    left, right = paired(images, texts)
    positives = Positives.by_row(len(left)) if positives is None else positives
    if len(positives) != len(left):
        raise InputError(f"positives of {len(positives):,} rows for {len(left):,} rows")
    units = positives.units()
    if articles is not None:
        units = Positives(units, articles, True).units()
    return Retrieval(
        left.dimensions,
        left.zeros,
        right.zeros,
        positives,
        units,
        *rank_both(left, right, positives, progress=progress),
    )


def compare(
    one: Retrieval, other: Retrieval, *, resamples: int = 1000, seed: int = 0
) -> dict[str, dict[str, PairedTest]]:
    """Tests whether one encoder is better than another on the same pairs.

    Args:
        one, other: their scores; what belongs together must be the same.
        resamples: draws of the bootstrap.
        seed: of the draws and of the test.

    Returns:
        By direction and measure: the first's figure less the second's.

    Raises:
        InputError: they are not of the same pairs.
    """
    return {
        name: paired_tests(
            one.tables[name], other.tables[name], one.units, resamples=resamples, seed=seed
        )
        for name in DIRECTIONS
    }


def _flat(
    tables: dict[str, Floats], intervals: list[dict[str, Interval]] | None = None
) -> dict[str, float | list[float]]:
    figures: dict[str, float | list[float]] = {}
    for name, table in tables.items():
        figures |= {f"{name}_{key}": value for key, value in mean_measures(table).items()}
    for short, found in zip(DIRECTIONS.values(), intervals or (), strict=bool(intervals)):
        figures |= {f"{short}_{key}_CI": [one.low, one.high] for key, one in found.items()}
    return figures
