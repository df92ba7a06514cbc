"""The server: only for this machine, and only the page and the images of its records."""

from __future__ import annotations

import socket
import threading
import tracemalloc
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from time import monotonic, sleep

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
def test_other_paths_are_not_found(server: PageServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "evil.test:80", "127.0.0.1:1"])
def test_another_host_name_is_an_error(server: PageServer, host: str) -> None:
    assert ask(server, "/", host=host)[0].status == 421


def test_requests_that_send_data_are_errors(server: PageServer) -> None:
    assert ask(server, "/", method="POST")[0].status == 501


def connected(server: PageServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.server_port), timeout=10)


def ended(client: socket.socket) -> bool:
    """Whether the server has closed a connection, after reading all data."""
    try:
        while client.recv(1 << 20):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets a limit of half a second."""
    monkeypatch.setattr(PageServer, "max_seconds", 0.5)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127", b"POST / "])
def test_a_client_that_stops_sending_is_disconnected(
    server: PageServer, limited: None, sent: bytes
) -> None:
    with connected(server) as client:
        client.sendall(sent)
        assert ask(server, "/")[0].status == 200
        assert ended(client)


def test_a_slow_client_is_disconnected(server: PageServer, limited: None) -> None:
    begun = monotonic()

    def trickle() -> None:
        with connected(server) as client:
            while monotonic() - begun < 10:
                client.sendall(b"G")
                sleep(0.02)

    with pytest.raises(ConnectionError):
        trickle()
    assert monotonic() - begun < 5
    assert ask(server, "/")[0].status == 200


def test_a_client_that_never_reads_is_disconnected(server: PageServer, limited: None) -> None:
    server.page = b"x" * 50_000_000  # more than the system buffers for a connection
    before = threading.active_count()
    clients = [connected(server) for _ in range(5)]
    for client in clients:
        client.sendall(f"GET / HTTP/1.1\r\nHost: {server.url[7:-1]}\r\n\r\n".encode())
    until = monotonic() + 10
    while len(server._begun) < len(clients):
        sleep(0.01)
    while server._begun or threading.active_count() > before:
        assert monotonic() < until, "threads wait for clients that do not read"
        sleep(0.05)
    for client in clients:
        client.close()
    assert len(ask(server, "/")[1]) == len(server.page)


def test_too_many_connections_end_the_oldest(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PageServer, "max_connections", 8)
    before = threading.active_count()
    clients = [connected(server) for _ in range(60)]
    assert ask(server, "/")[0].status == 200
    assert all(map(ended, clients[:52]))
    assert threading.active_count() <= before + 9
    for client in clients:
        client.close()


@pytest.mark.parametrize(
    ("headers", "length", "status"), [(8, 500, 200), (60, 4000, 431), (99, 1500, 431)]
)
def test_requests_have_a_maximum_size(
    server: PageServer, headers: int, length: int, status: int
) -> None:
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=5)
    connection.putrequest("GET", "/")
    for number in range(headers):
        connection.putheader(f"X-{number}", "y" * length)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_an_endless_request_line_is_an_error(server: PageServer) -> None:
    assert ask(server, "/" + "y" * 65_000)[0].status == 404
    assert ask(server, "/" + "y" * 70_000)[0].status == 414


def test_clients_that_disconnect_print_nothing(
    server: PageServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.page = b"x" * 50_000_000
    for _ in range(5):
        with connected(server) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {server.url[7:-1]}\r\n\r\n".encode())
            client.recv(10)
    until = monotonic() + 10
    while server._begun and monotonic() < until:
        sleep(0.02)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("address", ["http://[", "//[::1/", "http://[x]/"])
def test_an_invalid_address_is_an_error_for_the_client_only(
    server: PageServer, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(server, address)[0].status in (400, 404)
    assert not capsys.readouterr().err


def test_an_image_may_be_larger_than_memory(server: PageServer, tmp_path: Path) -> None:
    with (tmp_path / "images/a b/c?.gif").open("ab") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=5) as client:
        asked = f"GET /images/a%20b/c%3F.gif HTTP/1.0\r\nHost: localhost:{server.server_port}"
        client.sendall(f"{asked}\r\n\r\n".encode())
        answer = client.makefile("rb")
        assert b"200 OK" in answer.readline()
        assert all(len(answer.read(1 << 20)) == 1 << 20 for _ in range(64))
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
