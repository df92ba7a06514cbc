"""Checks a held-out set against its collection, from the files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.retrieval.holdout.building import checked_settings
from concept_linker.retrieval.holdout.folder import read_articles, read_holdout, read_manifest
from concept_linker.retrieval.holdout.leaks import ImageHashes, LeakFinder
from concept_linker.retrieval.pairs import Pair, read_pairs

__all__ = ["verify"]


def verify(folder: Path, triplets: Path, hashes: ImageHashes | None = None) -> list[str]:
    """Looks for everything that a held-out set must not have.

    That files are as they were written; that every pair stands in the collection as it is; that no
    article is in both parts; and that no pair is nearly the same as one of the rest.

    Args:
        folder: the set.
        triplets: the collection that it was built from.
        hashes: of the images, if they were compared.

    Returns:
        What is wrong, one line each; empty where nothing is.

    Raises:
        SourceError: a file is damaged.
    """
    manifest = read_manifest(folder)
    settings = checked_settings(**manifest["settings"])
    wrong = [
        f"{name} is not as it was written"
        for name, checksum in manifest["sha256"].items()
        if sha256_of(folder / name) != checksum
    ]
    held, articles = read_holdout(folder), read_articles(folder)
    if len(held) != settings.size:
        wrong.append(f"{len(held):,} pairs, expected {settings.size:,}")
    wrong += [
        f"row {pair.row}: {pair.article} is not in articles.txt"
        for pair in held
        if pair.article not in articles
    ]
    finder = LeakFinder(
        held,
        hashes,
        similarity=settings.caption_similarity,
        distance=settings.image_distance,
    )
    expected = {pair.row: pair for pair in held}

    def rest() -> Iterator[Pair]:
        for pair in read_pairs(triplets):
            own = expected.pop(pair.row, None)
            if own is not None and own != pair:
                wrong.append(f"row {pair.row} is another pair in {triplets.name}")
            if pair.article not in articles:
                yield pair

    wrong += [
        f"row {leak.row}: {leak.reason} ({leak.measure:.3g}) as row {leak.other} of the rest, "
        f"{leak.other_article}"
        for leak in finder.leaks(rest())
    ]
    wrong += [f"row {row} is not in {triplets.name}" for row in expected]
    return wrong
