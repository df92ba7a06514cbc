"""Annotates any number of captions: checks the settings and conducts the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from concept_linker._version import __version__
from concept_linker.annotating.engines import ENGINES, Engine
from concept_linker.annotating.inputs.columns import infer_columns
from concept_linker.annotating.inputs.files import (
    InputFile,
    find_inputs,
    identify,
    spool_standard_input,
)
from concept_linker.annotating.job import (
    MAX_CHARACTERS,
    TIMEOUT,
    Job,
    LinkerSpec,
    kb_checksum,
)
from concept_linker.annotating.monitor import Monitor
from concept_linker.annotating.report import Summary, Totals
from concept_linker.annotating.resume import OutputFolder, open_output
from concept_linker.annotating.shards.formats import FORMATS, parse_formats
from concept_linker.annotating.shards.source import ShardSource
from concept_linker.errors import BatchError, SettingsError
from concept_linker.runtime.registry import find_entry
from concept_linker.triplets.from_annotation import record_settings
from concept_linker.triplets.record import PROFILES, Form, Negated, Profile
from concept_linker.triplets.wordpiece import WordPiece

__all__ = ["annotate"]

#: Packages whose version may affect the bytes of the output or the time.
_PACKAGES = ("numba", "numpy", "pyarrow", "tokenizers", "ray")


def annotate(
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    *,
    kb: str | PathLike[str] = "default",
    detector: str = "hybrid",
    profile: str = "exact",
    workers: int | None = None,
    engine: str = "local",
    ray_address: str | None = None,
    formats: str | Sequence[str] = "parquet",
    form: Form = "full",
    negated: Negated | None = None,
    tokenizer: str | PathLike[str] | None = None,
    caption: str | None = None,
    image: str | None = None,
    images: bool = True,
    other_columns: bool = True,
    mentions: bool = False,
    timeout: float = TIMEOUT,
    max_characters: int = MAX_CHARACTERS,
    shard_size: int | None = None,
    resume: bool = True,
    metrics: str | PathLike[str] | None = None,
    quiet: bool = True,
    **settings: Any,
) -> Summary:
    """Annotates files of captions into shards of image-text-concept triplets.

    Shards are cut by place in the input, so the same input gives the same bytes with any number of
    workers, however often the run was killed.  The same call continues a run that was stopped.
    A bad row never costs a good one: it goes into ``quarantine`` inside the output.

    In a script, call it under ``if __name__ == "__main__":``, because it starts processes.

    Args:
        inputs: JSON Lines (plain, gzip, zstd), Parquet, CSV, folders of them, or ``"-"``.
        output: the output folder.
        kb: ``"default"``, or the folder of a knowledge base.
        detector: ``"hybrid"``, ``"ner"``, ``"dictionary"``, or the name of a spaCy model.
        profile: ``"exact"`` or ``"medconcept23m"``: which mentions become spans, and what their
            offsets index.
        workers: the number of processes; by default one per core.
        engine: ``"local"``, or ``"ray"`` (extra ``ray``).
        ray_address: the address of a cluster (``"auto"``, ``"ray://host:10001"``); by default Ray
            is started on this machine.
        formats: ``"parquet"``, ``"jsonl"``, ``"jsonl.gz"``, ``"jsonl.zst"``, or two of them, such
            as ``"parquet,jsonl"``.
        form: ``"full"`` or ``"minimised"`` records.
        negated: ``"drop"`` leaves negated mentions out of records, ``"keep"`` keeps them; by
            default what the profile says (the published records keep them).
        tokenizer: a WordPiece vocabulary for the spans' tokens.
        caption: the caption's column; by default found by its name.
        image: the image's column; by default found by its name.
        images: whether rows have images; if not, ``image`` is empty in all records.
        other_columns: copy the input's other columns.
        mentions: add a column ``mentions`` with every mention, whatever the id of its concept.
        timeout: the time limit of a caption in seconds; beyond it, its row goes into quarantine.
        max_characters: the maximum length of a caption; beyond it, its row goes into quarantine.
        shard_size: the number of rows per shard; by default it grows from 250 to 5,000.
        resume: continue the run in the folder; otherwise start from scratch.
        metrics: a file for counters in Prometheus' text format.
        quiet: show no progress bar.
        settings: settings of the linker, see :class:`~concept_linker.LinkerSettings`.

    Returns:
        Counts and times.

    Raises:
        BatchError: the folder belongs to another run, the input has changed, or the run cannot
            continue; finished shards are kept.
        InputError: an input does not exist or has no column of captions.
        SettingsError: a setting does not exist or is out of range.
        SourceError: an input is damaged or has an unsupported format.
    """
    if isinstance(inputs, str | PathLike):
        inputs = [inputs]
    output = Path(output)
    _check_settings(timeout, max_characters, shard_size, workers, form, images, image)
    if ray_address is not None and engine != "ray":
        raise SettingsError(f"ray_address is given, but engine is {engine!r}, expected 'ray'")
    run: Engine = find_entry(ENGINES, engine, "engine").load()
    if workers is None and ray_address is None:
        workers = _cores()
    rules = _profile(profile, negated)
    names = parse_formats(formats)
    spec = LinkerSpec(kb if kb == "default" else str(Path(kb).absolute()), detector, settings)
    paths = find_inputs(inputs)
    linker = spec.load(quiet=quiet)
    spec = replace(spec, kb_sha256=kb_checksum(linker))
    wordpiece = WordPiece.load(Path(tokenizer)) if tokenizer else None
    linked_by = {
        "version": __version__,
        "kb": linker.kb.path.name,
        "kb_sha256": spec.kb_sha256,
        "settings": {
            **linker.settings.model_dump(mode="json"),
            "detector": detector,
            **record_settings(**rules, tokenizer=wordpiece),
        },
    }
    del linker  # each worker loads its own
    with open_output(output) as folder:
        files = [_identify(path, folder) for path in paths]
        job = Job(
            linker=spec,
            columns=infer_columns(
                files,
                caption=caption,
                image=image,
                images=images,
                keep_others=other_columns,
                json_types=any(FORMATS[name].load().json_types for name in names),
                mentions=mentions,
            ),
            formats=names,
            form=form,
            profile=rules,
            tokenizer=Path(tokenizer).absolute() if tokenizer else None,
            mentions=mentions,
            linked_by=linked_by,
            timeout=float(timeout),
            max_characters=max_characters,
        )
        asked = _asked(files, job, shard_size, other_columns)
        folder.begin(asked, {"versions": _versions(), "base": spec.kb}, resume=resume)
        source = ShardSource(tuple(files), shard_size, frozenset())
        # Shards made while the input was temporarily different.
        folder.discard(source.changed(folder.checksums()))
        source = source.without(folder.finished)
        monitor = Monitor(
            Totals.of(folder.finished.values()),
            sum(file.bytes for file in files),
            Path(metrics) if metrics else None,
            checkpoint=folder.add,
        )
        try:
            with monitor.shown(quiet=quiet):
                run(job, output, source, monitor, workers=workers, address=ray_address)
            _check_input_unchanged(folder, source)
            summary = monitor.summary(output, workers)
            folder.end(_result(summary, monitor.totals))
        except OSError as error:
            raise _interrupted(error, folder) from error
    return summary


def _check_settings(
    timeout: Any,
    max_characters: Any,
    shard_size: Any,
    workers: Any,
    form: str,
    images: bool,
    image: str | None,
) -> None:
    if not isinstance(timeout, int | float) or not 0 < timeout < threading.TIMEOUT_MAX:
        raise SettingsError(f"timeout is {timeout!r}, expected a number of seconds > 0")
    counts = {"max_characters": max_characters, "shard_size": shard_size, "workers": workers}
    for name, value in counts.items():
        optional = name != "max_characters"
        if not (value is None and optional) and (not isinstance(value, int) or value < 1):
            raise SettingsError(f"{name} is {value!r}, expected an integer ≥ 1")
    if not images and image is not None:
        raise SettingsError(f"image is {image!r}, but images is False; expected only one of them")
    if form not in ("full", "minimised"):
        raise SettingsError(f"form is {form!r}, expected 'full' or 'minimised'")


def _profile(name: str, negated: Negated | None) -> Profile:
    if name not in PROFILES:
        raise SettingsError(f"profile is {name!r}, expected {' or '.join(map(repr, PROFILES))}")
    profile = PROFILES[name]
    if negated is None:
        return profile
    if negated not in ("drop", "keep"):
        raise SettingsError(f"negated is {negated!r}, expected 'drop' or 'keep'")
    return {**profile, "negated": negated}


def _cores() -> int:
    """Returns the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _identify(path: Path, folder: OutputFolder) -> InputFile:
    if str(path) != "-":
        return identify(path)
    spool_standard_input(folder.spool)
    return identify(folder.spool, name="standard input")


def _asked(
    files: Sequence[InputFile], job: Job, shard_size: int | None, other_columns: bool
) -> dict[str, Any]:
    """Returns everything that the shards depend on."""
    return {
        "concept_linker": __version__,
        "inputs": [file.to_dict() for file in files],
        "columns": job.columns.to_dict(),
        "other_columns": other_columns,
        "formats": list(job.formats),
        "form": job.form,
        "mentions": job.mentions,
        "timeout": job.timeout,
        "max_characters": job.max_characters,
        "shard_size": shard_size,
        "linker": {key: job.linked_by[key] for key in ("kb", "kb_sha256", "settings")},
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _check_input_unchanged(folder: OutputFolder, source: ShardSource) -> None:
    """Reads the input again: it may have been different only while it was read."""
    checksums = {n: one for n, one in folder.checksums().items() if n not in source.finished}
    if changed := source.changed(checksums):
        folder.discard(changed)
        raise BatchError(
            f"the input changed during the run: {len(changed):,} shards, the first of them number "
            f"{min(changed)}, differ from the input as it is now and were removed; run the same "
            "command again to make them"
        )


def _result(summary: Summary, totals: Totals) -> dict[str, Any]:
    """Returns the result in the manifest: of all runs, and of the last."""
    last_run = {
        "captions": summary.here,
        "seconds": round(summary.seconds, 3),
        "workers": summary.workers,
        "worker_deaths": summary.died,
    }
    return {**asdict(totals), "last_run": last_run}


def _interrupted(error: OSError, folder: OutputFolder) -> BatchError:
    place = error.filename or folder.path
    reason = os.strerror(error.errno) if error.errno else str(error)
    return BatchError(
        f"{place}: {reason}; finished shards: {len(folder.finished):,}; run the same command again "
        "to continue"
    )
