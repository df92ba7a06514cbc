"""Serves a page and its images on this machine only."""

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
#: A request with its headers has no more bytes; what browsers send is a hundredth of it.
_MOST_ASKED: Final = 1 << 17


class PageServer(ThreadingHTTPServer):
    """One page, and the images that its records name; nothing else of the folder.

    Requests under another name than this machine's own are refused: a foreign page whose name was
    made to lead here would come with that name.  Nobody can hold the server: a connection ends
    after :attr:`most_seconds`, however slowly its client writes or reads, and of more than
    :attr:`most_connections` the oldest ends.

    Args:
        page: the page.
        folder: the folder of images.
        images: the images' paths in it.
        port: the port; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True
    #: How long a connection may last; a page of 400 MB takes one second of it.
    most_seconds = 30.0
    #: How many there are at a time; a browser opens six.
    most_connections = 100
    request_queue_size = 128

    def __init__(
        self, page: str, folder: Path | None, images: Iterable[str], *, port: int = 0
    ) -> None:
        self.page = page.encode("utf-8")
        self.folder = folder
        self.images = frozenset(images)
        self._begun: dict[Any, float] = {}  # connections, the oldest first
        self._lock = Lock()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answers in a thread; too many connections end the oldest."""
        with self._lock:
            self._begun[request] = monotonic()
            for oldest in list(self._begun)[: -self.most_connections]:
                self._end(oldest)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Closes a connection whose answer is sent."""
        with self._lock:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called twice a second: ends connections that last too long."""
        latest = monotonic() - self.most_seconds
        with self._lock:
            for request in [one for one, begun in self._begun.items() if begun < latest]:
                self._end(request)

    def _end(self, request: Any) -> None:
        """Its thread then reads nothing more and cannot write, and closes it."""
        del self._begun[request]
        with suppress(OSError):
            request.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no fault of ours; anything else is printed."""
        if isinstance(sys.exception(), OSError):
            _LOG.info("connection ended: %s", sys.exception())
        else:
            super().handle_error(request, client_address)


class _Asked:
    """What a client sends, no more than so many bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = _MOST_ASKED

    def readline(self, size: int) -> bytes:
        """A line, or its beginning.

        Raises:
            HTTPException: all together are too long; the answer is then 431.
        """
        line = self._stream.readline(size)
        self._left -= len(line)
        if self._left < 0:
            raise HTTPException(f"more than {_MOST_ASKED} bytes")
        return line

    def close(self) -> None:
        self._stream.close()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "concept-linker"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.rfile: Any = _Asked(self.rfile)

    def do_GET(self) -> None:
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        try:
            path = unquote(urlsplit(self.path).path)
        except ValueError:  # such as http://[
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
        """Sends a stream bit by bit: an image may be larger than memory."""
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
