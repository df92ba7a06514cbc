"""Annotating any number of captions: the run as a whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from concept_linker._version import __version__
from concept_linker.annotating.annotating import ShardReport
from concept_linker.annotating.columns import Columns, survey
from concept_linker.annotating.folder import OutputFolder, open_output
from concept_linker.annotating.inputs import InputFile, find_inputs, identify, spool_standard_input
from concept_linker.annotating.job import (
    MAX_CHARACTERS,
    TIMEOUT,
    Job,
    LinkerChoice,
    base_checksum,
    check_formats,
)
from concept_linker.annotating.monitor import Monitor, Totals
from concept_linker.annotating.reading import ShardSource
from concept_linker.annotating.summary import Summary
from concept_linker.errors import BatchError, SettingsError
from concept_linker.triplets.making import how_made
from concept_linker.triplets.record import PROFILES, Form, Negated, Profile
from concept_linker.triplets.wordpiece import WordPiece

if TYPE_CHECKING:
    from concept_linker.linker import ConceptLinker

__all__ = ["annotate"]

#: What the bytes of the output, or the time, may depend on.
_PACKAGES = ("numba", "numpy", "pyarrow", "tokenizers", "ray")


def annotate(
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    output: str | PathLike[str],
    *,
    kb: str | PathLike[str] = "default",
    detector: str | None = None,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    formats: str | Sequence[str] = "parquet",
    form: Form = "full",
    profile: str = "exact",
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
    workers, however often the run was killed.  The same call goes on where it was stopped.
    A bad row never costs a good one: it goes into ``quarantine`` inside the output.

    In a script, call it under ``if __name__ == "__main__":``, as everything that starts processes.

    Args:
        inputs: JSON Lines (plain, gzip, zstd), Parquet, CSV, folders of them, or ``"-"``.
        output: the folder to write.
        kb: ``"default"``, or the folder of a base.
        detector: what finds mentions; the linker's default if none is given.
        workers: how many processes; as many as there are cores if not given.
        engine: ``"local"``, or ``"ray"`` (extra ``ray``).
        ray_address: a cluster (``"auto"``, ``"ray://host:10001"``); else a Ray of this machine.
        formats: ``"parquet"``, ``"jsonl"``, ``"jsonl.gz"``, ``"jsonl.zst"``, or
            ``"parquet,jsonl"``.
        form: full or minimised records.
        profile: the profile, ``"exact"`` or ``"medconcept23m"``.
        negated: ``"drop"`` leaves mentions that the caption says are absent out of records,
            ``"keep"`` does not; the profile's if not given (the published records keep them).
        tokenizer: a WordPiece vocabulary for the spans' tokens.
        caption: the caption's column; found by its name if not given.
        image: the image's column; found by its name if not given.
        images: whether rows have images; else ``image`` is empty in all records.
        other_columns: the input's other columns go along.
        mentions: a column ``mentions`` with every mention, whatever id its concept has.
        timeout: a caption that takes more seconds than this is set aside.
        max_characters: a caption with more characters than this is set aside.
        shard_size: how many rows a shard has; from 250 up to 5,000, growing, if not given.
        resume: go on with what is in the folder; else begin anew.
        metrics: a file that counters are written to in Prometheus' text format.
        quiet: no progress bar.
        settings: of the linker, see :class:`~concept_linker.settings.LinkerSettings`.

    Raises:
        BatchError: the folder is of another run, the input is another than before or changes while
            it is read, or the run cannot go on; what is finished stays.
        InputError: an input does not exist or has no column of captions.
        SettingsError: a setting that does not exist or is out of range.
        SourceError: an input is damaged as a whole.
    """
    if isinstance(inputs, str | PathLike):
        inputs = [inputs]
    folder_path = Path(output)
    run_shards = _engine(engine, ray_address)
    workers = _checked_workers(workers, elsewhere=ray_address is not None)
    if shard_size is not None:
        _check_whole("shard_size", shard_size)
    _check_whole("max_characters", max_characters)
    if not isinstance(timeout, int | float) or not 0 < timeout < threading.TIMEOUT_MAX:
        raise SettingsError(f"timeout is {timeout!r}, wanted a number of seconds above 0")
    if not images and image is not None:
        raise SettingsError("image is given, and that there are no images; wanted one of these")
    if form not in ("full", "minimised"):
        raise SettingsError(f"form is {form!r}, wanted 'full' or 'minimised'")
    if profile not in PROFILES:
        raise SettingsError(f"profile is {profile!r}, wanted one of {', '.join(PROFILES)}")
    rules = PROFILES[profile]
    if negated is not None:
        if negated not in ("drop", "keep"):
            raise SettingsError(f"negated is {negated!r}, wanted 'drop' or 'keep'")
        rules = {**rules, "negated": negated}
    names = check_formats(formats)
    choice = LinkerChoice(
        kb if kb == "default" else str(Path(kb).absolute()), detector, dict(settings)
    )
    paths = find_inputs(inputs)
    linker = choice.load(quiet=quiet)
    choice = replace(choice, kb_sha256=base_checksum(linker))
    with open_output(folder_path) as folder:
        files = [_identify(path, folder) for path in paths]
        columns = survey(
            files,
            caption=caption,
            image=image,
            images=images,
            keep=other_columns,
            json_lines=any(name != "parquet" for name in names),
            mentions=mentions,
        )
        job = _job(linker, choice, columns, names, form, rules, tokenizer, mentions)
        job = replace(job, timeout=float(timeout), max_characters=max_characters)
        del linker  # the workers have their own
        asked = _asked(files, job, shard_size, other_columns)
        folder.begin(asked, {"versions": _versions(), "base": choice.kb}, resume=resume)
        source = ShardSource(tuple(files), shard_size, frozenset())
        # Where an input was something else for a while, they are of that.
        folder.forget(source.changed(_checksums(folder)))
        source = source.without(folder.finished)
        monitor = Monitor(
            Totals.of(folder.finished.values()),
            sum(file.bytes for file in files),
            Path(metrics) if metrics else None,
        )

        def done(report: ShardReport) -> None:
            folder.add(report)
            monitor.add(report)

        try:
            with monitor.shown(quiet=quiet):
                died, moved = monitor.worker_died, monitor.moved
                run_shards(job, folder_path, source, done, workers, died, moved)
            _check_what_was_read(folder, source)
            summary = _summary(folder_path, monitor, workers)
            folder.end(_result(summary, monitor))
        except OSError as error:
            raise _stopped(error, folder) from error
    return summary


def _checksums(folder: OutputFolder) -> dict[int, str]:
    return {number: report.input_sha256 for number, report in folder.finished.items()}


def _check_what_was_read(folder: OutputFolder, source: ShardSource) -> None:
    """Reads the input once more: it may have been something else only while it was read."""
    read = {n: one for n, one in _checksums(folder).items() if n not in source.finished}
    if changed := source.changed(read):
        folder.forget(changed)
        raise BatchError(
            f"the input was another one while it was read: {len(changed):,} of its shards, the "
            f"first of them {min(changed)}, are not of what is there now; the same command makes "
            "them anew"
        )


def _check_whole(name: str, given: Any) -> None:
    if not isinstance(given, int) or given < 1:
        raise SettingsError(f"{name} is {given!r}, wanted a whole number from 1 on")


def _checked_workers(given: int | None, *, elsewhere: bool) -> int | None:
    """How many; on another machine, or many, as many as there is room for."""
    if given is not None:
        _check_whole("workers", given)
        return given
    if elsewhere:
        return None
    if hasattr(os, "sched_getaffinity"):  # what this process may use
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _engine(name: str, address: str | None) -> Callable[..., None]:
    if name == "ray":
        from concept_linker.annotating.ray_engine import run_on_ray

        return partial(run_on_ray, address=address)
    if name != "local":
        raise SettingsError(f"engine is {name!r}, wanted 'local' or 'ray'")
    if address is not None:
        raise SettingsError("ray_address is given, wanted engine 'ray' with it")
    from concept_linker.annotating.local import run_locally

    return run_locally


def _identify(path: Path, folder: OutputFolder) -> InputFile:
    if str(path) != "-":
        return identify(path)
    spool_standard_input(folder.spool)
    return identify(folder.spool, name="standard input")


def _job(
    linker: ConceptLinker,
    choice: LinkerChoice,
    columns: Columns,
    formats: tuple[str, ...],
    form: Form,
    profile: Profile,
    tokenizer: str | PathLike[str] | None,
    mentions: bool,
) -> Job:
    wordpiece = WordPiece.load(Path(tokenizer)) if tokenizer else None
    return Job(
        linker=choice,
        columns=columns,
        formats=formats,
        form=form,
        profile=profile,
        tokenizer=Path(tokenizer).absolute() if tokenizer else None,
        mentions=mentions,
        linked_by={
            "version": __version__,
            "kb": linker.kb.path.name,
            "kb_sha256": choice.kb_sha256,
            "settings": {
                **linker.settings.model_dump(mode="json"),
                "detector": choice.detector_name(),
                **how_made(**profile, tokenizer=wordpiece),
            },
        },
    )


def _asked(
    files: Sequence[InputFile], job: Job, shard_size: int | None, other_columns: bool
) -> dict[str, Any]:
    """Everything that the shards depend on."""
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


def _summary(output: Path, monitor: Monitor, workers: int | None) -> Summary:
    totals, here = monitor.totals, monitor.here
    return Summary(
        output=output,
        captions=totals.annotated,
        bad=totals.bad,
        mentions=totals.mentions,
        linked=totals.linked,
        spans=totals.spans,
        negated=totals.negated,
        shards=totals.shards,
        here=here.annotated,
        seconds=monitor.elapsed,
        linking=here.linking,
        working=here.seconds,
        died=monitor.died,
        workers=workers,
    )


def _result(summary: Summary, monitor: Monitor) -> dict[str, Any]:
    """What the manifest says at the end: of all runs, and of the last."""
    last = {
        "captions": summary.here,
        "seconds": round(summary.seconds, 3),
        "workers": summary.workers,
        "worker_deaths": summary.died,
    }
    return {**asdict(monitor.totals), "last_run": last}


def _stopped(error: OSError, folder: OutputFolder) -> BatchError:
    place = error.filename or folder.path
    reason = os.strerror(error.errno) if error.errno else str(error)
    return BatchError(
        f"{place}: {reason}; shards finished: {len(folder.finished):,}; the same command goes on "
        "from there"
    )
