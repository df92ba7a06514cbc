"""Builds a held-out set from a collection of triplets, in three passes and constant memory.

One pass counts, one reads the pairs that may be held out, one compares all others with them.
Kept in memory are a few numbers a pair and the candidates, so that 23 million pairs are no
different from 23 thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from concept_linker.errors import InputError, SettingsError
from concept_linker.retrieval.holdout.choosing import Choice, choose
from concept_linker.retrieval.holdout.leaks import ImageHashes, Leak, LeakFinder
from concept_linker.retrieval.holdout.sampling import Survey, Tally
from concept_linker.retrieval.near_duplicates.hamming import MOST
from concept_linker.retrieval.pairs import Pair, read_pairs

__all__ = ["Built", "HoldoutSettings", "build", "checked_settings"]

#: What is being done, and the share of the whole that is done.
Progress = Callable[[str, float], None]

#: Candidate pairs drawn at first for each requested pair, because some leak.
_SPARE: Final = 1.25


class HoldoutSettings(BaseModel):
    """What can be set.

    Args:
        size: how many pairs are held out.
        seed: of the sample.
        caption_similarity: captions are nearly the same from this Jaccard index of their runs of
            three words on.
        image_distance: images are near-duplicates if their hashes differ in at most this many bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    caption_similarity: Annotated[float, Field(gt=0, le=1)] = 0.6
    image_distance: Annotated[int, Field(ge=0, le=MOST)] = 8


def checked_settings(**settings: object) -> HoldoutSettings:
    """Settings from outside.

    Raises:
        SettingsError: one does not exist or is out of range.
    """
    try:
        return HoldoutSettings.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        raise SettingsError(f"setting {name!r} is {first['input']!r}: {first['msg']}") from None


@dataclass(frozen=True, slots=True)
class Built:
    """A held-out set.

    Args:
        settings: how it was made.
        survey: what the whole collection is made of.
        choice: what is held out.
        refused: rows of the collection that are no pairs, with the reason.
        hashed: whether images were compared by hash.
        flat: how many of the held-out images are all one grey, and were not compared by hash.
    """

    settings: HoldoutSettings
    survey: Survey
    choice: Choice
    refused: list[tuple[int, str]]
    hashed: bool
    flat: int

    def removed_by_reason(self) -> dict[str, int]:
        """How many pairs of the held-out articles are in neither part, and why."""
        return dict(Counter(one.reason for one in self.choice.removed).most_common())


def build(
    triplets: Path,
    settings: HoldoutSettings,
    main_group: Callable[[Iterable[str]], str],
    hashes: ImageHashes | None = None,
    *,
    progress: Progress | None = None,
) -> Built:
    """Chooses what is held out.  Nothing is written.

    Args:
        triplets: a file of records.
        settings: how.
        main_group: the main semantic group of a pair's concepts, for the strata.
        hashes: of the images; without them only equal paths tell that images are the same.
        progress: called with the share that is done.

    Raises:
        InputError: the collection has fewer pairs without leaks.
        SourceError: its file is damaged.
    """
    report = progress or (lambda stage, done: None)
    refused: list[tuple[int, str]] = []
    tally = Tally(main_group)
    for pair in read_pairs(triplets, lambda row, why: refused.append((row, why))):
        tally.add(pair)
    survey = tally.survey(settings.seed)
    wanted = settings.size * _SPARE + 20
    while True:
        report("reading the candidates", 0.3)
        enough = int(np.searchsorted(np.cumsum(survey.sizes), wanted)) + 1
        order = survey.articles[:enough]
        candidates: dict[str, list[Pair]] = {article: [] for article in order}
        for pair in read_pairs(triplets):
            if pair.article in candidates:
                candidates[pair.article].append(pair)
        finder = LeakFinder(
            [pair for article in order for pair in candidates[article]],
            hashes,
            similarity=settings.caption_similarity,
            distance=settings.image_distance,
        )
        stream = _report_rows(read_pairs(triplets), survey.pairs, report)
        leaks = list(_needed(finder.leaks(stream), candidates))
        unhashed = frozenset(finder.unhashed_rows())
        choice = choose(order, candidates, leaks, unhashed, settings.size)
        if choice is not None:
            held = [pair.image for pair in choice.pairs]
            flat = int(hashes.of(held).flat.sum()) if hashes is not None else 0
            return Built(settings, survey, choice, refused, hashes is not None, flat)
        if enough >= len(survey.articles):
            raise InputError(
                f"{triplets} has {survey.pairs:,} pairs of {len(survey.articles):,} articles, and "
                f"not {settings.size:,} of them can be held out without leaking into the rest; "
                "expected a larger collection or a smaller --size"
            )
        wanted *= 2


def _report_rows(pairs: Iterable[Pair], count: int, report: Progress) -> Iterator[Pair]:
    for number, pair in enumerate(pairs):
        if number % 10_000 == 0:
            report("comparing with the rest", 0.4 + 0.6 * number / max(1, count))
        yield pair


def _needed(leaks: Iterable[Leak], candidates: Iterable[str]) -> Iterator[Leak]:
    """All leaks among candidates, and of those to the rest the first of each row."""
    among, counted = set(candidates), set()
    for leak in leaks:
        if leak.other_article in among:
            yield leak
        elif leak.row not in counted:
            counted.add(leak.row)
            yield leak
