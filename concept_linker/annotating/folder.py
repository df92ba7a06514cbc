"""The output's folder: whose it is, which shards are finished, and nothing of half a run.

``manifest.json`` says what was asked; a run that asks for something else is refused.  A shard
counts as finished when ``progress.jsonl`` has its line, which comes after its files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from concept_linker.annotating.annotating import QUARANTINE, ShardReport
from concept_linker.errors import BatchError
from concept_linker.files import sync, write_whole
from concept_linker.knowledge_base.checksum import sha256_of

__all__ = ["MANIFEST", "OutputFolder", "open_output"]

MANIFEST: Final = "manifest.json"
PROGRESS: Final = "progress.jsonl"
_LOCK: Final = ".lock"
_SPOOL: Final = ".standard-input"
_FORMAT: Final = 1
_SHARDS: Final = "part-*"
_OURS: Final = re.compile(
    rf"({QUARANTINE}/)?part-\d{{5,}}(\.provenance|\.span_details)?\.(parquet|jsonl(\.gz|\.zst)?)"
)


@contextmanager
def open_output(path: Path) -> Iterator[OutputFolder]:
    """Takes a folder for this run alone.

    Raises:
        BatchError: it cannot be made or written, holds something else, or another run is writing
            into it.
    """
    from filelock import FileLock, Timeout

    if path.exists() and not path.is_dir():
        raise BatchError(f"{path}: is a file, wanted a folder")
    if (path / QUARANTINE).is_symlink():
        raise BatchError(f"{path / QUARANTINE}: is a link, wanted a folder")
    ours = {_LOCK, _SPOOL}
    if path.is_dir() and not (path / MANIFEST).is_file():
        others = sorted(one.name for one in path.iterdir() if one.name not in ours)
        others = [name for name in others if not name.startswith(f".{MANIFEST}.")]
        if others:
            raise BatchError(
                f"{path}: has {others[0]}, but no {MANIFEST} of an earlier run; "
                "wanted a new or empty folder"
            )
    lock = FileLock(path / _LOCK)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise BatchError(f"{path}: another run is writing into it") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise BatchError(f"{path}: {reason}; wanted a folder that can be written") from error
    folder = OutputFolder(path)
    try:
        folder.sweep()
        yield folder
    finally:
        folder.close()
        folder.sweep()
        lock.release()


class OutputFolder:
    """A folder of shards; made by :func:`open_output`.

    Args:
        path: the folder.

    Attributes:
        finished: number → report of the shards that need not be done again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.finished: dict[int, ShardReport] = {}
        self._progress: IO[bytes] | None = None
        self._head: dict[str, Any] = {}

    @property
    def spool(self) -> Path:
        """Where standard input is kept during a run."""
        return self.path / _SPOOL

    def sweep(self) -> None:
        """Removes what a killed run left half-written; its workers have ended with it."""
        for pattern in (".part-*.part", f"{QUARANTINE}/.part-*.part", f".{MANIFEST}.*.part"):
            for left in self.path.glob(pattern):
                left.unlink(missing_ok=True)
        self.spool.unlink(missing_ok=True)

    def begin(self, wanted: Mapping[str, Any], about: Mapping[str, Any], *, resume: bool) -> None:
        """Says what this run does, and finds what is done already.

        Args:
            wanted: what the output depends on.
            about: what else the manifest says.
            resume: go on with an earlier run; else its shards are removed first.

        Raises:
            BatchError: the earlier run was asked for something else.
            OSError: the folder cannot be written.
        """
        wanted = json.loads(json.dumps(wanted))  # as it is read again
        earlier = self._read_manifest()
        if earlier is not None and resume:
            _compare(self.path, earlier["asked"], wanted)
            self._find_finished()
        elif earlier is not None:
            self._remove()
        self._head = {"format": _FORMAT, "asked": wanted, **about}
        self._write_manifest({**self._head, "result": None})
        self._rewrite_progress()

    def add(self, report: ShardReport) -> None:
        """Notes that a shard is finished.

        Raises:
            OSError: it cannot be noted; the shard will be done again.
        """
        if self._progress is None:
            self._progress = (self.path / PROGRESS).open("ab", buffering=0)
        self._progress.write(_line(report))
        self.finished[report.number] = report

    def forget(self, numbers: Iterable[int]) -> None:
        """Takes back that shards are finished, and removes them."""
        self.close()
        gone = [self.finished.pop(number) for number in numbers]
        self._rewrite_progress()  # first: without their lines they are not finished
        for report in gone:
            for name in report.files:
                (self.path / name).unlink(missing_ok=True)

    def end(self, result: Mapping[str, Any]) -> None:
        """Writes the manifest of a run that is through; no shard is left that is not of it."""
        self.close()
        known = {name for report in self.finished.values() for name in report.files}
        for name in self._shards():
            if name not in known:
                (self.path / name).unlink()
        self._rewrite_progress()
        self._write_manifest({**self._head, "result": result})

    def close(self) -> None:
        """Lets go of the file that is open."""
        if self._progress is not None:
            self._progress.close()
            self._progress = None

    def _read_manifest(self) -> dict[str, Any] | None:
        path = self.path / MANIFEST
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_bytes())
            known = found["format"] == _FORMAT and isinstance(found["asked"], dict)
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise BatchError(f"{path}: no manifest of this version's annotate; wanted a new folder")
        return dict(found)

    def _write_manifest(self, content: Mapping[str, Any]) -> None:
        """Before any shard: without a manifest, even after a power cut, they would be nobody's."""
        with write_whole(self.path / MANIFEST) as part, part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync(self.path)

    def _find_finished(self) -> None:
        path = self.path / PROGRESS
        if not path.is_file():
            return
        for line in path.read_bytes().split(b"\n"):
            try:
                report = ShardReport.from_dict(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # torn when the run was killed: that shard is done again
            if self._is_whole(report):
                self.finished[report.number] = report

    def _is_whole(self, report: ShardReport) -> bool:
        for name, (size, sha256) in report.files.items():
            path = self.path / name
            if not _OURS.fullmatch(name):  # files of finished shards may be removed
                return False
            if not path.is_file() or path.stat().st_size != size or sha256_of(path) != sha256:
                return False
        return True

    def _rewrite_progress(self) -> None:
        """In the order of shards, without torn lines and shards that are no longer whole."""
        with write_whole(self.path / PROGRESS) as part:
            part.write_bytes(b"".join(_line(self.finished[n]) for n in sorted(self.finished)))

    def _remove(self) -> None:
        (self.path / PROGRESS).unlink(missing_ok=True)  # first: without it no shard is finished
        for name in self._shards():
            (self.path / name).unlink()

    def _shards(self) -> Iterator[str]:
        """The names of all shards' files.  What else begins like one is not ours to remove."""
        for folder in (self.path, self.path / QUARANTINE):
            for path in sorted(folder.glob(_SHARDS)):
                name = path.relative_to(self.path).as_posix()
                if _OURS.fullmatch(name) and path.is_file():
                    yield name


def _line(report: ShardReport) -> bytes:
    return json.dumps(report.to_dict()).encode() + b"\n"


def _compare(path: Path, earlier: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Refuses what would not give the same shards, and says what it is."""
    differences = list(_differences(earlier, wanted, ""))
    if differences:
        shown = "; ".join(differences[:3]) + ("; …" if len(differences) > 3 else "")
        raise BatchError(
            f"{path}: is of a run with other input or settings: {shown}; wanted another folder, "
            "or --no-resume to begin anew"
        )


def _differences(earlier: Any, wanted: Any, name: str) -> Iterator[str]:
    if isinstance(earlier, dict) and isinstance(wanted, dict):
        for key in [*earlier, *(key for key in wanted if key not in earlier)]:
            place = f"{name}.{key}" if name else key
            yield from _differences(earlier.get(key), wanted.get(key), place)
    elif isinstance(earlier, list) and isinstance(wanted, list):
        if len(earlier) != len(wanted):
            yield f"{name}: {len(earlier)} then, {len(wanted)} now"
        for number, (one, other) in enumerate(zip(earlier, wanted, strict=False)):
            yield from _differences(one, other, f"{name}[{number}]")
    elif earlier != wanted:
        yield f"{name} was {_short(earlier)}, now {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"
