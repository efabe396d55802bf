"""Who may do what, URL by URL. docs/reference/permissions.md is this table for people.

A method that isn't listed must be refused with 405; a URL that isn't listed fails the walk.
"""

from __future__ import annotations

from marketdata.access import OPERATE as MARKET
from strategies.access import OPERATE as STRATEGY
from trading.access import ADMINISTER, APPROVE_LIVE, OPERATE, STOP, VIEW

PUBLIC = "public"
SIGNED_IN = "signed in"
STAFF = "staff"

READ = {"GET": VIEW}
OPERATES = {"POST": OPERATE}

API = {
    "health": {"GET": PUBLIC},
    "sse": READ,
    "schema": READ,
    "docs": READ,
    "symbols": READ,
    "tickers": READ,
    "market/tickers": READ,
    "candles": READ,
    "market/ohlcv": READ,
    "indicators": READ,
    "annotations": {"GET": VIEW, "POST": MARKET},
    "annotations/<annotation_id>": {"GET": VIEW, "PATCH": MARKET, "DELETE": MARKET},
    "strategies": READ,
    "strategies/<strategy>": READ,
    "strategies/<strategy>/versions": {"GET": VIEW, "POST": STRATEGY},
    "strategies/<strategy>/simulate": {"POST": STRATEGY},
    "ai/optimizer/train": {"POST": STRATEGY},
    "ai/optimizer/propose": READ,
    "searches": READ,
    "searches/<search_id>": READ,
    "searches/<search_id>/resume": {"POST": STRATEGY},
    "searches/<search_id>/propose": {"POST": STRATEGY},
    "simulations": READ,
    "simulations/<simulation_id>": READ,
    "simulations/<simulation_id>/export.<kind>": READ,
    "auth/login": {"POST": PUBLIC},
    "auth/logout": {"POST": SIGNED_IN},
    "auth/confirm": {"POST": VIEW},
    "auth/me": READ,
    "auth/tokens": {"GET": VIEW, "POST": VIEW},
    "auth/tokens/<token_id>": {"DELETE": VIEW},
    "system/state": {"GET": VIEW, "POST": OPERATE},
    "system/emergency-stop": {"POST": STOP},
    "system/readiness": READ,
    "system/scheduler": READ,
    "system/scheduler/start": OPERATES,
    "system/scheduler/stop": OPERATES,
    "bots": {"GET": VIEW, "POST": OPERATE},
    "bots/<bot_id>": {"GET": VIEW, "PATCH": OPERATE},
    "bots/<bot_id>/start": OPERATES,
    "bots/<bot_id>/stop": OPERATES,
    "bots/<bot_id>/knobs": OPERATES,
    "bots/<bot_id>/cycle": OPERATES,
    "bots/<bot_id>/drift": READ,
    "bots/<bot_id>/decisions": READ,
    "bots/<bot_id>/live": READ,
    "bots/<bot_id>/paper": OPERATES,
    "portfolio": READ,
    "portfolio/history": READ,
    "portfolio/<bot_id>": READ,
    "metrics/performance": READ,
    "positions": READ,
    "orders": READ,
    "orders/intents": OPERATES,
    "orders/place": OPERATES,
    "orders/<order_id>": READ,
    "orders/<order_id>/cancel": OPERATES,
    "trading/live/order": {"POST": ADMINISTER},
    "accounts": {"GET": VIEW, "POST": ADMINISTER},
    "accounts/<account_id>": {"GET": VIEW, "PATCH": ADMINISTER, "DELETE": ADMINISTER},
    "accounts/<account_id>/key": {"POST": ADMINISTER},
    "accounts/<account_id>/check": OPERATES,
    "grants": {"GET": VIEW, "POST": OPERATE},
    "grants/<grant_id>": READ,
    "grants/<grant_id>/approve": {"POST": APPROVE_LIVE},
    "grants/<grant_id>/revoke": OPERATES,
    "fills": READ,
    "trades": READ,
    "jobs": READ,
    "jobs/<job_id>": READ,
    "jobs/<job_id>/cancel": OPERATES,
    "market/backfill": {"POST": MARKET},
    "dead-letters": READ,
    "dead-letters/<letter_id>/retry": {"POST": MARKET},
    "audit": READ,
    "audit/verify": {"GET": ADMINISTER},
    "audit/export": READ,
}

# Older names of the same views, under /api/ only.
ALIASES = {
    "trading/paper/cycle": OPERATES,
    "trading/position": READ,
    "trading/orders": READ,
    "trading/fills": READ,
    "trading/metrics": READ,
    "trading/equity/history": READ,
}

PLAIN = {
    "/sse": READ,
    "/health": {"GET": PUBLIC},
    "/db-health": {"GET": PUBLIC},
    "/health/live": {"GET": PUBLIC},
    "/health/ready": {"GET": PUBLIC},
    "/metrics": {"GET": PUBLIC},  # for the bearer of METRICS_TOKEN; not there while it is unset
}

PAGES = {
    "/accounts/login/": {"GET": PUBLIC, "POST": PUBLIC},
    "/accounts/logout/": {"GET": PUBLIC, "POST": PUBLIC},
    "/accounts/password/": {"GET": SIGNED_IN, "POST": SIGNED_IN},
    "/": READ,
    "/system/state/": READ,
    "/bots/": READ,
    "/bots/new/": {"GET": OPERATE, "POST": OPERATE},
    "/bots/<bot_id>/": READ,
    "/bots/<bot_id>/start/": OPERATES,
    "/bots/<bot_id>/stop/": OPERATES,
    "/bots/<bot_id>/cycle/": OPERATES,
    "/bots/<bot_id>/drift/": OPERATES,
    "/bots/<bot_id>/knobs/": OPERATES,
    "/bots/<bot_id>/rename/": OPERATES,
    "/bots/<bot_id>/<what>.csv": READ,
    "/orders/": READ,
    "/orders/<order_id>/cancel/": OPERATES,
    "/fills/": READ,
    "/positions/": READ,
    "/trades/": READ,
    "/jobs/": READ,
    "/jobs/<job_id>/cancel/": OPERATES,
    "/dead-letters/<letter_id>/retry/": {"POST": MARKET},
    "/jobs/backfill/<symbol>/": OPERATES,
    "/simulations/": READ,
    "/simulations/new/": {"GET": STRATEGY, "POST": STRATEGY},
    "/simulations/compare/": READ,
    "/simulations/<simulation_id>/": READ,
    "/simulations/<simulation_id>/export.<kind>": READ,
    "/searches/": READ,
    "/searches/new/": {"GET": STRATEGY, "POST": STRATEGY},
    "/searches/<search_id>/": READ,
    "/searches/<search_id>/resume/": {"POST": STRATEGY},
    "/searches/<search_id>/propose/": {"POST": STRATEGY},
    "/searches/<search_id>/trials.csv": READ,
    "/controls/": READ,
    "/controls/pause/": OPERATES,
    "/controls/resume/": OPERATES,
    "/controls/emergency-stop/": {"POST": STOP},
    "/controls/scheduler/start/": OPERATES,
    "/controls/scheduler/stop/": OPERATES,
    "/audit/": READ,
    "/audit/verify/": {"POST": ADMINISTER},
    "/audit/export.<kind>": READ,
    "/tokens/": {"GET": VIEW, "POST": VIEW},
    "/tokens/<token_id>/revoke/": {"POST": VIEW},
    "/charts/equity/": READ,
    "/charts/equity/<bot_id>/": READ,
    "/charts/candles/<bot_id>/<symbol_id>/": READ,
    "/charts/fills/<bot_id>/<symbol_id>/": READ,
    "/charts/simulations/<simulation_id>/<symbol_id>/": READ,
    "/strategies/": READ,
    "/strategies/<name>/": READ,
    "/markets/": READ,
    "/markets/dead-letters/": READ,
    "/markets/<exchange>/<name>/": READ,
    "/markets/<exchange>/<name>/watch/": {"POST": MARKET},
    "/charts/candles/<symbol_id>/": READ,
    "/charts/indicators/<spec_id>/": READ,
}

SOCKETS = {
    "/ws/events": VIEW,
    "/ws/ticks": VIEW,
    "/ws/ticks/(?P<symbol>.+)": VIEW,
    "/api/(?:v1/)?stream/ticks/(?P<symbol>.+)": VIEW,
}

# Django's own administration: everything below it is for staff.
ADMIN_PREFIX = "/admin/"

TABLE = {
    **{f"/api/v1/{path}": rights for path, rights in API.items()},
    **{f"/api/{path}": rights for path, rights in {**API, **ALIASES}.items()},
    **PLAIN,
    **PAGES,
}
