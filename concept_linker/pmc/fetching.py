"""Fetches articles and the images of their figures from PMC's Cloud Service into a folder.

The folder has the layout of the service: ``PMC<id>.<version>/`` with the JATS and the images,
``metadata/PMC<id>.<version>.json``, and ``manifest.jsonl`` (:mod:`.manifest`). A file is renamed
into place only when it is complete and verified. No answer of the service can choose a path:
folders are named after the article, and only plain file names are accepted.

Unfinished files are in ``.partial``, under a digest of their name, not next to their target: two
long names together may be too long for a file system, and removing the files of a killed run then
does not have to search the folders of all articles.
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
from concept_linker.pmc.cloud_client import CloudClient, FileNotThereError
from concept_linker.pmc.cloud_layout import ArticleVersion, CloudFile, choose_version, cloud_file
from concept_linker.pmc.image_files import choose_image
from concept_linker.pmc.manifest import MANIFEST, Entry, Manifest, read_manifest
from concept_linker.pmc.settings import FetchSettings
from concept_linker.runtime.progress import Progress, silent

__all__ = ["FetchSummary", "fetch"]

_PARTIAL = ".partial"
_LOCK = ".lock"
_METADATA = "metadata"


@dataclass
class FetchSummary:
    """The outcome of the requested articles.

    Args:
        requested: articles requested.
        fetched: articles fetched by this run.
        present: articles that were in the folder before.
        left_out: reason → articles left out.
        failed: PMCID → reason; the next run tries these articles again.
        not_tried: articles not tried because the run gave up.
        files: files fetched by this run.
        images: images of these articles in the folder.
        missing: graphics without an image in PMC.
        unchecked: files without an MD5 in PMC.
    """

    requested: int = 0
    fetched: int = 0
    present: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    failed: dict[str, str] = field(default_factory=dict)
    not_tried: int = 0
    files: int = 0
    images: int = 0
    missing: int = 0
    unchecked: int = 0

    def count(self, entry: Entry) -> None:
        """Counts an article and its files."""
        if entry.outcome == "left out":
            self.left_out[entry.reason] += 1
        self.images += len(entry.images)
        self.missing += len(entry.missing)
        self.unchecked += len(entry.unchecked)


def fetch(
    articles: Mapping[str, frozenset[str] | None],
    folder: Path,
    settings: FetchSettings,
    *,
    progress: Progress = silent,
) -> FetchSummary:
    """Fetches the articles that are not in the folder yet.

    Args:
        articles: PMCID → the graphics to fetch; ``None`` means those of all figures.
        folder: the output folder: new, empty, or of an earlier run.
        settings: endpoint, licences, rate …
        progress: called with each step and the share done.

    Raises:
        InputError: the folder has other content, or another run writes to it.
        SettingsError: httpx or lxml is not installed.
    """
    summary = FetchSummary(requested=len(articles))
    with _locked(folder), Manifest(folder) as manifest:
        done = {entry.pmcid: entry for entry in read_manifest(folder) if entry.pmcid in articles}
        todo: list[tuple[str, frozenset[str] | None]] = []
        for pmcid, graphics in articles.items():
            entry = done.get(pmcid)
            if entry and _is_done(entry, graphics, settings):
                summary.present += entry.outcome == "fetched"
                summary.count(entry)
            else:
                todo.append((pmcid, _merged(entry, graphics)))
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


def _merged(entry: Entry | None, graphics: frozenset[str] | None) -> frozenset[str] | None:
    """Returns the graphics that are requested now or were requested before."""
    if entry is None or entry.outcome == "left out" or graphics is None:
        return graphics
    return None if entry.graphics is None else graphics.union(entry.graphics)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Locks the folder and removes the unfinished files of a killed run."""
    from filelock import FileLock, Timeout

    resumable = not folder.exists() or (folder / MANIFEST).is_file() or (folder / _LOCK).is_file()
    if not resumable and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder} has other content, expected a new folder, or one of `pmc fetch`"
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"{folder} is locked by another run; wait until it ends") from None
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
        """Fetches all articles, a few at a time; their entries are written in order."""
        summary = self._summary
        failures = 0
        waiting = iter(todo)
        running: deque[tuple[str, Future[Entry]]] = deque()
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="pmc")
        try:
            for number in range(len(todo)):
                while len(running) < 2 * self._settings.workers and (one := next(waiting, None)):
                    running.append((one[0], pool.submit(self._article, *one)))
                pmcid, future = running.popleft()
                try:
                    entry = future.result()
                except CloudError as error:
                    summary.failed[pmcid] = str(error)
                    failures += 1
                    if failures >= self._settings.give_up:
                        summary.not_tried = len(todo) - number - 1
                        return
                else:
                    failures = 0
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
        entry = Entry(pmcid=pmcid, outcome="fetched", licences=self._settings.licences)
        if isinstance(chosen, str):
            return entry.model_copy(update={"outcome": "left out", "reason": chosen})
        (self._folder / chosen.folder).mkdir(exist_ok=True)
        [metadata] = [data for one, data in described if one is chosen]
        self._place(self._folder / _METADATA / f"{chosen.folder}.json", metadata)
        jats = cloud_file(chosen.xml_url or "", chosen.folder)
        files = {jats.name: self._file(jats)}
        found, missing = self._images(chosen, jats, graphics)
        for file in found:
            files[file.name] = self._file(file)
        return entry.model_copy(
            update={
                "version": chosen.version,
                "licence": chosen.license_code or "",
                "source_url": self._client.url(jats.key),
                "retrieved": datetime.now(UTC).date().isoformat(),
                "graphics": self._requested_graphics(graphics),
                "files": files,
                "images": tuple(file.name for file in found),
                "missing": tuple(missing),
                "unchecked": tuple(file.name for file in (jats, *found) if not file.md5),
            }
        )

    def _requested_graphics(self, graphics: frozenset[str] | None) -> tuple[str, ...] | None:
        if self._settings.images == "none":
            return ()
        return None if graphics is None else tuple(sorted(graphics))

    def _images(
        self, chosen: ArticleVersion, jats: CloudFile, graphics: frozenset[str] | None
    ) -> tuple[list[CloudFile], list[str]]:
        """Returns the files of the graphics, and the graphics without a file."""
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
        """Downloads a file unless it is in the folder; returns its MD5."""
        target = self._folder / file.key
        if file.md5 and target.is_file() and _md5_of(target) == file.md5:
            return file.md5
        try:
            digest = self._client.download(file, target, self._partial(file.folder, file.name))
        except FileNotThereError as error:
            raise CloudError(f"the description names a missing file: {error}") from None
        with self._lock:
            self._summary.files += 1
        return digest

    def _place(self, target: Path, data: bytes) -> None:
        partial = self._partial(_METADATA, target.name)
        partial.write_bytes(data)
        partial.replace(target)

    def _partial(self, folder: str, name: str) -> Path:
        digest = hashlib.md5(f"{folder}/{name}".encode(), usedforsecurity=False).hexdigest()
        return self._folder / _PARTIAL / digest


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
