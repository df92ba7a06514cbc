"""The card of a held-out set, as Hugging Face shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["card"]

_TEXT = """\
---
license: other
license_name: each-article-its-own
task_categories:
- image-to-text
- zero-shot-image-classification
language:
- en
tags:
- biomedical
- image-text-retrieval
size_categories:
- {size_category}
configs:
- config_name: default
  data_files: holdout.parquet
---

# A held-out set of {pairs:,} image-caption pairs

{pairs:,} pairs of {articles:,} articles out of {all_pairs:,} pairs of {all_articles:,}
(`{file}`), made by concept_linker {version}.

- **Whole articles.** No article is in both parts. None of the articles in `articles.txt` may
  be trained on.
- **Stratified** by the caption's modality and the main semantic group of its concepts; seed {seed}.
- **Without leaks.** A pair is not in the set if another article, one that is not held out, has a
  caption that is equal after normalisation or shares {similarity:.0%} of its runs of three words
  (Jaccard index, compared exactly), {images}.

For research only: not for clinical decisions, nor to identify persons. Each image and caption is
under its article's own licence.

## What was removed

Pairs of held-out articles that are in neither part; `removed.csv` names each with its reason.

| reason | pairs |
|---|---|
{removed}

{refused:,} rows of the collection are no pairs (`refused.csv`).

## Strata

| modality | semantic group | collection | held out |
|---|---|---|---|
{strata}

## Score an encoder

    concept-linker encode FOLDER --model MODEL --images IMAGES -o embeddings
    concept-linker retrieval --images embeddings/images.npy --texts embeddings/texts.npy \\
        --groups FOLDER/groups.csv
"""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def card(manifest: Mapping[str, Any]) -> str:
    """The card that a manifest gives."""
    settings, whole = manifest["settings"], manifest["collection"]
    pairs = manifest["holdout"]["pairs"]
    strata = [
        (*name.split(" | "), count["collection"], count["holdout"])
        for name, count in manifest["strata"].items()
    ]
    if manifest["images"] == "compared by hash":
        bits = settings["image_distance"]
        images = f"or an image whose perceptual hash (64-bit pHash) differs in at most {bits} bits"
        if manifest["flat_images"]:
            images += f" ({manifest['flat_images']:,} images are all one grey: by their path only)"
    else:
        images = "or the same image path (no hashes were given, so pictures were not compared)"
    return _TEXT.format(
        size_category=next((name for most, name in _SIZES if pairs < most), "1M<n<10M"),
        pairs=pairs,
        articles=manifest["holdout"]["articles"],
        all_pairs=whole["pairs"],
        all_articles=whole["articles"],
        file=whole["file"],
        version=manifest["concept_linker"],
        seed=settings["seed"],
        similarity=settings["caption_similarity"],
        images=images,
        removed="\n".join(f"| {why} | {n:,} |" for why, n in manifest["removed"].items())
        or "| none | 0 |",
        refused=whole["refused_rows"],
        strata="\n".join(f"| {a} | {b} | {c:,} | {d:,} |" for a, b, c, d in strata),
    )
