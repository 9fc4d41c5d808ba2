"""How metrics get out: a port that Prometheus scrapes, or a file for node_exporter."""

import socket
import threading
from typing import Any, Protocol
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, generate_latest, make_wsgi_app

from ktrace.errors import UsageError
from ktrace.trace.snapshots import Snapshots

_LOOPBACK = "127.0.0.1"
_CLIENT_S = 5.0  # that a client may take
_FILE_S = 15.0  # between two files; node_exporter is scraped as often


class Exposition(Protocol):
    @property
    def failure(self) -> str:
        """Why metrics do not get out; empty: as far as is known they do."""

    def tick(self, t: float) -> None: ...

    def close(self) -> None: ...


def exposition(where: str, registry: CollectorRegistry) -> Exposition:
    """Raises UsageError."""
    if "/" in where or where.endswith(".prom"):
        return _File(where, registry)
    address, _, port = where.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--metrics {where} is neither [ADDRESS:]PORT nor a path of a file")
    return Port(address.strip("[]") or _LOOPBACK, int(port), registry)


class Port:
    """Bound at once, answered by a thread that begins with the first tick."""

    failure = ""

    def __init__(self, address: str, port: int, registry: CollectorRegistry) -> None:
        kind = _Server6 if ":" in address else WSGIServer
        try:
            app: Any = make_wsgi_app(registry)
            self._server = make_server(address, port, app, kind, _Handler)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {address}:{port}: {error.strerror or error}"
            ) from None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._server.server_address[:2]
        return str(host), int(port)

    def tick(self, t: float) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server6(WSGIServer):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _CLIENT_S

    def address_string(self) -> str:
        """Without a look-up of the name."""
        return str(self.client_address[0])

    def log_message(self, *_: object) -> None:
        """Scrapes are no news."""


class _File:
    def __init__(self, path: str, registry: CollectorRegistry) -> None:
        self._snapshots = Snapshots(path)
        self._registry = registry
        self._next_t = 0.0

    @property
    def failure(self) -> str:
        return self._snapshots.failure

    def tick(self, t: float) -> None:
        if t >= self._next_t:
            self._next_t = t + _FILE_S
            self._snapshots.put(generate_latest(self._registry))

    def close(self) -> None:
        self._snapshots.close()
