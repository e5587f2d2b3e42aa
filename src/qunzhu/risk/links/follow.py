"""Follow a link's redirects without letting it lead inside: no page is read, no address but public ones is spoken to.

A name is looked up once and the connection goes to the address that was checked, so a name that changes its answer in
between (DNS rebinding) gains nothing. Proxies of the environment are not used.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpcore
import msgspec

MOST_HOPS = 5
HOP_SECONDS, ALL_SECONDS = 5.0, 15.0
PORTS = frozenset({80, 443})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = [(b"User-Agent", b"Mozilla/5.0 (compatible; Qunzhu link check)"), (b"Accept", b"*/*")]


class Led(msgspec.Struct, frozen=True):
    """Where a link leads; `why` says what was in the way when `target` is empty."""

    target: str
    why: str = ""


class Inside(Exception):
    """The link leads to an address that is not public, or to a port that is not the web's."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if mapped is not None:
        found = mapped
    return found.is_global and not found.is_multicast


class _Guarded(httpcore.NetworkBackend):
    """Connects to public addresses only."""

    def __init__(self, allowed: Callable[[str], bool], ports: frozenset[int] | None) -> None:
        self._allowed, self._ports = allowed, ports
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        if self._ports is not None and port not in self._ports:
            raise Inside(f"port {port}")
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        # All of them: a name that is public and private at once is a trap.
        if not addresses or not all(map(self._allowed, addresses)):
            raise Inside(f"{host} is not on the public internet")
        return self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)


def follow(link: str, *, allowed: Callable[[str], bool] = is_public, ports: frozenset[int] | None = PORTS) -> Led:
    """Where `link` leads in the end. `allowed` judges every IP address, `ports` (None: any) every port.

    Raises nothing: what went wrong is in `why` (inside, unreachable, too_many, no_redirect, bad).
    """
    until = time.monotonic() + ALL_SECONDS
    with httpcore.ConnectionPool(network_backend=_Guarded(allowed, ports), max_connections=1) as pool:
        at = link
        for hop in range(MOST_HOPS + 1):
            if time.monotonic() > until:
                return Led("", "unreachable")
            try:
                onward = _ask(pool, at)
            except Inside:
                return Led("", "inside")
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError):
                return Led("", "unreachable") if hop == 0 else Led(at)
            except (ValueError, UnicodeError, httpcore.UnsupportedProtocol):
                return Led("", "bad")
            if onward is None:
                return Led(at) if hop else Led("", "no_redirect")
            at = onward
    return Led("", "too_many")


def _ask(pool: httpcore.ConnectionPool, link: str) -> str | None:
    """The address that `link` redirects to; None when it does not. The body is not read."""
    parts = urlsplit(link)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(link)
    timeouts = dict.fromkeys(("connect", "read", "write", "pool"), HOP_SECONDS)
    with pool.stream("GET", link, headers=_HEADERS, extensions={"timeout": timeouts}) as answer:
        if answer.status not in _REDIRECTS:
            return None
        places = [value for name, value in answer.headers if name.lower() == b"location"]
    if not places:
        return None
    return urljoin(link, places[0].decode("utf-8", "strict").strip())
