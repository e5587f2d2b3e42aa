"""Following redirects on a real server, and the ways somebody would lead us inside."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.risk.links.follow import MOST_HOPS, Led, follow, is_public


class Door(BaseHTTPRequestHandler):
    """/hop/3 leads to /hop/2 …; /to?X to X; /flood never ends; everything is noted."""

    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(self.path)
        kind, _, rest = self.path[1:].partition("/")
        if kind == "hop" and int(rest) > 0:
            self._to(f"/hop/{int(rest) - 1}")
        elif kind.startswith("to?"):
            self._to(self.path[4:])
        else:
            self.send_response(200)
            self.end_headers()
            if kind == "flood":
                try:
                    while True:
                        self.wfile.write(b"x" * 65_536)
                except OSError:
                    pass

    def _to(self, place: str) -> None:
        self.send_response(302)
        self.send_header("Location", place)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def door() -> Iterator[str]:
    Door.seen = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def here(link: str) -> Led:
    """As `follow`, with this machine as the public internet."""
    return follow(link, allowed=lambda address: address == "127.0.0.1", ports=None)


def test_redirects_are_followed_to_their_end(door):
    assert here(f"{door}/hop/3") == Led(f"{door}/hop/0")
    assert Door.seen == ["/hop/3", "/hop/2", "/hop/1", "/hop/0"]
    assert here(f"{door}/hop/0") == Led("", "no_redirect")
    assert here(f"{door}/hop/{MOST_HOPS + 1}") == Led("", "too_many")


def test_a_page_is_never_read(door):
    assert here(f"{door}/to?{door}/flood") == Led(f"{door}/flood")


def test_nothing_inside_is_spoken_to(door):
    assert follow(f"{door}/hop/0", ports=None) == Led("", "inside")
    assert follow("http://localhost/") == Led("", "inside")
    assert follow("http://[::1]/") == Led("", "inside")
    assert Door.seen == []


def test_a_redirect_inside_is_not_followed(door):
    assert here(f"{door}/to?http://169.254.169.254/latest/meta-data") == Led("", "inside")
    assert here(f"{door}/to?http://10.0.0.1/") == Led("", "inside")
    assert [path.startswith("/to?") for path in Door.seen] == [True, True]


def test_only_the_ports_of_the_web(door):
    assert follow(f"{door}/hop/0", allowed=lambda _: True) == Led("", "inside")
    assert Door.seen == []


@pytest.mark.parametrize(
    "place", ["file:///etc/passwd", "ftp://a.example/", "http://user@127.0.0.1/", "http://[", "gopher://x"]
)
def test_a_redirect_to_what_is_no_page_ends(door, place):
    assert here(f"{door}/to?{place}") == Led("", "bad")


def test_a_name_that_is_public_and_private_at_once_is_a_trap(monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: answers)
    assert follow("http://rebind.example/") == Led("", "inside")


def test_the_name_is_asked_once_and_the_connection_goes_to_the_answer(door, monkeypatch):
    """A second question could be answered differently."""
    asked = []

    def answer(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr("qunzhu.risk.links.follow.socket.getaddrinfo", answer)
    port = door.rpartition(":")[2]
    assert here(f"http://short.example:{port}/hop/0") == Led("", "no_redirect")
    assert asked.count("short.example") == 1


def addresses_in(network: str) -> st.SearchStrategy[object]:
    return st.ip_addresses(network=network)


def test_what_cannot_be_reached_says_so():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert here(f"http://127.0.0.1:{port}/") == Led("", "unreachable")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True), ("2606:2800:220:1::1", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False),
        ("0" + ".0.0.0", False),
        ("::1", False), ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:127.0.0.1", False), ("224.0.0.1", False),
        ("2002:7f00:1::", False), ("nonsense", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public


@given(
    st.ip_addresses(network="10.0.0.0/8")
    | st.ip_addresses(network="192.168.0.0/16")
    | st.ip_addresses(network="fc00::/7")
)
def test_no_private_address_is_public(address):
    assert not is_public(str(address))
