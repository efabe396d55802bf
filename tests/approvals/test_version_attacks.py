"""What somebody with a browser, a token or the database's password tries on versions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from approvals import services as approval_services
from strategies import queries
from strategies.errors import VersionStateWrong
from strategies.models import StrategyVersion
from tests.approvals.asking import make_approver, make_table
from tests.trading.factories import NOW, make_user, make_version
from trading import services
from trading.models import AuditEvent

NAME = "trend_ema"
TABLE = "strategies_strategyversion"


def make_draft(**params: Any) -> StrategyVersion:
    make_version(NAME)
    return services.save_draft(strategy_name=NAME, params=params, note="", by=make_user(), now=NOW)


def typed(version: StrategyVersion, **params: Any) -> dict[str, str]:
    values = {**version.params, **params}
    return {f"params-{name}": str(value) for name, value in values.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["CANDIDATE", "SIMULATED", "APPROVED", "ACTIVE", "RETIRED"])
@pytest.mark.parametrize(
    "change",
    [
        """params = '{"fast": 3}'""",
        "params_hash = 'x'",
        "code_hash = 'x'",
        "state = 'DRAFT'",
        """state = 'DRAFT', params = '{"fast": 3}'""",
        "number = 99",
    ],
)
def test_sql_changes_no_version_that_was_proposed(state: str, change: str) -> None:
    table = make_table()
    version = {
        "CANDIDATE": lambda: make_version(NAME, fast=7),
        "SIMULATED": lambda: table.version,
        "APPROVED": lambda: (table.approve(table.ask()), table.version)[1],
        "ACTIVE": lambda: queries.active_version("trend_ema_fast"),
        "RETIRED": lambda: services.retire_version(
            version_id=make_version(NAME, fast=7).pk, by=table.proposer, now=NOW
        ),
    }[state]()
    assert version.state == state

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET {change} WHERE id = %s", [version.pk])  # noqa: S608


@pytest.mark.django_db
def test_sql_does_not_propose_and_change_in_one_step() -> None:
    draft, both = make_draft(fast=7), "state = 'CANDIDATE', params = '{}'"

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {TABLE} SET {both} WHERE id = %s", [draft.pk])  # noqa: S608


@pytest.mark.django_db
def test_sql_deletes_no_version_but_a_draft() -> None:
    candidate, draft = make_version(NAME, fast=8), make_draft(fast=7)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE} WHERE id = %s", [candidate.pk])  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE} WHERE id = %s", [draft.pk])  # noqa: S608
    assert not StrategyVersion.objects.filter(pk=draft.pk).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("taken", ["id", "number", "content", "active"])
def test_sql_puts_no_row_in_another_ones_place(taken: str) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite replaces rows on insert")
    version = make_version(NAME) if taken == "active" else make_version(NAME, fast=8)
    row: dict[str, Any] = {
        "id": version.pk if taken == "id" else 900,
        "number": version.number if taken == "number" else 90,
        "params": "{}",
        "params_hash": version.params_hash if taken == "content" else "x",
        "code_hash": version.code_hash,
        "state": "ACTIVE" if taken == "active" else "DRAFT",
        "note": "",
        "created_at": "2024-01-01 00:00:00",
        "strategy_id": version.strategy_id,
    }
    names, marks = ", ".join(row), ", ".join("%s" for _ in row)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"INSERT OR REPLACE INTO {TABLE} ({names}) VALUES ({marks})",  # noqa: S608
            list(row.values()),
        )
    assert StrategyVersion.objects.get(pk=version.pk).params == version.params


@pytest.mark.django_db
def test_a_page_with_a_forged_state_or_number_writes_neither() -> None:
    draft = make_draft(fast=7)
    client = Client()
    client.force_login(make_user())
    forged = {"state": "ACTIVE", "number": "1", "created_by": "1", "strategy": "sma_cross"}
    path = f"/strategies/{NAME}/versions/{draft.number}/edit/"
    client.post(path, {**typed(draft, fast=8), **forged, "seen": draft.params_hash})

    number, draft.params["fast"] = draft.number, 8
    draft.refresh_from_db()
    assert (draft.state, draft.number, draft.strategy.name) == ("DRAFT", number, NAME)
    assert draft.params["fast"] == 8


@pytest.mark.django_db
def test_a_page_of_one_strategy_reaches_no_version_of_another() -> None:
    draft = make_draft(fast=7)
    client = Client()
    client.force_login(make_user())
    for verb in ("edit", "delete", "propose", "retire"):
        path = f"/strategies/sma_cross/versions/{draft.number}/{verb}/"
        assert client.post(path, typed(draft)).status_code == 404

    draft.refresh_from_db()
    assert draft.state == "DRAFT"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value", ["", "NaN", "inf", "1e999", "\u0667", "7; DROP TABLE", "0x7", "7.5"]
)
def test_rubbish_typed_into_a_draft_is_said_beside_it(value: str) -> None:
    draft = make_draft(fast=7)
    client = Client()
    client.force_login(make_user())
    path = f"/strategies/{NAME}/versions/{draft.number}/edit/"
    answer = client.post(path, typed(draft, fast=value))

    draft.refresh_from_db()
    if answer.status_code == 302:  # digits of another script are digits
        assert draft.params["fast"] == 7
    else:
        assert answer.status_code == 422
    assert draft.params["fast"] == 7


@pytest.mark.django_db(transaction=True)
def test_two_who_propose_at_once_are_one_proposal() -> None:
    draft, by = make_draft(fast=7), make_user()

    def propose(_: int) -> str:
        try:
            services.propose_version(version_id=draft.pk, by=by, now=NOW)
            return "done"
        except VersionStateWrong:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(propose, range(4)))

    assert sorted(found) == ["done", "refused", "refused", "refused"]
    assert AuditEvent.objects.filter(action="strategy_version.proposed").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_edit_and_a_proposal_at_once_leave_one_of_two_truths() -> None:
    draft, by = make_draft(fast=7), make_user()

    def act(which: int) -> None:
        try:
            if which:
                services.propose_version(version_id=draft.pk, by=by, now=NOW)
            else:
                services.change_draft(version_id=draft.pk, params={"fast": 8}, by=by, now=NOW)
        except VersionStateWrong:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(act, (0, 1)))

    draft.refresh_from_db()
    assert draft.state == "CANDIDATE"
    told = AuditEvent.objects.get(action="strategy_version.proposed").after
    assert told is not None
    assert told["params"] == draft.params  # what people were told is what stays


@pytest.mark.django_db(transaction=True)
def test_a_retirement_and_a_use_at_once_are_not_both() -> None:
    table = make_table()
    row = table.ask()
    table.approve(row)
    carla = make_approver("carla")

    def act(which: int) -> str:
        try:
            if which:
                table.activate()
                return "activated"
            approval_services.retire(
                version_id=table.simulation.version_id,
                reason="no good",
                by=carla,
                now=table.at(minutes=2),
            )
            return "retired"
        except Exception as refusal:
            return type(refusal).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        found = set(pool.map(act, (0, 1)))

    assert len(found & {"activated", "retired"}) == 1
    row.refresh_from_db()
    expected = ("ACTIVE", "USED") if "activated" in found else ("RETIRED", "WITHDRAWN")
    assert (table.version.state, row.state) == expected
