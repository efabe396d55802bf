"""From a feed's death or freeze to the next quote of the one that stood by: real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EVERY_S = 0.1  # a price moves
MOST_S = 30.0


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    from tests.exchange import EmulatorProcess

    with ExitStack() as stack:
        exchange = stack.enter_context(EmulatorProcess("binance", every_s=EVERY_S))
        stores = stack.enter_context(_stores(exchange.told))
        first, second = stores.feed(), stores.feed()
        stores.wait_for_quotes()
        time.sleep(6)  # both are warm
        for how, number in [("kill -9", signal.SIGKILL), ("freeze", signal.SIGSTOP)] * rounds:
            working = stores.working((first, second))
            other = second if working is first else first
            gap_s = stores.gap_after(partial(_hit, working, number))
            assert stores.working((first, second)) is other
            print(f"{how:<8} {gap_s:5.2f} s without a quote", flush=True)
            if number is signal.SIGKILL:
                first, second = other, stores.feed()
                time.sleep(8)
            else:
                os.kill(working.pid, signal.SIGCONT)
                time.sleep(3)
                assert stores.working((first, second)) is other


def _hit(process: subprocess.Popen[bytes], number: int) -> None:
    os.kill(process.pid, number)
    if number is signal.SIGKILL:
        process.wait()  # a supervisor does so, too: a zombie would count as alive


class Stores:
    """A database and a bus of their own, and the feeds on them."""

    def __init__(self, env: dict[str, str], log: Any) -> None:
        self.env, self.log = env, log
        self.feeds: list[subprocess.Popen[bytes]] = []

    def feed(self) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "manage.py", "run_feed"]
        made = subprocess.Popen(argv, cwd=ROOT, env=self.env, stdout=self.log, stderr=self.log)
        self.feeds.append(made)
        return made

    def working(self, feeds: tuple[subprocess.Popen[bytes], ...]) -> subprocess.Popen[bytes]:
        """Whose lease it is."""
        import sqlite3

        with sqlite3.connect(Path(self.env["STATE_DIR"]) / "countersign.sqlite3") as db:
            [(holder,)] = db.execute("SELECT holder FROM marketdata_feedlease WHERE name='feed'")
        return next(one for one in feeds if str(one.pid) == holder.rpartition(":")[2])

    def quote(self) -> Any:
        import redis

        client = redis.Redis.from_url(self.env["REDIS_URL"], db=2)
        return [client.get(key) for key in sorted(client.keys("quote:*"))]

    def wait_for_quotes(self) -> None:
        end, before = time.monotonic() + 60, self.quote()
        while self.quote() == before:
            if time.monotonic() > end:
                raise RuntimeError("no quote has come")
            time.sleep(0.1)

    def gap_after(self, act: Callable[[], None]) -> float:
        """The longest time without a change of any quote, once this was done."""
        act()
        began = changed = time.monotonic()
        longest, newest = 0.0, self.quote()
        while time.monotonic() - began < MOST_S and (
            longest < 0.7 or changed - began < longest + 1
        ):
            time.sleep(0.02)
            now, quote = time.monotonic(), self.quote()
            longest = max(longest, now - changed)
            if quote != newest:
                changed, newest = now, quote
        return longest


@contextmanager
def _stores(told: dict[str, str]) -> Iterator[Stores]:
    from config.embedded_bus import serving_bus

    with tempfile.TemporaryDirectory(prefix="feeds-") as folder, ExitStack() as stack:
        state = Path(folder)
        (state / "static").mkdir()
        stack.enter_context(serving_bus(socket=state / "bus.sock", data_dir=state))
        base = told["rest"].removesuffix("/api/v3")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "PYTHONPATH": str(ROOT),
            "STATE_DIR": folder,
            "REDIS_URL": f"unix://{state / 'bus.sock'}",
            "EXCHANGES": "binance",
            "SEED_DEMO": "false",
            "BINANCE_MARKET_DATA_BASE_URL": base,
            "BINANCE_MARKET_STREAM_BASE_URL": base.replace("http", "ws", 1),
        }
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=env, check=True
        )
        log = stack.enter_context((state / "feeds.log").open("w"))
        stores = Stores(env, log)
        try:
            yield stores
        except BaseException:
            print((state / "feeds.log").read_text()[-3000:])
            raise
        finally:
            for one in stores.feeds:
                if one.poll() is None:
                    one.kill()
                    one.wait()


if __name__ == "__main__":
    main()
