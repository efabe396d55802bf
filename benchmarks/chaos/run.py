"""One run: start everything, disturb it while decisions come in, let it settle, judge."""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks.chaos import tally
from benchmarks.chaos.desk import Desk
from benchmarks.chaos.driver import Driver
from benchmarks.chaos.evidence import CALM, Books, Decision, Truth, books_of, truth_of
from benchmarks.chaos.judge import UNSETTLED, Finding, judge
from benchmarks.chaos.scene import Prices, Scene
from benchmarks.chaos.stack import Stack
from benchmarks.chaos.weather import SHORT, Kind, kinds, resume_all
from tests.exchange.remote import EmulatorProcess, RemoteEmulator

SETTLE_S = 150.0
GONE_S = 90.0  # without anything going through: it doesn't recover


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a run is to be."""

    decisions: int = 500
    seed: int = 1
    full: bool = False  # PostgreSQL and Redis instead of SQLite and Valkey
    short: bool = False
    only: tuple[str, ...] = ()
    longest_s: float = 3600.0  # faults come for at most so long
    recovery_limit_s: float = 30.0
    keep: Path | None = None  # a folder for logs and evidence


@dataclass(slots=True)
class Verdict:
    """What a run has shown."""

    rows: list[tally.Row]
    findings: list[Finding]
    facts: dict[str, Any]
    failures: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "passed": not self.failures,
            "failures": self.failures,
            "rows": tally.as_json(self.rows),
            "findings": [asdict(finding) for finding in self.findings],
            "facts": self.facts,
        }


def run(wanted: Wanted) -> Verdict:
    """Raises TimeoutError or RuntimeError when the console doesn't come up at all."""
    with ExitStack() as ending:
        folder = wanted.keep or Path(ending.enter_context(_folder()))
        emulator = ending.enter_context(EmulatorProcess("binance", seed=wanted.seed, every_s=0.5))
        stack = Stack(folder, emulator.url, full=wanted.full)
        ending.callback(stack.end)
        say(f"Ready after {stack.start():.1f} s; making bots")
        key = ["--key", emulator.key.key, "--secret", emulator.key.secret]
        staged = stack.script("benchmarks.chaos.stage", *key)
        scene = _scene(stack, emulator.remote, staged, wanted.seed)
        resume_all(scene)
        episodes = _disturb(scene, wanted)
        truth, books = _settle(scene)
        _keep(folder, truth, books, scene.driver.decisions)
        return conclude(truth, books, scene.driver, episodes, wanted)


def conclude(
    truth: Truth,
    books: Books,
    driver: Driver,
    episodes: Sequence[tally.Episode],
    wanted: Wanted,
) -> Verdict:
    decisions = driver.decisions
    findings = judge(truth, books, decisions)
    facts = tally.facts_of(truth, books, decisions)
    facts |= {"refusals": dict(driver.refusals), "broken_answers": driver.repeats}
    facts |= {"cores": os.cpu_count(), "load_15_min": round(os.getloadavg()[2], 1)}
    failures = [f"{one.wrong}: {one.text} {one.client_id}".strip() for one in findings]
    for episode in episodes:
        late = episode.recovery_s is None or episode.recovery_s > wanted.recovery_limit_s
        if episode.is_kill and late:
            took = "never" if episode.recovery_s is None else f"after {episode.recovery_s:.1f} s"
            failures.append(f"{episode.kind}: recovered {took}")
    if facts["decisions"] < wanted.decisions:
        failures.append(f"only {facts['decisions']} of {wanted.decisions} decisions")
    rows = tally.rows_of(truth, books, decisions, findings, episodes)
    return Verdict(rows, findings, facts, failures)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="countersign-chaos-", ignore_cleanup_errors=True)


def _scene(stack: Stack, exchange: RemoteEmulator, staged: Any, seed: int) -> Scene:
    desk = Desk(stack.port, staged["tokens"])
    driver = Driver(desk, staged["bots"], Prices(exchange), seed=seed)
    return Scene(stack, exchange, desk, driver, random.Random(seed))


def _disturb(scene: Scene, wanted: Wanted) -> list[tally.Episode]:
    """Faults one after the other, each until decisions go through again."""
    episodes: list[tally.Episode] = []
    scene.driver.start()
    try:
        scene.wait_for_orders(10, 60)  # something to lose
        scene.heal()
        give_up_at = time.monotonic() + wanted.longest_s
        for kind in _order_of(scene, wanted):
            if time.monotonic() > give_up_at:
                break
            episodes.append(_inject(scene, kind))
            say(_line(episodes[-1], scene.driver))
            time.sleep(scene.chance.uniform(0.5, 2.5))
        while scene.driver.placed < wanted.decisions and time.monotonic() < give_up_at:
            time.sleep(0.5)
    finally:
        scene.driver.kind = CALM
        scene.exchange.heal()
        left = scene.driver.rest(120)
    say(f"{len(scene.driver.decisions)} decisions, {scene.driver.placed} placed, {left} open")
    return episodes


def _order_of(scene: Scene, wanted: Wanted) -> Iterator[Kind]:
    """Every kind once, in an order of chance; then any until there are enough decisions."""
    listed = kinds(full=wanted.full, names=wanted.only or (SHORT if wanted.short else ()))
    turn = list(listed)
    if not wanted.short:
        scene.chance.shuffle(turn)
    yield from turn
    while not wanted.short and scene.driver.placed < wanted.decisions:
        yield scene.chance.choice(listed)


def _inject(scene: Scene, kind: Kind) -> tally.Episode:
    scene.driver.kind = kind.name
    hit_s = time.monotonic()
    kind.inject(scene)
    over_s = time.monotonic()
    since_s = max(hit_s, scene.stack.killed_s) if kind.is_kill else over_s
    recovered_s = _recovered(scene, since_s, over_s + GONE_S)
    scene.driver.kind = CALM
    scene.heal()
    took = None if recovered_s is None else recovered_s - since_s
    return tally.Episode(kind.name, kind.is_kill, hit_s, over_s, took)


def _recovered(scene: Scene, since_s: float, give_up_s: float) -> float | None:
    while time.monotonic() < give_up_s:
        done_s = scene.driver.through_since(since_s)
        if done_s is not None:
            return done_s
        time.sleep(0.05)
    return None


def _line(episode: tally.Episode, driver: Driver) -> str:
    lasted = episode.over_s - episode.hit_s
    took = "did not recover" if episode.recovery_s is None else f"{episode.recovery_s:5.1f} s"
    return f"{episode.kind:<24} lasted {lasted:5.1f} s, recovery {took}, {driver.placed} placed"


def _settle(scene: Scene) -> tuple[Truth, Books]:
    """Stop the bots, wait until every order has a verdict and the account was reconciled."""
    for bot in scene.driver.bots:
        scene.until_ok("POST", f"bots/{bot}/stop", {})
    began = time.monotonic()
    books = _books(scene)
    while time.monotonic() < began + SETTLE_S and not _at_rest(scene, books):
        time.sleep(3)
        books = _books(scene)
    say(f"At rest after {time.monotonic() - began:.0f} s")
    return _truth(scene), books


def _at_rest(scene: Scene, books: Books) -> bool:
    """No order without a verdict, none that moved there alone, and two clean cycles since."""
    if any(order.status in UNSETTLED for order in books.orders):
        return False
    if books.last_cycles[:2] != ["CLEAN", "CLEAN"]:
        return False
    return not judge(_truth(scene), books, scene.driver.decisions)


def _books(scene: Scene) -> Books:
    return books_of(scene.stack.script("benchmarks.chaos.books"))


def _truth(scene: Scene) -> Truth:
    exchange = scene.exchange
    return truth_of(
        exchange.ledger(), exchange.do("GET", "balances"), exchange.do("GET", "requests")
    )


def _keep(folder: Path, truth: Truth, books: Books, decisions: Sequence[Decision]) -> None:
    said = {"truth": asdict(truth), "books": asdict(books)}
    said["books"]["positions"] = [[*who, qty] for who, qty in books.positions.items()]
    said["decisions"] = [asdict(decision) for decision in decisions]  # type: ignore[assignment]
    (folder / "evidence.json").write_bytes(
        orjson.dumps(said, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2)
    )
