"""Routes of the trading API; names follow the verbs."""

from __future__ import annotations

import re

from django.urls import path, re_path

from trading import exports
from trading.api import (
    accounts,
    agents,
    audit,
    bots,
    jobs,
    live,
    orders,
    people,
    portfolio,
    reconciliation,
    searches,
    simulations,
    strategies,
    system,
)

KINDS = "|".join(map(re.escape, exports.KINDS))

urlpatterns = [
    path("auth/login", people.LoginView.as_view(), name="login"),
    path("auth/logout", people.LogoutView.as_view(), name="logout"),
    path("auth/confirm", people.ConfirmView.as_view(), name="confirm"),
    path("auth/me", people.MeView.as_view(), name="me"),
    path("auth/tokens", people.TokensView.as_view(), name="tokens"),
    path("auth/tokens/<int:token_id>", people.TokenView.as_view(), name="token"),
    path("agents/run-now", agents.RunNowView.as_view(), name="agents-run-now"),
    path("agents/<str:agent>", agents.AgentView.as_view(), name="agent"),
    path("system/state", system.SystemStateView.as_view(), name="system-state"),
    path("system/emergency-stop", system.EmergencyStopView.as_view(), name="emergency-stop"),
    path("system/readiness", system.ReadinessView.as_view(), name="readiness"),
    path("system/scheduler", system.SchedulerView.as_view(), name="scheduler"),
    path("system/scheduler/start", system.SchedulerStartView.as_view(), name="scheduler-start"),
    path("system/scheduler/stop", system.SchedulerStopView.as_view(), name="scheduler-stop"),
    path("bots", bots.BotsView.as_view(), name="bots"),
    path("bots/<int:bot_id>", bots.BotView.as_view(), name="bot"),
    path("bots/<int:bot_id>/start", bots.BotStartView.as_view(), name="bot-start"),
    path("bots/<int:bot_id>/stop", bots.BotStopView.as_view(), name="bot-stop"),
    path("bots/<int:bot_id>/knobs", bots.BotKnobsView.as_view(), name="bot-knobs"),
    path("bots/<int:bot_id>/cycle", bots.BotCycleView.as_view(), name="bot-cycle"),
    path("bots/<int:bot_id>/drift", bots.BotDriftView.as_view(), name="bot-drift"),
    path("bots/<int:bot_id>/decisions", bots.BotDecisionsView.as_view(), name="bot-decisions"),
    path("bots/<int:bot_id>/live", live.BotLiveView.as_view(), name="bot-live"),
    path("bots/<int:bot_id>/paper", live.BotPaperView.as_view(), name="bot-paper"),
    path("portfolio", portfolio.PortfolioView.as_view(), name="portfolio"),
    path("portfolio/history", portfolio.PortfolioHistoryView.as_view(), name="portfolio-history"),
    path("portfolio/<int:bot_id>", portfolio.BotPortfolioView.as_view(), name="bot-portfolio"),
    path("metrics/performance", portfolio.PerformanceView.as_view(), name="performance"),
    path("positions", portfolio.PositionsView.as_view(), name="positions"),
    path("orders", orders.OrdersView.as_view(), name="orders"),
    path("orders/intents", orders.IntentsView.as_view(), name="intents"),
    path("orders/place", orders.PlaceView.as_view(), name="order-place"),
    path("orders/<int:order_id>", orders.OrderView.as_view(), name="order"),
    path("orders/<int:order_id>/cancel", orders.OrderCancelView.as_view(), name="order-cancel"),
    path("trading/live/order", live.LiveOrderView.as_view(), name="live-order"),
    path("accounts", accounts.AccountsView.as_view(), name="accounts"),
    path("accounts/<int:account_id>", accounts.AccountView.as_view(), name="account"),
    path("accounts/<int:account_id>/key", accounts.AccountKeyView.as_view(), name="account-key"),
    path(
        "accounts/<int:account_id>/check",
        accounts.AccountCheckView.as_view(),
        name="account-check",
    ),
    path("grants/<int:grant_id>", live.GrantView.as_view(), name="grant"),
    path("grants/<int:grant_id>/revoke", live.GrantRevokeView.as_view(), name="grant-revoke"),
    path("fills", orders.FillsView.as_view(), name="fills"),
    path("trades", orders.TradesView.as_view(), name="trades"),
    path("jobs", jobs.JobsView.as_view(), name="jobs"),
    path("jobs/<int:job_id>", jobs.JobView.as_view(), name="job"),
    path("jobs/<int:job_id>/cancel", jobs.JobCancelView.as_view(), name="job-cancel"),
    path("market/backfill", jobs.BackfillView.as_view(), name="backfill"),
    path("reconciliation", reconciliation.ReconciliationView.as_view(), name="reconciliation"),
    path(
        "reconciliation/run",
        reconciliation.ReconciliationRunView.as_view(),
        name="reconciliation-run",
    ),
    path("incidents", reconciliation.IncidentsView.as_view(), name="incidents"),
    path("incidents/<int:incident_id>", reconciliation.IncidentView.as_view(), name="incident"),
    path(
        "incidents/<int:incident_id>/acknowledge",
        reconciliation.IncidentAcknowledgeView.as_view(),
        name="incident-acknowledge",
    ),
    path(
        "incidents/<int:incident_id>/cancel-order",
        reconciliation.IncidentCancelView.as_view(),
        name="incident-cancel",
    ),
    path("dead-letters", jobs.DeadLettersView.as_view(), name="dead-letters"),
    path(
        "dead-letters/<int:letter_id>/retry",
        jobs.DeadLetterRetryView.as_view(),
        name="dead-letter-retry",
    ),
    path(
        "strategies/<str:strategy>/versions",
        strategies.StrategyVersionsView.as_view(),
        name="strategy-versions",
    ),
    path(
        "strategies/<str:strategy>/versions/<int:number>",
        strategies.StrategyVersionView.as_view(),
        name="strategy-version",
    ),
    path(
        "strategies/<str:strategy>/versions/<int:number>/propose",
        strategies.VersionProposeView.as_view(),
        name="version-propose",
    ),
    path(
        "strategies/<str:strategy>/simulate",
        simulations.SimulateView.as_view(),
        name="strategy-simulate",
    ),
    path("simulations", simulations.SimulationsView.as_view(), name="simulations"),
    path(
        "simulations/<int:simulation_id>",
        simulations.SimulationView.as_view(),
        name="simulation",
    ),
    re_path(
        rf"^simulations/(?P<simulation_id>\d{{1,18}})/export\.(?P<kind>{KINDS})$",
        simulations.SimulationExportView.as_view(),
        name="simulation-export",
    ),
    path("ai/optimizer/train", searches.TrainView.as_view(), name="optimizer-train"),
    path("ai/optimizer/propose", searches.ProposeView.as_view(), name="optimizer-propose"),
    path("searches", searches.SearchesView.as_view(), name="searches"),
    path("searches/<int:search_id>", searches.SearchView.as_view(), name="search"),
    path(
        "searches/<int:search_id>/resume",
        searches.SearchResumeView.as_view(),
        name="search-resume",
    ),
    path(
        "searches/<int:search_id>/propose",
        searches.SearchProposeView.as_view(),
        name="search-propose",
    ),
    path("audit", audit.AuditView.as_view(), name="audit"),
    path("audit/verify", audit.AuditVerifyView.as_view(), name="audit-verify"),
    path("audit/export", audit.AuditExportView.as_view(), name="audit-export"),
]

# The names that an earlier console used for the same things.
aliases = [
    path("trading/paper/cycle", bots.PaperCycleView.as_view(), name="paper-cycle"),
    path("trading/position", portfolio.PositionsView.as_view(), name="trading-position"),
    path("trading/orders", orders.OrdersView.as_view(), name="trading-orders"),
    path("trading/fills", orders.FillsView.as_view(), name="trading-fills"),
    path("trading/metrics", portfolio.PerformanceView.as_view(), name="trading-metrics"),
    path(
        "trading/equity/history",
        portfolio.PortfolioHistoryView.as_view(),
        name="trading-equity-history",
    ),
]
