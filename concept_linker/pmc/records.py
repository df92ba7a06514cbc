"""A file of records from articles, with concepts where a linker is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import concept_linker
from concept_linker.annotation import Annotation
from concept_linker.errors import InputError, SettingsError
from concept_linker.knowledge_base.checksum import sha256_of
from concept_linker.knowledge_base.source import Quarantine
from concept_linker.knowledge_base.store import MANIFEST as KB_MANIFEST
from concept_linker.pmc.extraction import ExtractionSummary, Pair, extract
from concept_linker.pmc.manifest import MANIFEST
from concept_linker.pmc.sources import check_sources
from concept_linker.triplets.checking import PROVENANCE
from concept_linker.triplets.making import how_made, to_record
from concept_linker.triplets.provenance import Provenance
from concept_linker.triplets.record import PROFILES, Profile
from concept_linker.triplets.running import quarantine_of
from concept_linker.triplets.streams import check_ending, open_writer

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker
    from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["write_records"]

_BATCH = 256


def write_records(
    sources: Sequence[Path],
    output: Path,
    *,
    images: Path | None = None,
    with_images: bool = False,
    linker: ConceptLinker | None = None,
    profile: Profile = PROFILES["exact"],
    tokenizer: WordPiece | None = None,
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
        progress: told how many records there are.

    Raises:
        InputError: a source that does not exist.
        SettingsError: another ending; images without a place they come from.
        OSError: the output cannot be written.
    """
    check_sources(sources)
    check_ending(output)
    summary = ExtractionSummary()
    bad = Quarantine(quarantine_of(output))

    def reject(name: str, reason: str) -> None:
        summary.rejected += 1
        bad.bad(name, None, reason)

    with open_writer(
        output,
        provenance=True,
        images=_image_folder(sources, images) if with_images else False,
        metadata=how_made(**profile, tokenizer=tokenizer),
    ) as writer:
        quarantine_of(output).unlink(missing_ok=True)
        pairs = extract(sources, summary, reject, images=images)
        for pair, annotation, provenance in _annotated(pairs, linker, profile, tokenizer):
            try:
                row = _row(pair, annotation, provenance, profile, tokenizer)
                writer.write(row)
            except InputError as error:
                reject(f"PMC{pair.article.pmc}, figure {pair.figure.id}", str(error))
                continue
            summary.records += 1
            summary.spans += len(row["umls_meta_info"])
            if progress:
                progress(1)
    return summary


def _image_folder(sources: Sequence[Path], images: Path | None) -> Path:
    """Where the paths of images count from."""
    if images:
        return images
    if len(sources) == 1 and (sources[0] / MANIFEST).is_file():
        return sources[0]
    raise SettingsError("images are wanted in the file, but no folder of images is given")


def _annotated(
    pairs: Iterable[Pair],
    linker: ConceptLinker | None,
    profile: Profile,
    tokenizer: WordPiece | None,
) -> Iterator[tuple[Pair, Annotation, Provenance]]:
    if linker is None:
        for pair in pairs:
            yield pair, Annotation(pair.figure.caption), pair.provenance
        return
    about: dict[str, Any] = {
        "version": concept_linker.__version__,
        "kb": linker.kb.path.name,
        "kb_sha256": sha256_of(linker.kb.path / KB_MANIFEST),
        "settings": {
            **linker.settings.model_dump(mode="json"),
            **how_made(**profile, tokenizer=tokenizer),
        },
    }
    stream = iter(pairs)
    while batch := list(itertools.islice(stream, _BATCH)):
        captions = [pair.figure.caption for pair in batch]
        for pair, annotation in zip(batch, linker.link_many(captions), strict=True):
            yield pair, annotation, pair.provenance.linked(**about)


def _row(
    pair: Pair,
    annotation: Annotation,
    provenance: Provenance,
    profile: Profile,
    tokenizer: WordPiece | None,
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
    return {**record, PROVENANCE: provenance.to_dict()}
