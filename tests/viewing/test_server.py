"""The server: this machine only, and nothing but the page and the records' images."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from concept_linker.viewing.server import PageServer

GIF = b"GIF89a and more"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    folder = tmp_path / "images"
    (folder / "a b").mkdir(parents=True)
    (folder / "a b" / "c?.gif").write_bytes(GIF)
    (folder / "text.gif").write_text("<script>")
    (folder / "unnamed.gif").write_bytes(GIF)
    (tmp_path / "secret.gif").write_bytes(GIF)
    names = ["a b/c?.gif", "text.gif", "missing.gif", "../secret.gif"]
    with PageServer("<p>page 🧠</p>", folder, names) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(
    server: PageServer, path: str, *, method: str = "GET", host: str | None = None
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_it_listens_on_this_machine_only(server: PageServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/"


def test_the_page_and_its_images(server: PageServer) -> None:
    response, body = ask(server, "/")
    assert body.decode() == "<p>page 🧠</p>"
    policy = response.getheader("Content-Security-Policy") or ""
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert response.getheader("X-Content-Type-Options") == "nosniff"
    response, body = ask(server, "/images/a%20b/c%3F.gif")
    assert (response.getheader("Content-Type"), body) == ("image/gif", GIF)
    response, body = ask(server, "/", method="HEAD")
    assert (response.status, body) == (200, b"")


@pytest.mark.parametrize(
    "path",
    "/images/unnamed.gif /images/../secret.gif /images/%2e%2e/secret.gif /images/ /images/%00 "
    "/images/missing.gif /images/text.gif /page.html //etc/passwd".split(),
)
def test_nothing_else(server: PageServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "evil.test:80", "127.0.0.1:1"])
def test_a_foreign_name_is_refused(server: PageServer, host: str) -> None:
    assert ask(server, "/", host=host)[0].status == 421


def test_nothing_can_be_sent(server: PageServer) -> None:
    assert ask(server, "/", method="POST")[0].status == 501
