"""Requests to the Cloud Service: polite, patient, checked.

A request that fails in passing (503, a cut connection, a wrong MD5 …) is tried again after a pause
that doubles; ``Retry-After`` holds back every worker.  The pace spaces requests out, so the pauses
need no chance.

Whoever calls waits in a thread of his own; the requests themselves run in one event loop, for only
there has a request a limit as a whole, however its bytes trickle.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, wait
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from concept_linker._version import __version__
from concept_linker.errors import CloudError, SettingsError
from concept_linker.pmc.cloud import (
    ArticleVersion,
    CloudFile,
    read_listing,
    read_metadata,
)
from concept_linker.pmc.safe_xml import shortened
from concept_linker.pmc.settings import FetchSettings

if TYPE_CHECKING:
    import httpx

__all__ = ["CloudClient", "FileNotThereError", "StoppedError"]

T = TypeVar("T")

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
#: The most bytes of one file, and of what tells of an article; S3 lists a thousand names in 0.2 MB.
_MOST_BYTES, _MOST_TOLD = 1 << 30, 4 << 20
#: A file may take this many times the timeout in all, however steadily it drips.
_DEADLINE = 20
_LONGEST_PAUSE = 60.0
#: How many pages a listing may have, and an article versions; they have one page and a few.
_MOST_PAGES, _MOST_VERSIONS = 10, 100
#: Seconds after which a thread that waits looks whether the run is stopped.
_LOOK = 0.2


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
        self._http = httpx.AsyncClient(
            timeout=settings.timeout,
            follow_redirects=False,
            headers={
                "User-Agent": f"concept-linker/{__version__}",
                "Accept-Encoding": "identity",  # an MD5 is of the bytes as they are stored
            },
            limits=httpx.Limits(max_connections=settings.workers),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pmc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the connections; nobody may be waiting."""
        asyncio.run_coroutine_threadsafe(self._http.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def versions(self, pmcid: str) -> list[int]:
        """The numbers of an article's versions; none where PMC does not serve it.

        Raises:
            CloudError: no answer, or no listing.
        """
        versions: set[int] = set()
        query = f"?list-type=2&prefix={pmcid}.&delimiter=/"
        next_page = ""
        for _ in range(_MOST_PAGES):
            listing = read_listing(self._read(query + next_page), pmcid)
            versions.update(listing.versions)
            if len(versions) > _MOST_VERSIONS:
                raise CloudError(f"listing of {pmcid}: more than {_MOST_VERSIONS} versions")
            if not listing.next_page:
                return sorted(versions)
            next_page = f"&continuation-token={quote(listing.next_page, safe='')}"
        raise CloudError(f"listing of {pmcid}: more than {_MOST_PAGES} pages")

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
                digest = self._get(quote(file.key), stream.write, _MOST_BYTES, _DEADLINE)
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
            self._get(key, parts.append, _MOST_TOLD, 1)
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

    def _get(self, key: str, write: Callable[[bytes], object], most: int, times: int) -> str:
        """One request; gives the bytes to ``write`` and returns their MD5.

        Args:
            key: what is asked for.
            write: takes the bytes.
            most: how many there may be.
            times: how many times the timeout the whole may take.
        """
        request = self._stream(key, write, most, times * self._settings.timeout)
        future = asyncio.run_coroutine_threadsafe(request, self._loop)
        while not wait([future], _LOOK).done:
            if self._stop.is_set():
                self._loop.call_soon_threadsafe(self._end_requests)
        try:
            return future.result()
        except CancelledError:
            raise StoppedError("stopped") from None

    def _end_requests(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _stream(
        self, key: str, write: Callable[[bytes], object], most: int, seconds: float
    ) -> str:
        import httpx

        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        url = self.url(key)
        try:
            async with asyncio.timeout(seconds) as whole:
                request = self._http.build_request("GET", url)
                async with asyncio.timeout(self._settings.timeout):
                    answer = await self._http.send(request, stream=True)
                try:
                    self._check(key, answer)
                    async for part in answer.aiter_raw():
                        size += len(part)
                        if size > most:
                            raise CloudError(f"{url}: more than {most:,} bytes")
                        digest.update(part)
                        write(part)
                finally:
                    await answer.aclose()
        except TimeoutError:
            seconds = seconds if whole.expired() else self._settings.timeout
            raise _PassingError(f"too slow: not done in {seconds:g} s") from None
        except httpx.TransportError as error:
            raise _PassingError(_reason(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CloudError(f"{shortened(url)}: {shortened(str(error))}") from None
        return digest.hexdigest()

    def _check(self, key: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        problem = shortened(f"HTTP {status} {answer.reason_phrase}")
        if status in _PASSING:
            raise _PassingError(problem, _retry_after(answer.headers.get("Retry-After")))
        if status == 404:
            raise FileNotThereError(f"{self.url(key)}: {problem}")
        raise CloudError(f"{self.url(key)}: {problem}")


def _reason(error: BaseException) -> str:
    """What the system said, if it said anything; else what the first to notice said."""
    said = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, ConnectionError) and cause.errno:
            return os.strerror(cause.errno)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        said = said or str(cause)
        cause = cause.__cause__ or cause.__context__
    return shortened(said) or type(error).__name__


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
