"""Pages of trading."""

from __future__ import annotations

import re

from django.urls import path, re_path

from trading import exports
from trading.views import (
    accounts,
    audit,
    books,
    bots,
    charts,
    controls,
    home,
    jobs,
    live,
    searches,
    simulations,
    tokens,
)

app_name = "trading"
KINDS = "|".join(map(re.escape, exports.KINDS))

urlpatterns = [
    path("", home.home, name="home"),
    path("system/state/", home.system_state, name="system-state"),
    path("bots/", bots.bots, name="bots"),
    path("bots/new/", bots.bot_new, name="bot-new"),
    path("bots/<int:bot_id>/", bots.bot, name="bot"),
    path("bots/<int:bot_id>/start/", bots.bot_start, name="bot-start"),
    path("bots/<int:bot_id>/stop/", bots.bot_stop, name="bot-stop"),
    path("bots/<int:bot_id>/cycle/", bots.bot_cycle, name="bot-cycle"),
    path("bots/<int:bot_id>/drift/", bots.bot_drift, name="bot-drift"),
    path("bots/<int:bot_id>/knobs/", bots.bot_knobs, name="bot-knobs"),
    path("bots/<int:bot_id>/rename/", bots.bot_rename, name="bot-rename"),
    re_path(
        r"^bots/(?P<bot_id>\d{1,18})/(?P<what>decisions|fills|trades)\.csv$",
        bots.bot_csv,
        name="bot-csv",
    ),
    path("bots/<int:bot_id>/live/", live.bot_live, name="bot-live"),
    path("bots/<int:bot_id>/live/ask/", live.grant_ask, name="grant-ask"),
    path("bots/<int:bot_id>/live/order/", live.live_order, name="live-order"),
    path("bots/<int:bot_id>/live/order/send/", live.live_order_send, name="live-order-send"),
    path("bots/<int:bot_id>/paper/", live.bot_paper, name="bot-paper"),
    path("live/", live.live, name="live"),
    path("grants/<int:grant_id>/approve/", live.grant_approve, name="grant-approve"),
    path("grants/<int:grant_id>/revoke/", live.grant_revoke, name="grant-revoke"),
    path("exchange-accounts/", accounts.accounts, name="accounts"),
    path("exchange-accounts/new/", accounts.account_new, name="account-new"),
    path("exchange-accounts/<int:account_id>/", accounts.account, name="account"),
    path("exchange-accounts/<int:account_id>/check/", accounts.account_check, name="account-check"),
    path(
        "exchange-accounts/<int:account_id>/switch/",
        accounts.account_switch,
        name="account-switch",
    ),
    path(
        "exchange-accounts/<int:account_id>/limits/",
        accounts.account_limits,
        name="account-limits",
    ),
    path("exchange-accounts/<int:account_id>/key/", accounts.account_key, name="account-key"),
    path(
        "exchange-accounts/<int:account_id>/remove/",
        accounts.account_remove,
        name="account-remove",
    ),
    path("orders/", books.orders, name="orders"),
    path("orders/<int:order_id>/cancel/", books.order_cancel, name="order-cancel"),
    path("fills/", books.fills, name="fills"),
    path("positions/", books.positions, name="positions"),
    path("trades/", books.trades, name="trades"),
    path("jobs/", jobs.jobs, name="jobs"),
    path("jobs/<int:job_id>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("jobs/backfill/<path:symbol>/", jobs.backfill_start, name="backfill-start"),
    path("dead-letters/<int:letter_id>/retry/", jobs.letter_retry, name="letter-retry"),
    path("simulations/", simulations.simulations, name="simulations"),
    path("simulations/new/", simulations.simulation_new, name="simulation-new"),
    path("simulations/compare/", simulations.simulations_compare, name="simulations-compare"),
    path("simulations/<int:simulation_id>/", simulations.simulation, name="simulation"),
    re_path(
        rf"^simulations/(?P<simulation_id>\d{{1,18}})/export\.(?P<kind>{KINDS})$",
        simulations.simulation_export,
        name="simulation-export",
    ),
    path("searches/", searches.searches, name="searches"),
    path("searches/new/", searches.search_new, name="search-new"),
    path("searches/<int:search_id>/", searches.search, name="search"),
    path("searches/<int:search_id>/resume/", searches.search_resume, name="search-resume"),
    path("searches/<int:search_id>/propose/", searches.search_propose, name="search-propose"),
    path("searches/<int:search_id>/trials.csv", searches.search_csv, name="search-csv"),
    path("controls/", controls.controls, name="controls"),
    path("controls/pause/", controls.system_pause, name="system-pause"),
    path("controls/resume/", controls.system_resume, name="system-resume"),
    path("controls/emergency-stop/", controls.emergency_stop, name="emergency-stop"),
    path("controls/scheduler/start/", controls.scheduler_start, name="scheduler-start"),
    path("controls/scheduler/stop/", controls.scheduler_stop, name="scheduler-stop"),
    path("audit/", audit.audit, name="audit"),
    path("audit/verify/", audit.audit_verify, name="audit-verify"),
    re_path(r"^audit/export\.(?P<kind>csv|json)$", audit.audit_export, name="audit-export"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:token_id>/revoke/", tokens.token_revoke, name="token-revoke"),
    path("charts/equity/", charts.equity_points, name="equity-points"),
    path("charts/equity/<int:bot_id>/", charts.equity_points, name="bot-equity-points"),
    path("charts/candles/<int:bot_id>/<int:symbol_id>/", charts.bot_candles, name="bot-candles"),
    path("charts/fills/<int:bot_id>/<int:symbol_id>/", charts.fill_markers, name="fill-markers"),
    path(
        "charts/simulations/<int:simulation_id>/<int:symbol_id>/",
        simulations.simulation_fills,
        name="simulation-fills",
    ),
]
