"""Reads of trading that more than one door needs; rows or frozen values, never a write."""

from trading.queries._bots import BotCard, bot_card, bot_cards, bots_for_list
from trading.queries._drift import drift_of
from trading.queries._equity import EquityPoint, equity_curve, performance
from trading.queries._lists import audit_events, decisions, fills, jobs, orders, trades
from trading.queries._live import account_reasons, accounts, grant_of, grants
from trading.queries._portfolio import (
    PortfolioView,
    PositionView,
    portfolio_now,
    positions_now,
)
from trading.queries._protection import protections, said
from trading.queries._rates import AccountRates, account_rates, base_url_of, meter_of
from trading.queries._readiness import (
    FeedAge,
    Gate,
    feed_status,
    readiness,
    start_reasons,
    system_state,
)
from trading.queries._reconciliation import (
    AccountBooks,
    MatchRate,
    account_books,
    incidents,
    is_stale,
    match_rate,
    open_incidents,
    reconciled_accounts,
)
from trading.queries._simulations import (
    last_verdicts,
    newest_search,
    report_bytes,
    report_of,
    search,
    searches,
    simulation,
    simulation_of,
    simulations,
    trial_count,
    trials_found,
)

__all__ = [
    "AccountRates",
    "AccountBooks",
    "BotCard",
    "EquityPoint",
    "FeedAge",
    "Gate",
    "MatchRate",
    "PortfolioView",
    "PositionView",
    "account_rates",
    "account_books",
    "account_reasons",
    "accounts",
    "audit_events",
    "base_url_of",
    "bot_card",
    "bot_cards",
    "bots_for_list",
    "decisions",
    "drift_of",
    "equity_curve",
    "feed_status",
    "fills",
    "grant_of",
    "grants",
    "incidents",
    "is_stale",
    "jobs",
    "last_verdicts",
    "meter_of",
    "match_rate",
    "newest_search",
    "open_incidents",
    "orders",
    "performance",
    "portfolio_now",
    "positions_now",
    "readiness",
    "reconciled_accounts",
    "report_bytes",
    "report_of",
    "search",
    "searches",
    "simulation",
    "simulation_of",
    "protections",
    "simulations",
    "start_reasons",
    "system_state",
    "trades",
    "trial_count",
    "said",
    "trials_found",
]
