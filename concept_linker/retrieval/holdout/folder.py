"""A held-out set on disk: a folder that is written whole or not at all.

==================  ==============================================================================
``holdout.jsonl``   one pair a line: ``image``, ``caption``, ``pmc``, ``pmid``, ``fig_id``,
                    ``concepts``, ``modality``, ``semantic_group``, ``row`` (in the collection)
``holdout.parquet`` the same
``groups.csv``      ``image,caption,article``, in the order of the pairs: what
                    ``concept-linker retrieval --groups`` reads
``articles.txt``    the held-out articles: no pair of theirs may be trained on
``removed.csv``     pairs of these articles that are in neither part, and why
``refused.csv``     rows of the collection that are no pairs, and why
``README.md``       the card
``holdout.json``    settings, counts and checksums
==================  ==============================================================================
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from concept_linker._version import __version__
from concept_linker.errors import InputError, SourceError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.retrieval.holdout.building import Built
from concept_linker.retrieval.holdout.card import card
from concept_linker.retrieval.holdout.leaks import ImageHashes
from concept_linker.retrieval.modality import modality_of
from concept_linker.retrieval.near_duplicates.captions import plain_words
from concept_linker.retrieval.pairs import Pair, read_pairs
from concept_linker.triplets.record_files import checksum

__all__ = [
    "MANIFEST",
    "check_output",
    "load_pairs",
    "read_articles",
    "read_holdout",
    "read_manifest",
    "write",
]

MANIFEST: Final = "holdout.json"
_KIND: Final = "concept_linker holdout"
_PAIRS: Final = "holdout.jsonl"
_ARTICLES: Final = "articles.txt"


def check_output(folder: Path) -> None:
    """Whether a set can be written there.

    Raises:
        InputError: the folder exists and is not a held-out set.
    """
    taken = folder.exists() and not (folder / MANIFEST).is_file()
    if taken and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and is not a held-out set, expected a new folder")


def write(
    built: Built,
    folder: Path,
    *,
    triplets: Path,
    main_group: Callable[[Iterable[str]], str],
    hashes: ImageHashes | None = None,
) -> None:
    """Writes the folder whole or not at all; an existing one is replaced.

    The same collection and settings give the same bytes.

    Args:
        built: the set.
        folder: where.
        triplets: the file that it was built from, a folder of such, or a pattern.
        main_group: the main semantic group of a pair's concepts.
        hashes: of the images: equal ones make images equal in ``groups.csv``; without, and for
            flat images, equal paths.

    Raises:
        InputError: see :func:`check_output`.
        OSError: it cannot be written; what was there before still is.
    """
    check_output(folder)
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        _fill(part, built, triplets, main_group, hashes)
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(old, ignore_errors=True)


def _fill(
    part: Path,
    built: Built,
    triplets: Path,
    main_group: Callable[[Iterable[str]], str],
    hashes: ImageHashes | None,
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pairs = built.choice.pairs
    records = [_record(pair, main_group(pair.concepts)) for pair in pairs]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (part / _PAIRS).write_text(lines, encoding="ascii", newline="\n")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("image", "caption", "pmc", "pmid", "fig_id")),
            ("concepts", pa.list_(pa.string())),
            ("modality", pa.string()),
            ("semantic_group", pa.string()),
            ("row", pa.int64()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(records, schema=schema), part / "holdout.parquet")
    image_ids = [pair.image for pair in pairs]
    if hashes is not None:
        values, _, flat = hashes.of(image_ids)
        image_ids = [
            path if all_grey else f"{value:016x}"
            for path, value, all_grey in zip(image_ids, values, flat, strict=True)
        ]
    captions = (sha256(plain_words(pair.caption).encode()).hexdigest()[:16] for pair in pairs)
    articles = (pair.article for pair in pairs)
    _write_csv(
        part / "groups.csv",
        ("image", "caption", "article"),
        zip(image_ids, captions, articles, strict=True),
    )
    held = "".join(f"{article}\n" for article in sorted(built.choice.articles))
    (part / _ARTICLES).write_text(held, encoding="utf-8", newline="\n")
    columns = ("row", "article", "image", "reason", "measure", "other_row", "other_article")
    removed = (
        (
            one.pair.row,
            one.pair.article,
            one.pair.image,
            one.reason,
            *((f"{one.leak.measure:.4g}", *one.leak[3:]) if one.leak else ("", "", "")),
        )
        for one in built.choice.removed
    )
    _write_csv(part / "removed.csv", columns, removed)
    _write_csv(part / "refused.csv", ("row", "reason"), built.refused)
    strata: dict[str, dict[str, int]] = {}
    for record in records:
        key = f"{record['modality']} | {record['semantic_group']}"
        strata.setdefault(key, {"collection": 0, "holdout": 0})["holdout"] += 1
    for (modality, group), count in built.survey.strata.items():
        key = f"{modality} | {group}"
        strata.setdefault(key, {"collection": 0, "holdout": 0})["collection"] = count
    manifest = {
        "kind": _KIND,
        "concept_linker": __version__,
        "settings": built.settings.model_dump(),
        "images": "compared by hash" if built.hashed else "compared by path only",
        "collection": {
            "file": triplets.name,
            "sha256": checksum(triplets),
            "pairs": built.survey.pairs,
            "articles": len(built.survey.articles),
            "refused_rows": len(built.refused),
        },
        "holdout": {"pairs": len(pairs), "articles": len(built.choice.articles)},
        "flat_images": built.flat,
        "removed": built.removed_by_reason(),
        "strata": dict(sorted(strata.items())),
    }
    (part / "README.md").write_text(card(manifest), encoding="utf-8", newline="\n")
    manifest["sha256"] = {path.name: sha256_of(path) for path in sorted(part.iterdir())}
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="ascii")


def _record(pair: Pair, group: str) -> dict[str, Any]:
    return {
        "image": pair.image,
        "caption": pair.caption,
        "pmc": pair.article.removeprefix("PMC") if pair.article.startswith("PMC") else "",
        "pmid": pair.pmid,
        "fig_id": pair.figure,
        "concepts": list(pair.concepts),
        "modality": modality_of(pair.caption),
        "semantic_group": group,
        "row": pair.row,
    }


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """The manifest of a held-out set.

    Raises:
        SourceError: the folder is none, or is damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise SourceError(path, "missing, expected the folder of a held-out set") from None
    except ValueError as error:
        raise SourceError(path, f"no JSON ({error}); build the set again") from None
    if not isinstance(manifest, dict) or manifest.get("kind") != _KIND:
        raise SourceError(path, "is not the manifest of a held-out set")
    return manifest


def read_holdout(folder: Path) -> list[Pair]:
    """The pairs of a held-out set; ``row`` is that of the collection.

    Raises:
        SourceError: the folder is none, or is damaged.
    """
    read_manifest(folder)
    path = folder / _PAIRS
    pairs = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            try:
                record = json.loads(line)
                pmc, pmid = record["pmc"], record["pmid"]
                pairs.append(
                    Pair(
                        record["row"],
                        record["image"],
                        record["caption"],
                        f"PMC{pmc}" if pmc else f"PMID{pmid}",
                        pmid,
                        record["fig_id"],
                        tuple(record["concepts"]),
                    )
                )
            except (ValueError, KeyError, TypeError) as error:
                raise SourceError(path, f"no held-out pair: {error}", line=number) from None
    return pairs


def load_pairs(path: Path) -> list[Pair]:
    """The pairs of a held-out set's folder, or of files of records.

    Raises:
        InputError: a row of the file is not a pair: rows of embeddings would no longer fit.
        SourceError: it is damaged.
    """
    if (path / MANIFEST).is_file():
        return read_holdout(path)

    def refuse(row: int, why: str) -> None:
        raise InputError(f"{path}, row {row}: {why}")

    return list(read_pairs(path, refuse))


def read_articles(folder: Path) -> frozenset[str]:
    """The held-out articles."""
    return frozenset((folder / _ARTICLES).read_text(encoding="utf-8").split())
