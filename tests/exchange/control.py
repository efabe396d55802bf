"""The emulator's own endpoints under /control/, for another process or a person with curl."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from tests.exchange.faults import Answer, by_name
from tests.exchange.orders import Order, text
from tests.exchange.routes import Request

if TYPE_CHECKING:
    from tests.exchange.emulator import Emulator

Said = dict[str, Any]


def answer(emulator: Emulator, request: Request) -> Answer:
    """404 for a path that is not here, 400 with a sentence for what makes no sense."""
    route = ROUTES.get(f"{request.method} {request.path.removeprefix('/control/')}")
    if route is None:
        return Answer(404, orjson.dumps({"error": "unknown control", "known": sorted(ROUTES)}))
    try:
        said: Said = orjson.loads(request.body) if request.body else dict(request.params)
        body = route(emulator, said)
    except Exception as error:
        return Answer(400, orjson.dumps({"error": f"{type(error).__name__}: {error}"}))
    return Answer(200, orjson.dumps({"ok": True} if body is None else body, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text(value)
    raise TypeError(type(value))


def _fail(emulator: Emulator, said: Said) -> None:
    spoil = by_name(said["name"], **said.get("arguments", {}))
    extra = {name: said[name] for name in ("path", "about", "times", "chance") if name in said}
    emulator.fail(spoil, **extra)


def _faults(emulator: Emulator, said: Said) -> list[Said]:
    """Those that stand, with how many requests each may still spoil."""
    return [
        {"name": fault.spoil.name, "path": fault.path, "times": fault.times}
        for fault in list(emulator.faults)
    ]


def _price(emulator: Emulator, said: Said) -> None:
    given = {name: str(value) for name, value in said.items() if name != "symbol"}
    emulator.set_price(said["symbol"], given.pop("last"), **given)


def _book(emulator: Emulator, said: Said) -> None:
    emulator.set_book(said["symbol"], bids=said.get("bids", ()), asks=said.get("asks", ()))


def _set(emulator: Emulator, said: Said) -> None:
    for name in ("skew_ms", "maintenance", "client_ip"):
        if name in said:
            setattr(emulator, name, said[name])
    if "enforce_limits" in said:
        emulator.limits.enforce = bool(said["enforce_limits"])


def _streams(emulator: Emulator, said: Said) -> None:
    streams = emulator.public if said.get("public") else emulator.streams
    for name in ("silent", "refusing", "answering_pings"):
        if name in said:
            setattr(streams, name, bool(said[name]))
    if "do" in said:
        acts = {"drop", "duplicate", "hold", "release", "disconnect", "expire", "heal"}
        if said["do"] not in acts:
            raise ValueError(f"streams can {sorted(acts)}")
        if said["do"] == "expire" and not said.get("public"):
            return emulator.expire_streams()
        getattr(streams, said["do"])(**said.get("arguments", {}))
    return None


def _order(emulator: Emulator, said: Said) -> None:
    acts = {"fill", "cancel", "expire", "reject"}
    if said["do"] not in acts:
        raise ValueError(f"an order can {sorted(acts)}")
    arguments = dict(said.get("arguments", {}))
    if said["do"] == "fill" and "qty" in arguments:
        # Who asks from outside may be late: no order gets more than was left of it.
        order = emulator.ledger.order(said["client_id"])
        if not order.is_open:
            raise ValueError(f"{order.id} has ended")
        arguments["qty"] = min(Decimal(arguments["qty"]), order.remaining)
    getattr(emulator, said["do"])(said["client_id"], **arguments)


def _ledger(emulator: Emulator, said: Said) -> Said:
    ledger = emulator.ledger
    return {
        "orders": [order_row(order) for order in ledger.orders],
        "fills": [asdict(fill) for fill in ledger.fills],
        "postings": [asdict(posting) for posting in ledger.postings],
        "duplicates": {key[1]: count for key, count in ledger.duplicates().items()},
        "problems": emulator.problems(),
        "now_ms": emulator.now_ms(),
    }


def order_row(order: Order) -> Said:
    """An order as the ledger shows it, in no venue's words."""
    wanted = order.wanted
    return {
        "id": order.id,
        "client_id": wanted.client_id,
        "account": wanted.account,
        "symbol": wanted.symbol,
        "side": wanted.side,
        "kind": wanted.kind,
        "qty": wanted.qty,
        "cost": wanted.cost,
        "price": wanted.price,
        "trigger": wanted.trigger,
        "status": order.status,
        "filled": order.filled,
        "spent": order.cost,
        "fees": order.fees(),
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
    }


def _prices(emulator: Emulator, said: Said) -> Said:
    return {pair.id: pair.last for pair in emulator.market.pairs}


def _balances(emulator: Emulator, said: Said) -> Said:
    account = emulator.accounts.account(said.get("account", "main"))
    return {
        asset: {"free": balance.free, "locked": balance.locked}
        for asset, balance in account.balances.items()
    }


ROUTES: dict[str, Callable[[Emulator, Said], Any]] = {
    "GET faults": _faults,
    "POST faults": _fail,
    "DELETE faults": lambda emulator, said: emulator.heal(),
    "GET prices": _prices,
    "POST price": _price,
    "POST book": _book,
    "POST advance": lambda emulator, said: emulator.advance(int(said.get("steps", 1))),
    "POST halt": lambda emulator, said: emulator.halt(
        said["symbol"], trading=bool(said.get("trading", False))
    ),
    "POST deposit": lambda emulator, said: emulator.deposit(said["asset"], str(said["qty"])),
    "POST order": _order,
    "POST outage": lambda emulator, said: emulator.outage(float(said["seconds"])),
    "POST restart": lambda emulator, said: emulator.restart(),
    "POST set": _set,
    "POST streams": _streams,
    "GET ledger": _ledger,
    "GET requests": lambda emulator, said: [asdict(one) for one in emulator.ledger.requests],
    "GET balances": _balances,
    "GET problems": lambda emulator, said: emulator.problems(),
}
