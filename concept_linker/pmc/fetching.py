"""Fetches articles and the images of their figures from PMC's Cloud Service into a folder.

The folder has the service's own layout: ``PMC<id>.<version>/`` with the JATS and the images,
``metadata/PMC<id>.<version>.json``, and ``manifest.jsonl`` (:mod:`.manifest`).  A file gets its
name only when its bytes are there and checked.  Nothing of what the service sends chooses a place:
folders are named after the article, and files by names that are names only.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from concept_linker.errors import ArticleError, CloudError, InputError
from concept_linker.pmc.articles import read_articles
from concept_linker.pmc.client import CloudClient, FileNotThereError
from concept_linker.pmc.cloud import ArticleVersion, CloudFile, choose_version, cloud_file
from concept_linker.pmc.images import choose_image
from concept_linker.pmc.manifest import MANIFEST, Entry, Manifest, read_manifest
from concept_linker.pmc.settings import FetchSettings
from concept_linker.runtime.progress import Progress, silent

__all__ = ["FetchSummary", "fetch"]

_PARTIAL = ".partial"
_LOCK = ".lock"
_METADATA = "metadata"


@dataclass
class FetchSummary:
    """What became of the articles that were asked for.

    Args:
        asked: how many there were.
        fetched: brought here by this run.
        there: here already.
        left_out: reason → how many.
        failed: PMCID → reason; these are tried again by the next run.
        not_asked: after the run had given up.
        files: how many files this run fetched.
        images: how many images the folder has of these articles.
        missing: graphics for which PMC has no image.
        unchecked: files for which PMC gives no MD5.
    """

    asked: int = 0
    fetched: int = 0
    there: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    not_asked: int = 0
    files: int = 0
    images: int = 0
    missing: int = 0
    unchecked: int = 0

    def count(self, entry: Entry) -> None:
        """Adds an article to the counts of what is here."""
        if entry.outcome == "left out":
            self.left_out[entry.reason] += 1
        self.images += len(entry.images)
        self.missing += len(entry.missing)
        self.unchecked += len(entry.unchecked)


def fetch(
    wanted: Mapping[str, frozenset[str] | None],
    folder: Path,
    settings: FetchSettings,
    *,
    progress: Progress = silent,
) -> FetchSummary:
    """Fetches what is not here yet.

    Args:
        wanted: PMCID → the graphics wanted, ``None`` for those of all figures.
        folder: where to; new, empty, or of an earlier run.
        settings: how.
        progress: told how far it is.

    Raises:
        InputError: the folder is something else, or another run writes to it.
        SettingsError: httpx or lxml is not installed.
    """
    summary = FetchSummary(asked=len(wanted))
    with _locked(folder), Manifest(folder) as manifest:
        done = {entry.pmcid: entry for entry in read_manifest(folder) if entry.pmcid in wanted}
        todo: list[tuple[str, frozenset[str] | None]] = []
        for pmcid, graphics in wanted.items():
            entry = done.get(pmcid)
            if entry and _is_done(entry, graphics, settings):
                summary.there += entry.outcome == "fetched"
                summary.count(entry)
            else:
                todo.append((pmcid, _joined(entry, graphics)))
        stop = threading.Event()
        client = CloudClient(settings, stop)
        job = _Job(folder, settings, client, summary)
        try:
            job.run(todo, manifest, stop, progress)
        finally:
            client.close()
            shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
    return summary


def _is_done(entry: Entry, graphics: frozenset[str] | None, settings: FetchSettings) -> bool:
    if entry.outcome == "left out":
        return set(settings.licences) <= set(entry.licences)
    if settings.images == "none" or entry.graphics is None:
        return True
    return graphics is not None and graphics <= set(entry.graphics)


def _joined(entry: Entry | None, graphics: frozenset[str] | None) -> frozenset[str] | None:
    """What is wanted now and what was wanted before."""
    if entry is None or entry.outcome == "left out" or graphics is None:
        return graphics
    return None if entry.graphics is None else graphics.union(entry.graphics)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """The folder, ours alone and without the unfinished files of a run that was killed."""
    from filelock import FileLock, Timeout

    ours = not folder.exists() or (folder / MANIFEST).is_file() or (folder / _LOCK).is_file()
    if not ours and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists and was not fetched; wanted a new one, or one to resume")
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder}: another run is fetching into it") from None
    try:
        shutil.rmtree(folder / _PARTIAL, ignore_errors=True)
        for name in (_PARTIAL, _METADATA):
            (folder / name).mkdir(exist_ok=True)
        yield
    finally:
        lock.release()


class _Job:
    """One run."""

    def __init__(
        self, folder: Path, settings: FetchSettings, client: CloudClient, summary: FetchSummary
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._client = client
        self._summary = summary
        self._lock = threading.Lock()

    def run(
        self,
        todo: list[tuple[str, frozenset[str] | None]],
        manifest: Manifest,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        """All articles, a few at a time, written down in their order."""
        summary = self._summary
        in_a_row = 0
        waiting = iter(todo)
        underway: deque[tuple[str, Future[Entry]]] = deque()
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="pmc")
        try:
            for number in range(len(todo)):
                while len(underway) < 2 * self._settings.workers and (one := next(waiting, None)):
                    underway.append((one[0], pool.submit(self._article, *one)))
                pmcid, future = underway.popleft()
                try:
                    entry = future.result()
                except CloudError as error:
                    summary.failed[pmcid] = str(error)
                    in_a_row += 1
                    if in_a_row >= self._settings.give_up:
                        summary.not_asked = len(todo) - number - 1
                        return
                else:
                    in_a_row = 0
                    manifest.add(entry)
                    summary.fetched += entry.outcome == "fetched"
                    summary.count(entry)
                progress(f"{number + 1:,} of {len(todo):,} articles", (number + 1) / len(todo))
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    def _article(self, pmcid: str, graphics: frozenset[str] | None) -> Entry:
        described = [self._client.metadata(pmcid, one) for one in self._client.versions(pmcid)]
        chosen = choose_version([one for one, _ in described], self._settings.licences)
        asked = Entry(pmcid=pmcid, outcome="fetched", licences=self._settings.licences)
        if isinstance(chosen, str):
            return asked.model_copy(update={"outcome": "left out", "reason": chosen})
        (self._folder / chosen.folder).mkdir(exist_ok=True)
        [metadata] = [data for one, data in described if one is chosen]
        self._place(self._folder / _METADATA / f"{chosen.folder}.json", metadata)
        jats = cloud_file(chosen.xml_url or "", chosen.folder)
        files = {jats.name: self._file(jats)}
        found, missing = self._images(chosen, jats, graphics)
        for file in found:
            files[file.name] = self._file(file)
        return asked.model_copy(
            update={
                "version": chosen.version,
                "licence": chosen.license_code or "",
                "source_url": self._client.url(jats.key),
                "retrieved": datetime.now(UTC).date().isoformat(),
                "graphics": self._graphics_asked(graphics),
                "files": files,
                "images": tuple(file.name for file in found),
                "missing": tuple(missing),
                "unchecked": tuple(file.name for file in (jats, *found) if not file.md5),
            }
        )

    def _graphics_asked(self, graphics: frozenset[str] | None) -> tuple[str, ...] | None:
        if self._settings.images == "none":
            return ()
        return None if graphics is None else tuple(sorted(graphics))

    def _images(
        self, chosen: ArticleVersion, jats: CloudFile, graphics: frozenset[str] | None
    ) -> tuple[list[CloudFile], list[str]]:
        """The files of the graphics, and the graphics that have none."""
        if self._settings.images == "none":
            return [], []
        if graphics is None:
            data = (self._folder / jats.key).read_bytes()
            try:
                articles = list(read_articles(data, jats.name))
            except ArticleError as error:
                raise CloudError(f"{self._client.url(jats.key)}: {error}") from None
            hrefs = {
                graphic.href
                for article in articles
                for figure in article.figures
                for graphic in figure.graphics
            }
        else:
            hrefs = set(graphics)
        media: dict[str, str] = {}
        for media_url in chosen.media_urls or ():
            media.setdefault(media_url.partition("?")[0].rpartition("/")[2].lower(), media_url)
        found: dict[str, CloudFile] = {}
        missing: list[str] = []
        for href in sorted(hrefs):
            address = choose_image(href, media)
            if address is None:
                missing.append(href)
            else:
                file = cloud_file(address, chosen.folder)
                found[file.name] = file
        return list(found.values()), missing

    def _file(self, file: CloudFile) -> str:
        """Its MD5; fetched unless it is here already."""
        target = self._folder / file.key
        if file.md5 and target.is_file() and _md5_of(target) == file.md5:
            return file.md5
        try:
            digest = self._client.download(file, target, self._partial(file.folder, file.name))
        except FileNotThereError as error:
            raise CloudError(f"named but not there: {error}") from None
        with self._lock:
            self._summary.files += 1
        return digest

    def _place(self, target: Path, data: bytes) -> None:
        partial = self._partial(_METADATA, target.name)
        partial.write_bytes(data)
        partial.replace(target)

    def _partial(self, folder: str, name: str) -> Path:
        # A digest: two long names together may be too long for a file system.
        digest = hashlib.md5(f"{folder}/{name}".encode(), usedforsecurity=False).hexdigest()
        return self._folder / _PARTIAL / digest


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
