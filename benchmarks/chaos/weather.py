"""The catalogue of faults. Each injection returns when the fault is over; a kill is at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.chaos import stores
from benchmarks.chaos.evidence import PLACES
from benchmarks.chaos.scene import Scene
from benchmarks.chaos.stack import end_session

CANCELS = "DELETE /api/v3/order"
QUERIES = "GET /api/v3/"
LOOK_S = 12.0  # at most, for orders to meet a fault


@dataclass(frozen=True, slots=True)
class Kind:
    """A fault. Recovery counts from the moment of a kill, else from the end of the fault."""

    name: str
    inject: Callable[[Scene], None]
    group: str  # process, store, answer, exchange, people
    full_only: bool = False

    @property
    def is_kill(self) -> bool:
        return self.group in {"process", "store"}


def _kill(name: str) -> Callable[[Scene], None]:
    return lambda scene: scene.stack.kill(name)


def _kill_pool_child(scene: Scene) -> None:
    children = scene.stack.children_of("worker")
    if children:
        os.kill(scene.chance.choice(children), signal.SIGKILL)


def _kill_web_in_flight(scene: Scene) -> None:
    """The order is on its way, its answer comes to nobody."""
    scene.exchange.fail("slow", path=PLACES, times=2, seconds=3)
    scene.wait_for_spoils(LOOK_S)
    time.sleep(scene.chance.uniform(0.2, 1.5))
    scene.stack.kill("web")


def _kill_worker_in_flight(scene: Scene) -> None:
    """It is asking the exchange what became of orders."""
    scene.exchange.fail("slow", path=QUERIES, times=6, seconds=2)
    time.sleep(scene.chance.uniform(1.0, 2.5))
    scene.stack.kill("worker")


def _freeze(name: str) -> Callable[[Scene], None]:
    """Longer than a request is valid: what it sends when it wakes comes too late."""

    def inject(scene: Scene) -> None:
        pids = [scene.stack.pid_of(name), *scene.stack.children_of(name)]
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                if pid and os.path.exists(f"/proc/{pid}"):
                    os.kill(pid, number)
            if number is signal.SIGSTOP:
                time.sleep(8)

    return inject


def _second(name: str) -> Callable[[Scene], None]:
    """Two at work for a while, then the second is killed."""

    def inject(scene: Scene) -> None:
        extra = scene.stack.second(name)
        time.sleep(scene.chance.uniform(10, 14))
        end_session(extra)

    return inject


def _restart_bus(scene: Scene) -> None:
    if scene.stack.redis is None:
        scene.stack.kill("bus")
        return
    scene.stack.redis.stop()
    time.sleep(scene.chance.uniform(0, 3))
    scene.stack.redis.start()


def _flush_bus(scene: Scene) -> None:
    stores.flush(scene.stack.bus_url)


def _restart_postgres(scene: Scene) -> None:
    assert scene.stack.postgres is not None
    scene.stack.postgres.stop()
    time.sleep(scene.chance.uniform(0, 3))
    scene.stack.postgres.start()


def _answers(
    name: str, *, path: str = PLACES, times: int = 2, **arguments: Any
) -> Callable[[Scene], None]:
    """The next answers are spoiled, as soon as somebody asks."""

    def inject(scene: Scene) -> None:
        scene.exchange.fail(name, path=path, times=times, **arguments)
        scene.wait_for_spoils(LOOK_S)
        time.sleep(float(arguments.get("seconds", 0)))
        scene.heal()

    return inject


def _said(code: int, text: str) -> dict[str, Any]:
    return {"body": {"code": code, "msg": text}, "accepted": True}


def _cancels_lost(name: str) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        scene.exchange.fail(name, path=CANCELS, times=3)
        scene.wait_for_spoils(15)
        scene.heal()

    return inject


def _for_a_while(seconds: float, **setting: Any) -> Callable[[Scene], None]:
    def inject(scene: Scene) -> None:
        scene.exchange.do("POST", "set", **setting)
        time.sleep(seconds)
        scene.heal()

    return inject


def _outage(scene: Scene) -> None:
    scene.exchange.do("POST", "outage", seconds=4)
    time.sleep(5)


def _partial_fills(scene: Scene) -> None:
    for _ in range(6):
        scene.fill_some()
        time.sleep(1)


def _thin_book(scene: Scene) -> None:
    """Hardly anything to be had: market orders end in the middle."""
    give_up_at = time.monotonic() + 4
    while time.monotonic() < give_up_at:
        for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT"):
            price = f"{scene.price(symbol):f}"
            scene.exchange.do("POST", "price", symbol=symbol, last=price, size="0.0013")
        time.sleep(0.1)


def _streams(scene: Scene) -> None:
    """Events twice, backwards, not at all, and the connection lost."""
    streams = scene.exchange
    streams.do("POST", "streams", do="duplicate", arguments={"times": 5, "copies": 3})
    streams.do("POST", "streams", do="hold")
    time.sleep(3)
    streams.do("POST", "streams", do="release", arguments={"backwards": True})
    streams.do("POST", "streams", do="drop", arguments={"times": 5})
    time.sleep(2)
    streams.do("POST", "streams", do="disconnect")
    streams.do("POST", "streams", silent=True)
    time.sleep(3)
    scene.heal()


def _ask_stop(scene: Scene) -> None:
    proof = scene.desk.ask("POST", "system/emergency-stop", {"reason": "chaos"}, who="admin")
    if proof is not None and proof.ok:
        scene.proofs.append(proof.body)


def _emergency_stop(scene: Scene) -> None:
    """Stop while decisions come in, hold it, resume, and start the bots again."""
    _ask_stop(scene)
    time.sleep(scene.chance.uniform(2, 4))
    resume_all(scene)


def _stop_and_kill(scene: Scene) -> None:
    """The process that stops dies over it: somebody else must finish the stop."""
    scene.exchange.fail("slow", path=CANCELS, times=4, seconds=2)
    asking = threading.Thread(target=_ask_stop, args=(scene,))
    asking.start()
    time.sleep(scene.chance.uniform(0, 0.4))
    scene.stack.kill("web")
    asking.join()
    time.sleep(8)
    scene.heal()
    resume_all(scene)


def resume_all(scene: Scene) -> None:
    """RUNNING, with every bot."""
    body = {"state": "RUNNING", "reason": "chaos: it was an exercise"}
    scene.until_ok("POST", "system/state", body)
    for bot in scene.driver.bots:
        scene.until_ok("POST", f"bots/{bot}/start", {}, at_most_s=120)


KINDS = (
    Kind("kill web", _kill("web"), "process"),
    Kind("kill web in flight", _kill_web_in_flight, "process"),
    Kind("kill worker", _kill("worker"), "process"),
    Kind("kill worker in flight", _kill_worker_in_flight, "process"),
    Kind("kill worker child", _kill_pool_child, "process"),
    Kind("kill beat", _kill("beat"), "process"),
    Kind("kill feed", _kill("feed"), "process"),
    Kind("kill supervisor", _kill("supervisor"), "process"),
    Kind("freeze web 8 s", _freeze("web"), "freeze"),
    Kind("freeze worker 8 s", _freeze("worker"), "freeze"),
    Kind("two workers", _second("worker"), "freeze"),
    Kind("two beats", _second("beat"), "freeze"),
    Kind("restart bus", _restart_bus, "store"),
    Kind("flush bus", _flush_bus, "store"),
    Kind("restart PostgreSQL", _restart_postgres, "store", full_only=True),
    Kind("answer lost", _answers("answer_lost"), "answer"),
    Kind("reset before accept", _answers("reset"), "answer"),
    Kind("reset after accept", _answers("reset_after"), "answer"),
    Kind("429", _answers("status", code=429, retry_after=2), "answer"),
    Kind("418", _answers("status", code=418, retry_after=3), "answer"),
    Kind("502 before accept", _answers("status", code=502), "answer"),
    Kind("504 after accept", _answers("status", code=504, accepted=True), "answer"),
    Kind("-1007 after accept", _answers("refused", **_said(-1007, "Timeout waiting")), "answer"),
    Kind("200 with HTML", _answers("html"), "answer"),
    Kind("200 with half a body", _answers("truncated"), "answer"),
    Kind("body cut short", _answers("cut_short"), "answer"),
    Kind("200 without client id", _answers("without_client_id"), "answer"),
    Kind("slow answer 6 s", _answers("slow", seconds=6), "answer"),
    Kind("stalled 10 s", _answers("stalled", seconds=10), "answer"),
    Kind("accepted 2 s late", _answers("accepted_late", seconds=2), "answer"),
    Kind("hidden 3 s", _answers("hidden", seconds=3), "answer"),
    Kind("lost and hidden 4 s", _answers("lost_and_hidden", seconds=4), "answer"),
    Kind("queries fail", _answers("status", path=QUERIES, times=12, code=502), "answer"),
    Kind("cancel lost", _cancels_lost("answer_lost"), "exchange"),
    Kind("fill beats cancel", _cancels_lost("fill_wins"), "exchange"),
    Kind("partial fills", _partial_fills, "exchange"),
    Kind("thin book", _thin_book, "exchange"),
    Kind("clock 8 s ahead", _for_a_while(5, skew_ms=8_000), "exchange"),
    Kind("maintenance 4 s", _for_a_while(4, maintenance=True), "exchange"),
    Kind("outage 4 s", _outage, "exchange"),
    Kind("stream trouble", _streams, "exchange"),
    Kind("emergency stop", _emergency_stop, "people"),
    Kind("stop, web killed", _stop_and_kill, "people"),
)
SHORT = (
    "kill web in flight",
    "answer lost",
    "kill worker",
    "reset before accept",
    "flush bus",
    "partial fills",
    "emergency stop",
    "kill supervisor",
)


def kinds(*, full: bool, names: tuple[str, ...] = ()) -> list[Kind]:
    """The catalogue for a store set-up, or the named part of it."""
    fitting = [kind for kind in KINDS if full or not kind.full_only]
    return [kind for name in names for kind in fitting if kind.name == name] if names else fitting
