"""An emulator in another process, over its control endpoints."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import orjson

from tests.exchange.accounts import ApiKey
from tests.exchange.venues import VENUES, Venue

ROOT = Path(__file__).parents[2]


class RemoteEmulator:
    """Knows the emulator at `url`. Raises ValueError with its sentence when it refuses."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def fail(self, name: str, *, path: str = "", times: int = 1, **arguments: Any) -> None:
        """A fault by its name in faults.BY_NAME; `chance` and `about` say when it comes."""
        body = {"name": name, "path": path, "times": times}
        body |= {one: arguments.pop(one) for one in ("chance", "about") if one in arguments}
        self.do("POST", "faults", **body, arguments=arguments)

    def heal(self) -> None:
        self.do("DELETE", "faults")

    def ledger(self) -> dict[str, Any]:
        """Orders, fills, postings, duplicates, problems; numbers are strings."""
        told: dict[str, Any] = self.do("GET", "ledger")
        return told

    def do(self, method: str, what: str, **said: Any) -> Any:
        """Any control endpoint, as `do("POST", "price", symbol="BTCUSDT", last="41000")`."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(method, f"/control/{what}", orjson.dumps(said) if said else None)
            answer = connection.getresponse()
            body = orjson.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ValueError(body["error"])
        return body


class EmulatorProcess:
    """An emulator with a process of its own, so that nothing that is killed takes it along."""

    def __init__(self, venue: str, *, seed: int = 1, every_s: float = 0.2) -> None:
        options = ["--exchange", venue, "--seed", str(seed), "--every", str(every_s)]
        self._command = [sys.executable, "-m", "tests.exchange", *options]
        self.told: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, _, value = line.strip().partition(" ")
            self.told[name] = value.strip()
            if name == "secret":
                break
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    @property
    def venue(self) -> Venue:
        return VENUES[self.told["exchange"]]

    @property
    def key(self) -> ApiKey:
        return ApiKey(self.told["key"], self.told["secret"])

    @property
    def url(self) -> str:
        return self.told["control"].removesuffix("/control/ledger")

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def remote(self) -> RemoteEmulator:
        return RemoteEmulator(self.url)
