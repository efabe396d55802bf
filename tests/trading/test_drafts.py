"""What a draft may be used for, and what the audit log says of it."""

from __future__ import annotations

from typing import Any

import pytest

from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from strategies.errors import VersionStateWrong
from strategies.models import StrategyVersion
from tests.trading.factories import NOW, make_bot, make_user
from tests.trading.simulating import start
from trading import services
from trading.errors import BotInvalid, SimulationInvalid
from trading.models import AuditEvent
from trading.services import Plan

pytestmark = pytest.mark.django_db
NAME = "trend_ema_fast"


def make_draft(**params: Any) -> StrategyVersion:
    return services.save_draft(
        strategy_name=NAME, params=params, note="an idea", by=make_user(), now=NOW
    )


def told(version: StrategyVersion) -> list[str]:
    """What the audit log says of a version, oldest first."""
    rows = AuditEvent.objects.filter(subject=services.subject_of(version)).order_by("seq")
    return [row.action.removeprefix("strategy_version.") for row in rows]


def state(version: StrategyVersion) -> str:
    return StrategyVersion.objects.values_list("state", flat=True).get(pk=version.pk)


def test_each_step_of_a_draft_is_audited_once() -> None:
    start()
    by, draft = make_user(), make_draft(fast=4)
    changes: dict[str, Any] = {"version_id": draft.pk, "by": by, "now": NOW}
    services.change_draft(params={"fast": 6}, note="better", **changes)
    services.change_draft(params={"fast": 6}, note="better", **changes)  # changes nothing
    services.propose_version(version_id=draft.pk, by=by, now=NOW)
    services.retire_version(version_id=draft.pk, by=by, now=NOW, reason="worse")
    services.propose_version(version_id=draft.pk, by=by, now=NOW)

    assert told(draft) == ["drafted", "changed", "proposed", "retired", "proposed"]
    changed = AuditEvent.objects.get(action="strategy_version.changed")
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before["params"]["fast"], changed.after["params"]["fast"]) == (4, 6)
    assert (changed.before["note"], changed.after["note"]) == ("an idea", "better")


def test_a_deleted_draft_is_still_in_the_audit_log() -> None:
    start()
    draft = make_draft(fast=4)
    services.delete_draft(version_id=draft.pk, by=make_user(), now=NOW)

    last = AuditEvent.objects.latest("seq")
    assert (last.action, last.subject) == ("strategy_version.deleted", f"strategy:{NAME}:3")
    assert last.before is not None
    assert last.before["params"]["fast"] == 4


def test_a_draft_saved_twice_is_one_draft_and_one_event() -> None:
    start()
    assert make_draft(fast=4) == services.save_draft(
        strategy_name=NAME,
        params={"fast": 4},
        note="again",
        by=make_user(),
        now=NOW.replace(year=2030),
    )

    assert AuditEvent.objects.filter(action="strategy_version.drafted").count() == 1


def test_whoever_uses_a_drafts_parameters_proposes_it() -> None:
    start()
    draft = make_draft(fast=4)

    made = services.create_version(
        strategy_name=NAME, params={"fast": 4}, note="", by=make_user(), now=NOW
    )

    assert (made.pk, made.state) == (draft.pk, "CANDIDATE")
    assert told(draft) == ["drafted", "proposed"]


@pytest.mark.parametrize("side", ["version", "baseline"])
def test_a_simulated_draft_is_proposed_because_evidence_is_about_what_stays(side: str) -> None:
    start()
    draft = make_draft(fast=4)
    asked: dict[str, Any] = {"params": None, side: draft.number}

    start(**asked)

    assert state(draft) == "CANDIDATE"


def test_a_draft_that_is_searched_around_is_proposed() -> None:
    row, draft = start(), make_draft(fast=4)
    asked = {
        "symbols": row.symbols,
        "timeframe": row.timeframe,
        "from_ms": row.from_ms,
        "to_ms": row.to_ms,
        "space": {"fast": {"values": [4, 6]}},
        "version": draft.number,
    }
    services.search_strategy(strategy=NAME, asked=asked, by=None, now=NOW)

    assert state(draft) == "CANDIDATE"


def test_a_refused_simulation_leaves_the_draft_a_draft() -> None:
    start()
    draft = make_draft(fast=4)

    with pytest.raises(SimulationInvalid):
        start(params=None, version=draft.number, to_ms=0)

    assert state(draft) == "DRAFT"


def test_no_simulation_is_about_a_draft() -> None:
    row, draft = start(), make_draft(fast=4)
    plan = Plan([resolve_symbol(row.symbols[0])], row.timeframe, row.from_ms, row.to_ms)
    active = strategy_queries.active_version(NAME)

    for pair in ((draft, active), (active, draft)):
        with pytest.raises(SimulationInvalid) as refused:
            services.start_simulation(
                version=pair[0], baseline=pair[1], plan=plan, by=None, now=NOW
            )
        assert "draft" in str(refused.value.fields)


def test_no_bot_trades_a_draft() -> None:
    start()
    draft, bot = make_draft(fast=4), make_bot()

    with pytest.raises(BotInvalid, match="is a draft"):
        services.create_bot(
            name="Bold",
            symbols=list(bot.symbols.all()),
            timeframe="5m",
            version=draft,
            by=None,
            now=NOW,
        )
    with pytest.raises(BotInvalid, match="is a draft"):
        services.update_bot(bot_id=bot.pk, changes={"version": draft}, by=None, now=NOW)


def test_what_is_being_simulated_is_not_retired_because_the_end_would_bring_it_back() -> None:
    simulation, by = start(), make_user()

    with pytest.raises(VersionStateWrong, match=f"Simulation {simulation.pk} of it runs"):
        services.retire_version(version_id=simulation.version_id, by=by, now=NOW)

    services.run_job(job_id=simulation.job_id, now=NOW)
    services.retire_version(version_id=simulation.version_id, by=by, now=NOW)
    assert state(simulation.version) == "RETIRED"
