"""Requests to the Cloud Service: polite, patient, checked.

A request that fails in passing (503, a cut connection, a wrong MD5 …) is tried again after a pause
that doubles; ``Retry-After`` holds back every worker.  The pace spaces requests out, so the pauses
need no chance.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import concept_linker
from concept_linker.errors import CloudError, SettingsError
from concept_linker.pmc.cloud import (
    ArticleVersion,
    CloudFile,
    read_listing,
    read_metadata,
)
from concept_linker.pmc.safe_xml import MAX_BYTES
from concept_linker.pmc.settings import FetchSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["CloudClient", "FileNotThereError", "StoppedError"]

T = TypeVar("T")

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_BYTES = 1 << 30  # of one image
#: A file may take this many times the timeout in all, however steadily it drips.
_DEADLINE = 20
_LONGEST_PAUSE = 60.0


class FileNotThereError(CloudError):
    """The service answers that there is no such file."""


class StoppedError(CloudError):
    """The run is being stopped."""


class _PassingError(Exception):
    """Worth another try."""

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class _Pace:
    """Spaces the requests of all threads out."""

    def __init__(self, rate: float, stop: threading.Event) -> None:
        self._step = 1 / rate
        self._stop = stop
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def wait(self) -> None:
        """Until it is this thread's turn."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._step
        self.sleep(turn - now)

    def sleep(self, seconds: float) -> None:
        """Unless the run is stopped meanwhile."""
        if self._stop.wait(max(0.0, seconds)):
            raise StoppedError("stopped")

    def hold(self, seconds: float) -> None:
        """Nobody asks before so many seconds have passed."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class CloudClient:
    """Asks the service; one for all threads.

    Args:
        settings: endpoint, rate, retries …
        stop: set from outside to end every wait.
    """

    def __init__(self, settings: FetchSettings, stop: threading.Event) -> None:
        try:
            import httpx
        except ImportError:
            raise SettingsError(
                'httpx is not installed; wanted: pip install "concept-linker[pmc]"'
            ) from None
        self._settings = settings
        self._stop = stop
        self._pace = _Pace(settings.rate, stop)
        self._http = httpx.Client(
            timeout=settings.timeout,
            follow_redirects=False,
            headers={
                "User-Agent": f"concept-linker/{concept_linker.__version__}",
                "Accept-Encoding": "identity",  # an MD5 is of the bytes as they are stored
            },
            limits=httpx.Limits(max_connections=settings.workers),
        )

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def versions(self, pmcid: str) -> list[int]:
        """The numbers of an article's versions; none where PMC does not serve it.

        Raises:
            CloudError: no answer, or no listing.
        """
        versions: set[int] = set()
        seen: set[str] = set()
        page = ""
        while True:
            query = f"?list-type=2&prefix={pmcid}.&delimiter=/"
            if page:
                query += f"&continuation-token={quote(page, safe='')}"
            listing = read_listing(self._read(query), pmcid)
            versions.update(listing.versions)
            if not listing.next_page:
                return sorted(versions)
            page = listing.next_page
            if page in seen:
                raise CloudError(f"listing of {pmcid}: the same page again and again")
            seen.add(page)

    def metadata(self, pmcid: str, version: int) -> tuple[ArticleVersion, bytes]:
        """What a version is, and the file that says so.

        Raises:
            CloudError: no answer, or not what it should be.
        """
        data = self._read(f"metadata/{pmcid}.{version}.json")
        return read_metadata(data, pmcid, version), data

    def download(self, file: CloudFile, target: Path, partial: Path) -> str:
        """Fetches a file; it is at its place whole and checked, or not at all.

        Args:
            file: which.
            target: its place.
            partial: where to write until then, on the same file system.

        Returns:
            The MD5 of what was written.

        Raises:
            CloudError: no answer, or never the right bytes.
        """

        def once() -> str:
            with partial.open("wb") as stream:
                digest = self._stream(quote(file.key), stream.write, _MOST_BYTES)
                if file.md5 not in (None, digest):
                    raise _PassingError(f"MD5 {digest}, wanted {file.md5}")
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(target)
            return digest

        try:
            return self._try(file.key, once)
        finally:
            partial.unlink(missing_ok=True)

    def url(self, key: str) -> str:
        """The address of a key."""
        return f"{self._settings.endpoint}/{key}"

    def _read(self, key: str) -> bytes:
        def once() -> bytes:
            parts: list[bytes] = []
            self._stream(key, parts.append, MAX_BYTES)
            return b"".join(parts)

        return self._try(key, once)

    def _try(self, key: str, once: Callable[[], T]) -> T:
        tries = self._settings.retries + 1
        for number in range(tries):
            self._pace.wait()
            try:
                return once()
            except _PassingError as error:
                if number + 1 == tries:
                    raise CloudError(f"{self.url(key)}: {error}, {tries} times") from None
                if error.retry_after is not None:
                    if error.retry_after > self._settings.max_wait:
                        raise CloudError(
                            f"{self.url(key)}: {error}, and asks to wait {error.retry_after:,.0f} s"
                        ) from None
                    self._pace.hold(error.retry_after)
                else:
                    pause = self._settings.back_off * 2**number
                    self._pace.sleep(min(pause, _LONGEST_PAUSE))
        raise AssertionError  # the last try returned or raised

    def _stream(self, key: str, write: Callable[[bytes], object], most: int) -> str:
        """One request; gives the bytes to ``write`` and returns their MD5."""
        import httpx

        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        deadline = time.monotonic() + _DEADLINE * self._settings.timeout
        try:
            with self._http.stream("GET", self.url(key)) as answer:
                self._check(key, answer)
                for part in answer.iter_raw():
                    size += len(part)
                    if size > most:
                        raise CloudError(f"{self.url(key)}: more than {most:,} bytes")
                    if time.monotonic() > deadline:
                        raise _PassingError("too slow")
                    if self._stop.is_set():
                        raise StoppedError("stopped")
                    digest.update(part)
                    write(part)
        except httpx.TransportError as error:
            raise _PassingError(str(error) or type(error).__name__) from None
        except httpx.HTTPError as error:
            raise CloudError(f"{self.url(key)}: {error}") from None
        return digest.hexdigest()

    def _check(self, key: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        problem = f"HTTP {status} {answer.reason_phrase}".strip()
        if status in _PASSING:
            raise _PassingError(problem, _retry_after(answer.headers.get("Retry-After")))
        if status == 404:
            raise FileNotThereError(f"{self.url(key)}: {problem}")
        raise CloudError(f"{self.url(key)}: {problem}")


def _retry_after(header: str | None) -> float | None:
    """Seconds, from a number or a date; what is neither is no wish."""
    if header is None:
        return None
    try:
        if header.strip().isdecimal():
            return float(header)
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
