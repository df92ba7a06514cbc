"""The files of a UMLS release, however they are packed."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from concept_linker.errors import SourceError
from concept_linker.knowledge_base.readers.archives import TarEntry, check_tar, check_zip
from concept_linker.knowledge_base.readers.opening import (
    BROKEN,
    Part,
    check_ratio,
    join_parts,
    open_file,
)

__all__ = ["Release"]

_MAX_MEMBERS = 10_000  # of a tar


class Release:
    """The files of a release by name, however they are packed.

    A release is a folder that contains the files (or whose ``META`` or ``*/META`` does), any one of
    the files, a zip (which may contain ``.nlm`` or ``.zip`` files), or a tar with any compression.
    ``NAME``, ``NAME.gz`` and split parts (``NAME.aa.gz``, ``NAME.ab.gz``, …; a line may continue in
    the next part) all provide the file ``NAME``.

    Args:
        path: the release.
        names: the files to look for.

    Raises:
        SourceError: an archive cannot be read, or contains a file twice.
    """

    def __init__(self, path: Path, names: Collection[str]) -> None:
        self.path = path
        choice = "|".join(map(re.escape, names))
        self._pattern = re.compile(rf"(?:.*[/\\])?({choice})(\.(?!gz$)[a-z]{{2}})?(?:\.gz)?")
        self._parts: dict[str, dict[str, Part]] = {}
        self._stack = ExitStack()
        try:
            self._find()
        except BROKEN as error:
            self._stack.close()
            first = str(error).partition("\n")[0].rstrip(":")
            problem = f"cannot be read ({first}), expected a UMLS release: a folder, zip or tar"
            raise SourceError(path, problem) from error
        except SourceError:
            self._stack.close()
            raise

    def __enter__(self) -> Release:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    @property
    def files(self) -> list[Path]:
        """The files on disk that contain the release, by name."""
        return sorted({part.file for parts in self._parts.values() for part in parts.values()})

    def place(self, name: str) -> str:
        """Returns the name of a file for messages."""
        return next(iter(sorted(self._parts[name].items())))[1].place

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yields the bytes of a file, its parts in order of name.

        Raises:
            SourceError: a compressed stream is cut or damaged.
        """
        return join_parts([part for _, part in sorted(self._parts[name].items())])

    def _find(self) -> None:
        path = self.path
        if path.is_dir():
            self._find_in_folder(path)
        elif self._pattern.fullmatch(path.name):
            self._find_in_folder(path.parent)
        elif zipfile.is_zipfile(path):
            self._find_in_zip(path, path, str(path))
        else:
            self._find_in_tar(path)

    def _find_in_folder(self, folder: Path) -> None:
        for place in (folder, folder / "META", *sorted(folder.glob("*/META"))):
            files = sorted(place.iterdir()) if place.is_dir() else []
            for file in files:
                self._add(file.name, Part(str(file), file, lambda file=file: open_file(file)))  # type: ignore[misc]
            if not self._parts:
                for file in (file for file in files if file.suffix == ".nlm"):
                    self._find_in_zip(file, file, str(file))
            if self._parts:
                return

    def _find_in_zip(self, source: Path | IO[bytes], file: Path, place: str) -> None:
        archive = self._stack.enter_context(zipfile.ZipFile(source))
        check_zip(archive, place)
        for entry in archive.infolist():
            inside = f"{place}/{entry.filename}"
            if entry.filename.lower().endswith((".nlm", ".zip")):
                check_ratio(inside, entry.file_size, entry.compress_size)
                # Reading a zip inside a compressed member would unpack the member at every seek.
                copy = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
                with archive.open(entry) as packed:
                    shutil.copyfileobj(packed, copy)
                self._find_in_zip(copy, file, inside)
            else:
                opener: Callable[..., Any] = lambda entry=entry: archive.open(entry)  # noqa: E731
                self._add(entry.filename, Part(inside, file, opener))

    def _find_in_tar(self, path: Path) -> None:
        archive = self._stack.enter_context(tarfile.open(path, tarinfo=TarEntry))  # noqa: SIM115
        for number, entry in enumerate(archive):
            if number == _MAX_MEMBERS:
                raise SourceError(path, f"more than {number:,} files, expected a UMLS release")
            if entry.isfile():
                opener: Callable[..., Any] = lambda entry=entry: archive.extractfile(entry)  # noqa: E731
                self._add(entry.name, Part(f"{path}/{entry.name}", path, opener))
        check_tar(archive, path)

    def _add(self, name: str, part: Part) -> None:
        if found := self._pattern.fullmatch(name):
            parts = self._parts.setdefault(found[1], {})
            if (found[2] is None and parts) or (found[2] or "") in parts or "" in parts:
                raise SourceError(part.place, f"a second {found[1]}, expected one")
            parts[found[2] or ""] = part
