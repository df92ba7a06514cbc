"""The output folder: the run it belongs to, and which of its shards are finished.

``manifest.json`` says what the run was asked for; a run that asks for something else is refused.
A shard is finished once ``progress.jsonl`` has its line, which is written after its files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from concept_linker.annotating.report import ShardReport
from concept_linker.annotating.shards.formats import FORMATS
from concept_linker.annotating.shards.writer import QUARANTINE
from concept_linker.errors import BatchError
from concept_linker.files import sync, write_whole
from concept_linker.knowledge_base.checksum import sha256_of

__all__ = ["OutputFolder", "open_output"]

_MANIFEST: Final = "manifest.json"
_PROGRESS: Final = "progress.jsonl"
_LOCK: Final = ".lock"
_SPOOL: Final = ".standard-input"
_FORMAT_VERSION: Final = 1
#: The files of shards; nothing else is ever removed.
_SHARD_FILE: Final = re.compile(
    rf"({QUARANTINE}/)?part-\d{{5,}}(\.provenance|\.span_details)?"
    rf"\.({'|'.join(map(re.escape, FORMATS))})"
)


@contextmanager
def open_output(path: Path) -> Iterator[OutputFolder]:
    """Opens a folder and locks it for this run.

    Raises:
        BatchError: the folder cannot be created or written, contains something else, or is locked
            by another run.
    """
    from filelock import FileLock, Timeout

    if path.exists() and not path.is_dir():
        raise BatchError(f"{path}: is a file, expected a folder")
    if (path / QUARANTINE).is_symlink():
        raise BatchError(f"{path / QUARANTINE}: is a symbolic link, expected a folder")
    if path.is_dir() and not (path / _MANIFEST).is_file():
        others = sorted(one.name for one in path.iterdir() if one.name not in (_LOCK, _SPOOL))
        others = [name for name in others if not name.startswith(f".{_MANIFEST}.")]
        if others:
            raise BatchError(
                f"{path}: contains {others[0]}, but no {_MANIFEST} of an earlier run; "
                "expected a new or empty folder"
            )
    lock = FileLock(path / _LOCK)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise BatchError(f"{path}: another run is writing into this folder") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise BatchError(f"{path}: {reason}; expected a writable folder") from error
    folder = OutputFolder(path)
    try:
        folder.remove_partial_files()
        yield folder
    finally:
        folder.close()
        folder.remove_partial_files()
        lock.release()


class OutputFolder:
    """A folder of shards; made by :func:`open_output`.

    Args:
        path: the folder.

    Attributes:
        finished: number → report of the finished shards.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished: dict[int, ShardReport] = {}
        self._progress: IO[bytes] | None = None
        self._head: dict[str, Any] = {}

    @property
    def spool(self) -> Path:
        """The copy of standard input during a run."""
        return self.path / _SPOOL

    def checksums(self) -> dict[int, str]:
        """Returns the checksum of the input rows of each finished shard."""
        return {number: report.input_sha256 for number, report in self.finished.items()}

    def remove_partial_files(self) -> None:
        """Removes the partial files of a killed run, whose workers ended with it."""
        for pattern in (".part-*.part", f"{QUARANTINE}/.part-*.part", f".{_MANIFEST}.*.part"):
            for partial in self.path.glob(pattern):
                partial.unlink(missing_ok=True)
        self.spool.unlink(missing_ok=True)

    def begin(self, asked: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool) -> None:
        """Starts a run: compares it with the earlier one and finds the finished shards.

        Args:
            asked: everything that the output depends on.
            about: other entries of the manifest.
            resume: continue an earlier run; otherwise its shards are removed.

        Raises:
            BatchError: the earlier run was asked for something else.
            OSError: the folder cannot be written.
        """
        asked = json.loads(json.dumps(asked))  # as it is read from the manifest
        earlier = self._read_manifest()
        if earlier is not None and resume:
            _check_same(self.path, earlier["asked"], asked)
            self._find_finished()
        elif earlier is not None:
            self._remove_shards()
        self._head = {"format": _FORMAT_VERSION, "asked": asked, **about}
        self._write_manifest({**self._head, "result": None})
        self._rewrite_progress()

    def add(self, report: ShardReport) -> None:
        """Records that a shard is finished.

        Raises:
            OSError: it cannot be recorded, and will be annotated again.
        """
        if self._progress is None:
            self._progress = (self.path / _PROGRESS).open("ab", buffering=0)
        self._progress.write(_line(report))
        self.finished[report.number] = report

    def discard(self, numbers: Iterable[int]) -> None:
        """Removes finished shards."""
        self.close()
        discarded = [self.finished.pop(number) for number in numbers]
        self._rewrite_progress()  # first: without their lines the shards are not finished
        for report in discarded:
            for name in report.files:
                (self.path / name).unlink(missing_ok=True)

    def end(self, result: Mapping[str, Any]) -> None:
        """Writes the manifest of a complete run, and removes shards that are not part of it."""
        self.close()
        known = {name for report in self.finished.values() for name in report.files}
        for name in self._shard_files():
            if name not in known:
                (self.path / name).unlink()
        self._rewrite_progress()
        self._write_manifest({**self._head, "result": result})

    def close(self) -> None:
        """Closes the progress file."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / _MANIFEST
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_bytes())
            valid = found["format"] == _FORMAT_VERSION and isinstance(found["asked"], dict)
        except (ValueError, KeyError, TypeError):
            valid = False
        if not valid:
            raise BatchError(
                f"{path}: was not written by this version of annotate; expected a new folder"
            )
        return dict(found)

    def _write_manifest(self, content: Mapping[str, Any]) -> None:
        """Writes it to disk before any shard: shards without a manifest are nobody's."""
        with write_whole(self.path / _MANIFEST) as part, part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync(self.path)

    def _find_finished(self) -> None:
        path = self.path / _PROGRESS
        if not path.is_file():
            return
        for line in path.read_bytes().split(b"\n"):
            try:
                report = ShardReport.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # cut off when the run was killed; the shard is annotated again
            if self._is_intact(report):
                self.finished[report.number] = report

    def _is_intact(self, report: ShardReport) -> bool:
        for name, (size, sha256) in report.files.items():
            path = self.path / name
            if not _SHARD_FILE.fullmatch(name):  # files of finished shards may be removed
                return False
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
                return False
        return True

    def _rewrite_progress(self) -> None:
        """Writes the finished shards in order, without torn lines and damaged shards."""
        with write_whole(self.path / _PROGRESS) as part:
            part.write_bytes(b"".join(_line(self.finished[n]) for n in sorted(self.finished)))

    def _remove_shards(self) -> None:
        (self.path / _PROGRESS).unlink(missing_ok=True)  # first: without it no shard is finished
        for name in self._shard_files():
            (self.path / name).unlink()

    def _shard_files(self) -> Iterator[str]:
        for folder in (self.path, self.path / QUARANTINE):
            for path in sorted(folder.glob("part-*")):
                name = path.relative_to(self.path).as_posix()
                if _SHARD_FILE.fullmatch(name) and path.is_file():
                    yield name


def _line(report: ShardReport) -> bytes:
    return json.dumps(report.to_dict()).encode() + b"\n"


def _check_same(path: Path, earlier: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Refuses a run that would not give the same shards, and names the differences."""
    differences = list(_differences(earlier, asked, ""))
    if differences:
        shown = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise BatchError(
            f"{path}: contains a run with other input or settings: {shown}; choose another folder, "
            "or start again with --no-resume"
        )


def _differences(earlier: Any, asked: Any, name: str) -> Iterator[str]:
    if isinstance(earlier, dict) and isinstance(asked, dict):
        for key in [*earlier, *(key for key in asked if key not in earlier)]:
            place = f"{name}.{key}" if name else key
            yield from _differences(earlier.get(key), asked.get(key), place)
    elif isinstance(earlier, list) and isinstance(asked, list):
        if len(earlier) != len(asked):
            yield f"{name}: {len(earlier)} before, {len(asked)} now"
        for number, (one, other) in enumerate(zip(earlier, asked, strict=False)):
            yield from _differences(one, other, f"{name}[{number}]")
    elif earlier != asked:
        yield f"{name} was {_shortened(earlier)}, now {_shortened(asked)}"


def _shortened(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"
