"""The client of the Cloud Service: limits its rate, retries, and verifies files.

A request with a temporary failure (503, a lost connection, a wrong MD5 …) is retried after a pause
that doubles each time; ``Retry-After`` pauses all workers. The rate limit spaces out the requests
of all workers, so the pauses need no jitter.

Callers wait in their own threads. The requests run in one event loop, because only there can a
request have a time limit as a whole, however slowly its bytes arrive.
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
from concept_linker.pmc.cloud_layout import (
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

_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})
#: The maximum size in bytes of a file, and of a listing or description; S3 lists a thousand names
#: in 0.2 MB.
_MAX_FILE, _MAX_METADATA = 1 << 30, 4 << 20
#: The time limit of a whole file, in timeouts.
_FILE_TIMEOUTS = 20
_MAX_PAUSE = 60.0  # seconds
#: Of a listing, and of an article; they have one page and a few versions.
_MAX_PAGES, _MAX_VERSIONS = 10, 100
_POLL = 0.2  # seconds between two checks whether the run is stopped


class FileNotThereError(CloudError):
    """The service has no such file."""


class StoppedError(CloudError):
    """The run is being stopped."""


class _TemporaryError(Exception):
    """A failure that may not occur again."""

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


class _RateLimit:
    """Spaces out the requests of all threads."""

    def __init__(self, rate: float, stop: threading.Event) -> None:
        self._step = 1 / rate
        self._stop = stop
        self._lock = threading.Lock()
        self._next = time.monotonic()

    def wait(self) -> None:
        """Waits until this thread may send a request."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._step
        self.sleep(turn - now)

    def sleep(self, seconds: float) -> None:
        """Sleeps.

        Raises:
            StoppedError: the run is stopped meanwhile.
        """
        if self._stop.wait(max(0.0, seconds)):
            raise StoppedError("stopped")

    def delay(self, seconds: float) -> None:
        """Delays all requests by some seconds."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class CloudClient:
    """A client of the service; all threads share one.

    Args:
        settings: the endpoint, the rate, the retries …
        stop: ends every wait when it is set.
    """

    def __init__(self, settings: FetchSettings, stop: threading.Event) -> None:
        try:
            import httpx
        except ImportError:
            raise SettingsError(
                'httpx is not installed; run pip install "concept-linker[pmc]"'
            ) from None
        self._settings = settings
        self._stop = stop
        self._rate_limit = _RateLimit(settings.rate, stop)
        self._http = httpx.AsyncClient(
            timeout=settings.timeout,
            follow_redirects=False,
            headers={
                "User-Agent": f"concept-linker/{__version__}",
                "Accept-Encoding": "identity",  # an MD5 is that of the stored bytes
            },
            limits=httpx.Limits(max_connections=settings.workers),
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pmc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Closes the connections; no request may be open."""
        asyncio.run_coroutine_threadsafe(self._http.aclose(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def versions(self, pmcid: str) -> list[int]:
        """Returns the version numbers of an article; none if the service does not have it.

        Raises:
            CloudError: the service does not answer, or its answer is not valid.
        """
        versions: set[int] = set()
        query = f"?list-type=2&prefix={pmcid}.&delimiter=/"
        next_page = ""
        for _ in range(_MAX_PAGES):
            listing = read_listing(self._read(query + next_page), pmcid)
            versions.update(listing.versions)
            if len(versions) > _MAX_VERSIONS:
                raise CloudError(f"listing of {pmcid}: more than {_MAX_VERSIONS} versions")
            if not listing.next_page:
                return sorted(versions)
            next_page = f"&continuation-token={quote(listing.next_page, safe='')}"
        raise CloudError(f"listing of {pmcid}: more than {_MAX_PAGES} pages")

    def metadata(self, pmcid: str, version: int) -> tuple[ArticleVersion, bytes]:
        """Returns the description of a version, and the file it was parsed from.

        Raises:
            CloudError: the service does not answer, or its answer is not valid.
        """
        data = self._read(f"metadata/{pmcid}.{version}.json")
        return read_metadata(data, pmcid, version), data

    def download(self, file: CloudFile, target: Path, partial: Path) -> str:
        """Downloads a file: ``target`` is complete and verified, or it does not exist.

        Args:
            file: the file.
            target: its path.
            partial: the path of the unfinished file, on the same file system.

        Returns:
            The MD5 of the file.

        Raises:
            CloudError: the service does not answer, or the MD5 is wrong at every try.
        """

        def once() -> str:
            with partial.open("wb") as stream:
                digest = self._get(quote(file.key), stream.write, _MAX_FILE, _FILE_TIMEOUTS)
                if file.md5 not in (None, digest):
                    raise _TemporaryError(f"MD5 is {digest}, expected {file.md5}")
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(target)
            return digest

        try:
            return self._try(file.key, once)
        finally:
            partial.unlink(missing_ok=True)

    def url(self, key: str) -> str:
        """Returns the URL of a key."""
        return f"{self._settings.endpoint}/{key}"

    def _read(self, key: str) -> bytes:
        def once() -> bytes:
            parts: list[bytes] = []
            self._get(key, parts.append, _MAX_METADATA, 1)
            return b"".join(parts)

        return self._try(key, once)

    def _try(self, key: str, once: Callable[[], T]) -> T:
        tries = self._settings.retries + 1
        for number in range(tries):
            self._rate_limit.wait()
            try:
                return once()
            except _TemporaryError as error:
                if number + 1 == tries:
                    raise CloudError(f"{self.url(key)}: {error}, {tries} times") from None
                if error.retry_after is not None:
                    if error.retry_after > self._settings.max_wait:
                        raise CloudError(
                            f"{self.url(key)}: {error}, Retry-After is {error.retry_after:,.0f} s, "
                            f"expected at most {self._settings.max_wait:,.0f} s"
                        ) from None
                    self._rate_limit.delay(error.retry_after)
                else:
                    pause = self._settings.back_off * 2**number
                    self._rate_limit.sleep(min(pause, _MAX_PAUSE))
        raise AssertionError  # the last try returned or raised

    def _get(self, key: str, write: Callable[[bytes], object], max_size: int, timeouts: int) -> str:
        """Sends one request, passes the bytes to ``write`` and returns their MD5.

        Args:
            key: the key.
            write: takes the bytes.
            max_size: the maximum number of bytes.
            timeouts: the time limit of the whole request, in timeouts.
        """
        request = self._stream(key, write, max_size, timeouts * self._settings.timeout)
        future = asyncio.run_coroutine_threadsafe(request, self._loop)
        while not wait([future], _POLL).done:
            if self._stop.is_set():
                self._loop.call_soon_threadsafe(self._cancel_requests)
        try:
            return future.result()
        except CancelledError:
            raise StoppedError("stopped") from None

    def _cancel_requests(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _stream(
        self, key: str, write: Callable[[bytes], object], max_size: int, seconds: float
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
                        if size > max_size:
                            raise CloudError(f"{url}: more than {max_size:,} bytes")
                        digest.update(part)
                        write(part)
                finally:
                    await answer.aclose()
        except TimeoutError:
            seconds = seconds if whole.expired() else self._settings.timeout
            raise _TemporaryError(f"not done in {seconds:g} s") from None
        except httpx.TransportError as error:
            raise _TemporaryError(_reason(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CloudError(f"{shortened(url)}: {shortened(str(error))}") from None
        return digest.hexdigest()

    def _check(self, key: str, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        problem = shortened(f"HTTP {status} {answer.reason_phrase}")
        if status in _TEMPORARY:
            raise _TemporaryError(problem, _retry_after(answer.headers.get("Retry-After")))
        if status == 404:
            raise FileNotThereError(f"{self.url(key)}: {problem}")
        raise CloudError(f"{self.url(key)}: {problem}")


def _reason(error: BaseException) -> str:
    """Returns the message of the system if there is one, else that of the outermost error."""
    message = ""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        if isinstance(cause, ConnectionError) and cause.errno:
            return os.strerror(cause.errno)
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        message = message or str(cause)
        cause = cause.__cause__ or cause.__context__
    return shortened(message) or type(error).__name__


def _retry_after(header: str | None) -> float | None:
    """Returns the seconds of a ``Retry-After`` header, a number or a date; else ``None``."""
    if header is None:
        return None
    try:
        if header.strip().isdecimal():
            return float(header)
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None
