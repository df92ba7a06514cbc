"""Writes records of the figures of articles, with concepts if there is a linker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from concept_linker._version import __version__
from concept_linker.annotation import Annotation
from concept_linker.errors import ConceptLinkerError, InputError, SettingsError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.knowledge_base.identity import is_cui
from concept_linker.knowledge_base.source import Quarantine
from concept_linker.knowledge_base.store import MANIFEST as KB_MANIFEST
from concept_linker.pmc.extraction import ExtractionSummary, Pair, extract
from concept_linker.pmc.manifest import MANIFEST
from concept_linker.pmc.sources import check_sources
from concept_linker.runtime.registry import list_names
from concept_linker.triplets.from_annotation import record_settings, to_record
from concept_linker.triplets.mention_columns import MENTION, MENTIONS
from concept_linker.triplets.record import PROFILES, PROVENANCE, SPANS, Negated, Profile
from concept_linker.triplets.record_files import check_ending, quarantine_path
from concept_linker.triplets.writing import open_writer

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["write_records"]

_BATCH, _BATCH_CHARACTERS = 256, 1 << 20  # captions linked at a time


def write_records(
    sources: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    *,
    images: str | PathLike[str] | None = None,
    with_images: bool = False,
    linker: ConceptLinker | None = None,
    profile: str = "exact",
    negated: Negated | None = None,
    tokenizer: WordPiece | str | PathLike[str] | None = None,
    mentions: bool = False,
    progress: Callable[[int], object] | None = None,
) -> ExtractionSummary:
    """Writes a record for each image of each figure of some articles, in constant memory.

    What cannot be read is listed in ``OUTPUT.quarantine.jsonl`` with the reason. The provenance of
    records is in a side-car of JSON Lines, or in a column of Parquet.

    Args:
        sources: JATS files, archives, folders of them, or the folder of ``pmc fetch``.
        output: a file that ends in ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``. It is
            complete, or not written at all.
        images: a folder of images; figures without an image in it are left out.
        with_images: whether the Parquet file contains the images.
        linker: finds the concepts; without one, records have no concepts. Its settings, such as
            ``min_score``, are those of :meth:`~concept_linker.ConceptLinker.load`.
        profile: ``"exact"`` or ``"medconcept23m"``, as in :func:`~concept_linker.annotate`.
        negated: ``"drop"`` leaves out negated mentions, ``"keep"`` includes them (default: that of
            the profile).
        tokenizer: a WordPiece vocabulary for the tokens of spans (default: basic words).
        mentions: whether to add a key or column ``mentions`` with all mentions, linked or not.
        progress: called with the number of new records.

    Raises:
        InputError: a source or the folder of images does not exist; there is no article; or no
            figure has an image.
        SettingsError: the output has another ending, ``profile`` or ``negated`` is unknown,
            ``with_images`` is set without a folder of images, or ``mentions`` without a linker.
        OSError: the output cannot be written.
    """
    sources = [sources] if isinstance(sources, str | PathLike) else sources
    paths, output = list(map(Path, sources)), Path(output)
    images = None if images is None else Path(images)
    rules = _rules(profile, negated)
    if isinstance(tokenizer, str | PathLike):
        from concept_linker.triplets.wordpiece import WordPiece

        tokenizer = WordPiece.load(Path(tokenizer))
    check_sources(paths)
    check_ending(output)
    if mentions and linker is None:
        raise SettingsError("mentions is set without a linker; give linker=, or leave out mentions")
    summary = ExtractionSummary()
    bad = Quarantine(quarantine_path(output))

    def reject(name: str, reason: str) -> None:
        summary.rejected += 1
        bad.bad(name, None, reason)

    with open_writer(
        output,
        provenance=True,
        images=_image_folder(paths, images) if with_images else False,
        columns=pa.schema([(MENTIONS, pa.list_(MENTION))] if mentions else []),
        metadata=record_settings(**rules, tokenizer=tokenizer),
    ) as writer:
        quarantine_path(output).unlink(missing_ok=True)
        pairs = extract(paths, summary, reject, images=images)
        for pair, annotation in _linked(
            pairs, linker, _linker_provenance(linker, rules, tokenizer)
        ):
            if isinstance(annotation, ConceptLinkerError):
                reject(pair.place, str(annotation))
                continue
            try:
                row = _row(pair, annotation, rules, tokenizer, mentions=mentions)
                writer.write(row)
            except InputError as error:
                reject(pair.place, str(error))
                continue
            _count(summary, annotation, row)
            if progress:
                progress(1)
        _check_anything_found(paths, images, summary)
    return summary


def _rules(profile: str, negated: Negated | None) -> Profile:
    if profile not in PROFILES:
        raise SettingsError(f"profile is {profile!r}, expected {list_names(PROFILES)}")
    if negated is None:
        return PROFILES[profile]
    if negated not in ("drop", "keep"):
        raise SettingsError(f"negated is {negated!r}, expected drop or keep")
    return {**PROFILES[profile], "negated": negated}


def _check_anything_found(
    sources: Sequence[Path], images: Path | None, summary: ExtractionSummary
) -> None:
    """Raises an error if the output is empty because a path is wrong."""
    named = ", ".join(map(str, sources[:3])) + (" …" if len(sources) > 3 else "")
    if not summary.articles and not summary.rejected:
        raise InputError(
            f"{named}: no fetched articles, expected at least one; {MANIFEST} in it has the reasons"
        )
    if images and not summary.records and summary.left_out["no image"]:
        raise InputError(
            f"{images}: has no image of the {summary.figures:,} figures, expected "
            "PMC<id>/<href>.jpg or <href>.jpg in it"
        )


def _count(summary: ExtractionSummary, annotation: Annotation, row: dict[str, Any]) -> None:
    summary.records += 1
    summary.spans += len(row[SPANS])
    summary.mentions += len(annotation.mentions)
    for mention in annotation.mentions:
        if mention.best is not None:
            with_cui = is_cui(mention.best.concept_id)
            summary.without_cui += not with_cui
            summary.negated += with_cui and mention.negated


def _image_folder(sources: Sequence[Path], images: Path | None) -> Path:
    """Returns the folder that the paths of images are relative to."""
    if images:
        return images
    if len(sources) == 1 and (sources[0] / MANIFEST).is_file():
        return sources[0]
    raise SettingsError(
        "with_images is set without a folder of images; give images=, or a fetched folder"
    )


def _linker_provenance(
    linker: ConceptLinker | None, rules: Profile, tokenizer: WordPiece | None
) -> dict[str, Any]:
    """Returns the linker's part of the provenance."""
    if linker is None:
        return {}
    return {
        "version": __version__,
        "kb": linker.kb.path.name,
        "kb_sha256": sha256_of(linker.kb.path / KB_MANIFEST),
        "settings": {
            **linker.settings.model_dump(mode="json"),
            **record_settings(**rules, tokenizer=tokenizer),
        },
    }


def _linked(
    pairs: Iterable[Pair], linker: ConceptLinker | None, provenance: dict[str, Any]
) -> Iterator[tuple[Pair, Annotation | ConceptLinkerError]]:
    """Yields each pair with its annotation, or with the linker's error."""
    if linker is None:
        for pair in pairs:
            yield pair, Annotation(pair.figure.caption)
        return
    for batch in _batches(pairs):
        captions = [pair.figure.caption for pair in batch]
        annotations: list[Annotation | ConceptLinkerError]
        try:
            annotations = [*linker.link_many(captions)]
        except ConceptLinkerError:  # of one caption: link each alone
            annotations = [_link_one(linker, caption) for caption in captions]
        for pair, annotation in zip(batch, annotations, strict=True):
            yield pair._replace(provenance=pair.provenance.linked(**provenance)), annotation


def _link_one(linker: ConceptLinker, caption: str) -> Annotation | ConceptLinkerError:
    try:
        return linker.link(caption)
    except ConceptLinkerError as error:
        return error


def _batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    batch: list[Pair] = []
    characters = 0
    for pair in pairs:
        batch.append(pair)
        characters += len(pair.figure.caption)
        if len(batch) == _BATCH or characters >= _BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _row(
    pair: Pair,
    annotation: Annotation,
    rules: Profile,
    tokenizer: WordPiece | None,
    *,
    mentions: bool,
) -> dict[str, Any]:
    record = to_record(
        annotation,
        image=pair.image,
        pmid=pair.article.pmid,
        pmc=pair.article.pmc,
        fig_id=pair.figure.id,
        fig_label=pair.figure.label,
        fig_list_items=pair.figure.list_items,
        graphic_ref=pair.graphic.ref,
        href=pair.graphic.href,
        tokenizer=tokenizer,
        **rules,
    )
    every = {MENTIONS: [mention.to_row() for mention in annotation]} if mentions else {}
    return {**record, **every, PROVENANCE: pair.provenance.to_dict()}
