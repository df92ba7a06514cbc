"""Serves a page and its images to this machine only."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import SEEK_END, BytesIO
from pathlib import Path
from shutil import copyfileobj
from socket import SHUT_RDWR
from threading import Lock
from time import monotonic
from typing import IO, Any, Final
from urllib.parse import unquote, urlsplit

from concept_linker.viewing.images import image_file, image_type
from concept_linker.viewing.page import policy

__all__ = ["HOST", "PageServer"]

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_IMAGES = "/images/"
#: The largest request with its headers, in bytes; browsers send a hundredth of it.
_MAX_REQUEST: Final = 1 << 17


class PageServer(ThreadingHTTPServer):
    """Serves one page and the images of its records, but no other file of the folder.

    A request must name this machine as its host.  This stops DNS rebinding: another site whose name
    resolves to this machine sends that name.  No client can block the server: a connection ends
    after :attr:`max_seconds`, however slowly the client reads or writes, and with more than
    :attr:`max_connections` the oldest ends.

    Args:
        page: the HTML of the page.
        folder: the folder of images.
        images: the paths of the images in it.
        port: the port; 0 takes a free one.

    Raises:
        OSError: the port is in use.
    """

    daemon_threads = True
    #: The longest time of a connection; a page of 400 MB takes one second.
    max_seconds = 30.0
    #: The largest number of connections; a browser opens six.
    max_connections = 100
    request_queue_size = 128

    def __init__(
        self, page: str, folder: Path | None, images: Iterable[str], *, port: int = 0
    ) -> None:
        self.page = page.encode("utf-8")
        self.folder = folder
        self.images = frozenset(images)
        self._begun: dict[Any, float] = {}  # connections, oldest first
        self._lock = Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread; ends the oldest of too many connections."""
        with self._lock:
            self._begun[request] = monotonic()
            for oldest in list(self._begun)[: -self.max_connections]:
                self._end(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection after its answer."""
        with self._lock:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Ends connections that last too long; called twice a second."""
        latest = monotonic() - self.max_seconds
        with self._lock:
            for request in [one for one, begun in self._begun.items() if begun < latest]:
                self._end(request)

    def _end(self, request: Any) -> None:
        """Shuts a connection down: its thread can then neither read nor write, and closes it."""
        del self._begun[request]
        with suppress(OSError):
            request.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Logs clients that disconnect; prints any other error."""
        if isinstance(sys.exception(), OSError):
            _LOG.info("connection ended: %s", sys.exception())
        else:
            super().handle_error(request, client_address)


class _LimitedReader:
    """Reads a request of limited length."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _MAX_REQUEST

    def readline(self, size: int) -> bytes:
        """Reads a line, or its first ``size`` bytes.

        Raises:
            HTTPException: the request is too long; the answer is then 431.
        """
        line = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException(f"the request has more than {_MAX_REQUEST} bytes")
        return line

    def close(self) -> None:
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "concept-linker"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _LimitedReader(self.rfile)

    def do_GET(self) -> None:
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            path = unquote(urlsplit(self.path).path)
        except ValueError:  # for example, http://[
            self.send_error(HTTPStatus.BAD_REQUEST)
            return
        if path == "/":
            page = self.server.page
            self._send("text/html; charset=utf-8", BytesIO(page), len(page))
            return
        file = self._image(path.removeprefix(_IMAGES)) if path.startswith(_IMAGES) else None
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file.open("rb") as stream:
            kind, size = image_type(stream.read(16)), stream.seek(0, SEEK_END)
            stream.seek(0)
            if kind is None:
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._send(kind, stream, size)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _image(self, name: str) -> Path | None:
        if self.server.folder is None or name not in self.server.images:
            return None
        return image_file(self.server.folder, name)

    def _send(self, kind: str, stream: IO[bytes], size: int) -> None:
        """Sends a stream in pieces: an image may be larger than memory."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Security-Policy", f"{policy()}; frame-ancestors 'none'")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            copyfileobj(stream, self.wfile)

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.info(format, *args)
