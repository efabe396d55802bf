"""The HTTP server: routes of both venues on one loopback port, faults in front of them."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from tests.exchange import binance, bybit
from tests.exchange.faults import Answer, Fault, Spoil
from tests.exchange.market import Market
from tests.exchange.routes import Query, Refused


@dataclass(slots=True)
class LoopbackExchange:
    """Runs while it is entered; `url` is the base URL of both venues."""

    market: Market
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, Query]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, spoil: Spoil, *, path: str = "", times: int = 1_000_000) -> None:
        """Spoil the next `times` answers whose path holds `path`."""
        self.faults.append(Fault(spoil, path, times))

    def heal(self) -> None:
        """No faults any more."""
        self.faults.clear()

    def asked(self, path: str) -> list[Query]:
        """The queries of all requests whose path holds `path`."""
        return [query for asked, query in self.requests if path in asked]

    def __enter__(self) -> LoopbackExchange:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, method: str, path: str, query: Query) -> Answer:
        route = (binance.routes(self.market) | bybit.routes(self.market)).get(f"{method} {path}")
        if route is None:
            return Answer(404, b"not found")
        try:
            return Answer(200, json.dumps(route(query)).encode())
        except Refused as refused:
            return Answer(refused.status, json.dumps(refused.body).encode())

    def _next_fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.path in path and fault.times > 0:
                fault.times -= 1
                return fault
        return None


def _handler(exchange: LoopbackExchange) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            exchange.requests.append((url.path, query))
            answer: Answer | None = exchange._answer("GET", url.path, query)
            fault = exchange._next_fault(url.path)
            if fault is not None and answer is not None:
                answer = fault.spoil(self, answer)
            if answer is not None:
                self._send(answer)

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
