"""Serves a page and its images on this machine only."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from concept_linker.viewing.images import image_file, image_type
from concept_linker.viewing.page import policy

__all__ = ["HOST", "PageServer"]

_LOG = logging.getLogger(__name__)
HOST = "127.0.0.1"
_IMAGES = "/images/"


class PageServer(ThreadingHTTPServer):
    """One page, and the images that its records name; nothing else of the folder.

    Requests under another name than this machine's own are refused: a foreign page whose name was
    made to lead here would come with that name.

    Args:
        page: the page.
        folder: the folder of images.
        images: the images' paths in it.
        port: the port; 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(
        self, page: str, folder: Path | None, images: Iterable[str], *, port: int = 0
    ) -> None:
        self.page = page.encode("utf-8")
        self.folder = folder
        self.images = frozenset(images)
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    server_version = "concept-linker"
    sys_version = ""

    def do_GET(self) -> None:
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST)
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/":
            self._send("text/html; charset=utf-8", self.server.page)
            return
        data = self._image(path.removeprefix(_IMAGES)) if path.startswith(_IMAGES) else None
        kind = image_type(data) if data else None
        if data is None or kind is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self._send(kind, data)

    def do_HEAD(self) -> None:
        self.do_GET()

    def _image(self, name: str) -> bytes | None:
        if self.server.folder is None or name not in self.server.images:
            return None
        path = image_file(self.server.folder, name)
        return path.read_bytes() if path else None

    def _send(self, kind: str, data: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", f"{policy()}; frame-ancestors 'none'")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        _LOG.info(format, *args)
