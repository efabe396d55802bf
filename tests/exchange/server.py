"""The HTTP and WebSocket server on loopback: one event loop in one thread, faults in front."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

import orjson
from aiohttp import web

from tests.exchange import binance, bybit
from tests.exchange.faults import HTML, Answer, Fault, HangUp, Spoil
from tests.exchange.market import Market
from tests.exchange.routes import Query, Refused, Request

T = TypeVar("T")


class LoopbackServer:
    """Runs while it is entered. Subclasses say what is answered."""

    def __init__(self, *, port: int = 0, seed: int = 1) -> None:
        self.faults: list[Fault] = []
        self.random = random.Random(seed)
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self._left = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    def fail(
        self,
        spoil: Spoil,
        *,
        path: str = "",
        about: str = "",
        times: int = 1_000_000,
        chance: float = 1.0,
    ) -> None:
        """Spoil the next `times` requests whose `METHOD path` holds `path` and that say `about`."""
        self.faults.append(Fault(spoil, path, times, chance, about))

    def heal(self) -> None:
        """No faults any more."""
        self.faults.clear()

    def call(self, act: Callable[[], T]) -> T:
        """Run `act` in the server's thread, so that it meets no request half way."""
        loop = self._loop
        if loop is None or threading.current_thread() is self._thread:
            return act()
        return asyncio.run_coroutine_threadsafe(_run(act), loop).result()

    def __enter__(self) -> Self:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._ready.clear()
        self._thread = threading.Thread(
            target=self._serve, args=(self._loop, listener), daemon=True
        )
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("The loopback exchange did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left = True
        self.go_down()

    def go_down(self) -> None:
        """Close every connection and refuse new ones; what the exchange knows stays."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = None
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)

    def come_up(self) -> None:
        """Listen again, at the same address, unless the end has come meanwhile."""
        if not self._left:
            self.__enter__()

    def _serve(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(self._open(listener))
        loop.call_soon(self._ready.set)
        loop.run_forever()
        loop.run_until_complete(self._runner.cleanup())
        loop.run_until_complete(_cancel_the_rest())
        loop.close()

    async def _open(self, listener: socket.socket) -> None:
        self._runner = web.ServerRunner(
            web.Server(self._handle, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def _handle(self, raw: web.BaseRequest) -> web.StreamResponse:
        path, _, query = raw.raw_path.partition("?")
        request = Request(raw.method, path, query, headers=raw.headers, ip=raw.remote or "")
        if raw.headers.get("Upgrade", "").lower() == "websocket":
            return await self.websocket(raw, request)
        request.body = (await raw.read()).decode()
        self.arrived(request)
        fault = None if path.startswith("/control/") else self._next_fault(request)
        if fault is None:
            return self._send(self.answer(request), request)
        request.spoil = fault.spoil
        return await self._spoiled(raw, request, fault.spoil)

    def _next_fault(self, request: Request) -> Fault | None:
        path = f"{request.method} {request.path}"
        for fault in self.faults:
            fits = fault.path in path and fault.times > 0
            fits = fits and (fault.about in request.query or fault.about in request.body)
            if fits and (fault.chance >= 1 or self.random.random() < fault.chance):
                fault.times -= 1
                return fault
        return None

    async def _spoiled(
        self, raw: web.BaseRequest, request: Request, spoil: Spoil
    ) -> web.StreamResponse:
        if spoil.late_s is not None:
            asyncio.get_running_loop().call_later(spoil.late_s, self.answer, request)
            return self._hang_up(raw, request, HangUp.CLOSE, Answer())
        answer = self.answer(request) if spoil.accepted else Answer(503, HTML)
        if spoil.wait_s:
            await asyncio.sleep(spoil.wait_s)
        if spoil.change is not None:
            answer = spoil.change(answer)
        if spoil.hang_up is not None:
            return self._hang_up(raw, request, spoil.hang_up, answer)
        return self._send(answer, request)

    def _send(self, answer: Answer, request: Request) -> web.Response:
        self.seen(request, str(answer.status))
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    def _hang_up(
        self, raw: web.BaseRequest, request: Request, how: HangUp, answer: Answer
    ) -> web.Response:
        self.seen(request, how)
        transport = raw.transport
        if transport is not None:
            if how is HangUp.CUT:
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer.body)}\r\n\r\n"
                transport.write(head.encode() + answer.body[: len(answer.body) // 2])
            if how is HangUp.RESET:
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            transport.close()
        return web.Response()  # goes nowhere: the connection is gone

    def answer(self, request: Request) -> Answer:
        """What the exchange does and says, were there no fault."""
        raise NotImplementedError

    async def websocket(self, raw: web.BaseRequest, request: Request) -> web.StreamResponse:
        """A connection for streams; none here."""
        return web.Response(status=404)

    def arrived(self, request: Request) -> None:
        """Called once for each request, before anything is done about it."""

    def seen(self, request: Request, outcome: str) -> None:
        """Called once for each request, when it is known how it ended."""


class LoopbackExchange(LoopbackServer):
    """Public market data of both venues; `url` is the base URL of both."""

    def __init__(self, market: Market) -> None:
        super().__init__()
        self.market = market
        self.requests: list[tuple[str, Query]] = []

    def asked(self, path: str) -> list[Query]:
        """The queries of all requests whose path holds `path`."""
        return [query for asked, query in self.requests if path in asked]

    def answer(self, request: Request) -> Answer:
        routes = binance.routes(self.market) | bybit.routes(self.market)
        route = routes.get(f"{request.method} {request.path}")
        if route is None:
            return Answer(404, b"not found")
        try:
            return Answer(200, orjson.dumps(route(request.params)))
        except Refused as refused:
            return Answer(refused.status, orjson.dumps(refused.body))

    def arrived(self, request: Request) -> None:
        self.requests.append((request.path, request.params))


async def _cancel_the_rest() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _run(act: Callable[[], T]) -> T:
    return act()
