"""A file of records from articles, with concepts where a linker is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
from concept_linker.triplets.from_annotation import record_settings, to_record
from concept_linker.triplets.mention_columns import MENTION, MENTIONS
from concept_linker.triplets.record import PROFILES, PROVENANCE, SPANS, Profile
from concept_linker.triplets.record_files import check_ending, quarantine_path
from concept_linker.triplets.writing import open_writer

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["write_records"]

#: How many captions are linked together, and of how many characters in all.
_BATCH = 256
_CHARACTERS = 1 << 20


def write_records(
    sources: Sequence[Path],
    output: Path,
    *,
    images: Path | None = None,
    with_images: bool = False,
    linker: ConceptLinker | None = None,
    profile: Profile = PROFILES["exact"],
    tokenizer: WordPiece | None = None,
    mentions: bool = False,
    progress: Callable[[int], object] | None = None,
) -> ExtractionSummary:
    """Reads articles and writes a record for each image of each figure, in constant memory.

    What cannot be read goes, with the reason, into ``OUTPUT.quarantine.jsonl``.  Where a record
    comes from goes into its side-car, or a column of Parquet.

    Args:
        sources: folders, archives, files, or a folder that was fetched.
        output: ends in ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``; whole or not
            at all.
        images: a folder of images; figures without one in it are left out.
        with_images: the images' bytes go into the Parquet file.
        linker: finds the concepts; without one there are none.
        profile: which become spans, and what their offsets count in.
        tokenizer: makes the spans' tokens.
        mentions: the key or column ``mentions`` has every mention, whatever its id.
        progress: told how many records there are.

    Raises:
        InputError: a source or folder of images that does not exist; sources without any article;
            images of which no figure has one.
        SettingsError: another ending; images without a place they come from; mentions without a
            linker.
        OSError: the output cannot be written.
    """
    check_sources(sources)
    check_ending(output)
    if mentions and linker is None:
        raise SettingsError("mentions are wanted, but captions are not linked")
    summary = ExtractionSummary()
    bad = Quarantine(quarantine_path(output))

    def reject(name: str, reason: str) -> None:
        summary.rejected += 1
        bad.bad(name, None, reason)

    with open_writer(
        output,
        provenance=True,
        images=_image_folder(sources, images) if with_images else False,
        columns=pa.schema([(MENTIONS, pa.list_(MENTION))] if mentions else []),
        metadata=record_settings(**profile, tokenizer=tokenizer),
    ) as writer:
        quarantine_path(output).unlink(missing_ok=True)
        pairs = extract(sources, summary, reject, images=images)
        for pair, annotation in _linked(pairs, linker, _about(linker, profile, tokenizer)):
            if isinstance(annotation, ConceptLinkerError):
                reject(pair.place, str(annotation))
                continue
            try:
                row = _row(pair, annotation, profile, tokenizer, mentions=mentions)
                writer.write(row)
            except InputError as error:
                reject(pair.place, str(error))
                continue
            _count(summary, annotation, row)
            if progress:
                progress(1)
        _check_anything_found(sources, images, summary)
    return summary


def _check_anything_found(
    sources: Sequence[Path], images: Path | None, summary: ExtractionSummary
) -> None:
    """A file without records is no result where a path was wrong."""
    named = ", ".join(map(str, sources[:3])) + (" …" if len(sources) > 3 else "")
    if not summary.articles and not summary.rejected:
        raise InputError(f"{named}: no article that was fetched; see {MANIFEST} in it for why")
    if images and not summary.records and summary.left_out["no image"]:
        raise InputError(
            f"{images}: has no image of the {summary.figures:,} figures; wanted "
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
    """Where the paths of images count from."""
    if images:
        return images
    if len(sources) == 1 and (sources[0] / MANIFEST).is_file():
        return sources[0]
    raise SettingsError("images are wanted in the file, but no folder of images is given")


def _about(
    linker: ConceptLinker | None, profile: Profile, tokenizer: WordPiece | None
) -> dict[str, Any]:
    """What the provenance says of the linker."""
    if linker is None:
        return {}
    return {
        "version": __version__,
        "kb": linker.kb.path.name,
        "kb_sha256": sha256_of(linker.kb.path / KB_MANIFEST),
        "settings": {
            **linker.settings.model_dump(mode="json"),
            **record_settings(**profile, tokenizer=tokenizer),
        },
    }


def _linked(
    pairs: Iterable[Pair], linker: ConceptLinker | None, about: dict[str, Any]
) -> Iterator[tuple[Pair, Annotation | ConceptLinkerError]]:
    """Each pair with its mentions, or with what the linker has against its caption."""
    if linker is None:
        for pair in pairs:
            yield pair, Annotation(pair.figure.caption)
        return
    for batch in _batches(pairs):
        captions = [pair.figure.caption for pair in batch]
        annotations: list[Annotation | ConceptLinkerError]
        try:
            annotations = [*linker.link_many(captions)]
        except ConceptLinkerError:  # one of them; the others shall not suffer for it
            annotations = [_one(linker, caption) for caption in captions]
        for pair, annotation in zip(batch, annotations, strict=True):
            yield pair._replace(provenance=pair.provenance.linked(**about)), annotation


def _one(linker: ConceptLinker, caption: str) -> Annotation | ConceptLinkerError:
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
        if len(batch) == _BATCH or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _row(
    pair: Pair,
    annotation: Annotation,
    profile: Profile,
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
        **profile,
    )
    every = {MENTIONS: [mention.to_row() for mention in annotation]} if mentions else {}
    return {**record, **every, PROVENANCE: pair.provenance.to_dict()}
