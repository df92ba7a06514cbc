"""A local server with the layout of PMC's Cloud Service, and with faults on request."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, defaultdict, deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

IMAGE = b"\xff\xd8\xff\xe0 no real image " * 200


#: Fault → what is sent first, then again and again, and seconds between.
_ENDLESS = {
    "trickle": (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.02),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.02),
    "long": (b"HTTP/1.1 200 OK\r\n\r\n<a>", b"<b/>" * 20_000, 0.0),
}


def jats(
    pmcid: str, hrefs: tuple[str, ...] = ("gr1", "gr2"), caption: str = "CT of a lesion"
) -> bytes:
    figures = "".join(
        f'<fig id="f{n}"><label>Figure {n}</label><caption><p>{escape(caption)} {n}</p></caption>'
        f'<graphic xlink:href="{escape(href)}"/></fig>'
        for n, href in enumerate(hrefs, start=1)
    )
    return (
        '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS-archivearticle1.dtd">'
        '<article xmlns:xlink="http://www.w3.org/1999/xlink"><front><article-meta>'
        f'<article-id pub-id-type="pmid">77</article-id>'
        f'<article-id pub-id-type="pmc">{pmcid[3:]}</article-id>'
        f"</article-meta></front><body>{figures}</body></article>"
    ).encode()


class Cloud:
    """The server; ``with Cloud() as cloud``.

    ``faults[key]`` are used up one a request: ``"503"``, ``"429 1"`` (with Retry-After), ``"cut"``,
    ``"wrong"`` (other bytes), ``"hang"``, ``"drip"``, ``"404"``, and without an end ``"trickle"``
    (a header, byte by byte), ``"continue"`` (answers before the answer), ``"long"`` (the body).
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.faults: dict[str, deque[str]] = defaultdict(deque)
        self.page_size = 1000
        self.pages_without_end = False
        self.delay = 0.0
        self.requests: list[str] = []
        self.times: list[float] = []
        self.served: Counter[str] = Counter()  # whole and right
        self.underway = self.most_underway = 0
        self.lock = threading.Lock()
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                with cloud.lock:
                    cloud.underway += 1
                    cloud.most_underway = max(cloud.most_underway, cloud.underway)
                try:
                    cloud.answer(self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with cloud.lock:
                        cloud.underway -= 1

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Cloud:
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add(
        self,
        pmcid: str,
        version: int = 1,
        /,
        *,
        xml: bytes | None = None,
        media: dict[str, bytes] | None = None,
        **metadata: Any,
    ) -> None:
        """An article; without more it has two figures, an image for each, and a supplement."""
        folder = f"{pmcid}.{version}"
        media = (
            {"gr1.jpg": IMAGE, "gr2.jpg": IMAGE[::-1], "mmc1.pdf": b"pdf"}
            if media is None
            else media
        )
        files = {f"{folder}.xml": jats(pmcid) if xml is None else xml, **media}
        for name, data in files.items():
            self.objects[f"{folder}/{name}"] = data
        described = {
            "pmcid": pmcid,
            "version": version,
            "pmid": 77,
            "doi": None,
            "title": "A title",
            "is_pmc_openaccess": True,
            "is_manuscript": False,
            "is_historical_ocr": False,
            "is_retracted": False,
            "license_code": "CC BY",
            "xml_url": address(folder, f"{folder}.xml", files[f"{folder}.xml"]),
            "media_urls": [address(folder, name, data) for name, data in media.items()],
            **metadata,
        }
        self.objects[f"metadata/{folder}.json"] = json.dumps(described).encode()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        key = f"list {query['prefix'][0]}" if "list-type" in query else unquote(parts.path[1:])
        with self.lock:
            self.requests.append(key)
            self.times.append(time.monotonic())
            fault = self.faults[key].popleft() if self.faults[key] else ""
        time.sleep(self.delay)
        if fault[:1].isdigit():
            status, _, wait = fault.partition(" ")
            self.send(request, int(status), b"", {"Retry-After": wait} if wait else {})
            return
        data = self.listing(query) if "list-type" in query else self.objects.get(key)
        if data is None:
            self.send(request, 404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif fault in _ENDLESS:
            begin, again, pause = _ENDLESS[fault]
            request.wfile.write(begin)
            while True:  # until the client has gone
                request.wfile.write(again)
                time.sleep(pause)
        elif fault == "wrong":
            self.send(request, 200, b"?" + data[1:])
        elif fault in ("cut", "hang", "drip"):
            request.send_response(200)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            for place in range(0, len(data), 100):
                if fault != "drip" and place > len(data) // 2:
                    time.sleep(1.0 if fault == "hang" else 0.0)
                    request.close_connection = True
                    return
                request.wfile.write(data[place : place + 100])
                time.sleep(0.02 if fault == "drip" else 0)
        else:
            self.send(request, 200, data)
            with self.lock:
                self.served[key] += 1

    def send(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        data: bytes,
        headers: dict[str, str] | None = None,
    ) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(data)

    def listing(self, query: dict[str, list[str]]) -> bytes:
        """S3's ListObjectsV2, in pages; a token is the number of the next page's first entry."""
        prefix = query["prefix"][0]
        folders = {key.partition("/")[0] + "/" for key in self.objects if key.startswith(prefix)}
        first = int(query.get("continuation-token", ["at 0 +/="])[0].split()[1])
        page = sorted(folders)[first : first + self.page_size]
        more = first + self.page_size < len(folders) or self.pages_without_end
        token = f"<NextContinuationToken>at {first + self.page_size} +/=</NextContinuationToken>"
        return (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{str(more).lower()}</IsTruncated>{token if more else ''}"
            + "".join(f"<CommonPrefixes><Prefix>{one}</Prefix></CommonPrefixes>" for one in page)
            + "</ListBucketResult>"
        ).encode()


def address(folder: str, name: str, data: bytes) -> str:
    return f"s3://pmc-oa-opendata/{folder}/{name}?md5={hashlib.md5(data).hexdigest()}"
