"""What the database itself refuses or marks stands as the code states it, or is laid anew."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from approvals.models import Approval, ApprovalDecision
from config import checks, triggers
from config.triggers import TableTriggers
from marketdata import candle_triggers
from marketdata.models import Symbol
from tests.architecture.sources import APPS, ROOT
from trading.models import AuditEvent

SQLITE = connection.vendor == "sqlite"
EACH = pytest.mark.parametrize("kept", triggers.stated(), ids=lambda kept: str(kept.table))
POSTGRESQL_ONLY = pytest.mark.skipif(SQLITE, reason="SQLite switches nothing, calls no functions")


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def drop(kept: TableTriggers, name: str) -> str:
    return f"DROP TRIGGER {name}" + ("" if SQLITE else f" ON {kept.table}")


def reported() -> list[str]:
    found = checks.triggers_are_as_stated(["default"])
    assert {message.id for message in found} <= {"config.E006"}
    return [message.msg for message in found]


def is_seen_and_mended(kept: TableTriggers, *names: str) -> None:
    assert len(reported()) == 1
    assert all(text in reported()[0] for text in (*names, kept.table, kept.promise))

    for other in triggers.laid_on(connection):
        other.lay(connection)

    assert reported() == []


def modules() -> Iterator[str]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*_triggers.py")):
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts)


def test_every_trigger_that_an_app_writes_down_is_laid_and_checked() -> None:
    written = [
        value.table
        for module in modules()
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, TableTriggers)
    ]

    assert sorted(written) == sorted(kept.table for kept in triggers.stated())


@pytest.mark.django_db
def test_a_migrated_database_holds_them_all() -> None:
    assert reported() == []
    assert len(triggers.laid_on(connection)) == len(triggers.stated())


@pytest.mark.django_db
@EACH
def test_a_dropped_trigger_is_reported_and_laid_again(kept: TableTriggers) -> None:
    for name in kept.names(connection):
        execute(drop(kept, name))

        is_seen_and_mended(kept, name)


@pytest.mark.django_db
@EACH
def test_another_text_under_the_same_name_is_reported_and_replaced(kept: TableTriggers) -> None:
    for name, text in kept.names(connection).items():
        moment = text.split()[0]
        other = text.replace(moment, {"BEFORE": "AFTER", "AFTER": "BEFORE"}[moment], 1)
        execute(drop(kept, name), f"CREATE TRIGGER {name} {other}")
        if not SQLITE:
            execute(f"ALTER TABLE {kept.table} ENABLE ALWAYS TRIGGER {name}")

        is_seen_and_mended(kept, name)


@pytest.mark.django_db
@POSTGRESQL_ONLY
@EACH
@pytest.mark.parametrize("switch", ["DISABLE", "ENABLE REPLICA"])
def test_a_trigger_that_is_switched_off_is_reported_and_switched_on(
    kept: TableTriggers, switch: str
) -> None:
    for name in kept.names(connection):
        execute(f"ALTER TABLE {kept.table} {switch} TRIGGER {name}")

        is_seen_and_mended(kept, name)


@pytest.mark.django_db
@POSTGRESQL_ONLY
@EACH
def test_what_refuses_also_refuses_a_replica_session(kept: TableTriggers) -> None:
    for name in kept.names(connection):
        execute(f"ALTER TABLE {kept.table} ENABLE TRIGGER {name}")

    assert kept.missing(connection) == (set(kept.names(connection)) if kept.always else set())
    assert kept.always or kept.table == candle_triggers.TABLE


@pytest.mark.django_db
@POSTGRESQL_ONLY
@EACH
def test_a_rewritten_function_is_reported_and_written_back(kept: TableTriggers) -> None:
    for function in kept.functions:
        execute(function.definition.replace("\n    ", "\n    -- another\n    ", 1))
    changed = {f"{function.name}()" for function in kept.functions}

    assert kept.missing(connection) == changed
    assert all(name in "".join(reported()) for name in changed)

    kept.lay(connection)

    assert reported() == []


@EACH
def test_a_trigger_names_every_table_that_it_speaks_of(kept: TableTriggers) -> None:
    known = {model._meta.db_table for model in apps.get_models()}
    texts = [*kept.sqlite.values(), *kept.postgresql.values()]
    texts += [function.body for function in kept.functions]

    spoken_of = {word for text in texts for word in re.findall(r"\w+", text)} & known

    assert spoken_of <= {kept.table, *kept.others}


@pytest.mark.django_db
def test_a_half_migrated_database_is_asked_only_for_what_it_can_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        connection.introspection, "table_names", lambda: ["trading_auditevent", "marketdata_candle"]
    )

    assert [kept.table for kept in triggers.laid_on(connection)] == ["trading_auditevent"]


@pytest.mark.django_db(transaction=True)
def test_migrate_lays_what_its_own_checks_would_refuse() -> None:
    for kept in triggers.stated():
        kept.lift(connection)
    assert len(reported()) == len(triggers.stated())

    call_command("migrate", verbosity=0, skip_checks=False)

    assert reported() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not SQLITE, reason="only SQLite rebuilds tables")
@pytest.mark.parametrize("model", [Approval, ApprovalDecision, AuditEvent, Symbol])
def test_a_migration_may_rebuild_a_table_of_which_triggers_speak(model: type[Approval]) -> None:
    app = apps.get_app_config(model._meta.app_label)
    plan = [(SimpleNamespace(app_label=app.label), False)]
    field = model._meta.pk

    triggers.lift_before_migrate(sender=app, using="default", plan=plan)
    with connection.schema_editor() as editor:
        editor._remake_table(model, alter_fields=[(field, field)])  # type: ignore[attr-defined]
    triggers.lay_after_migrate(sender=app, using="default")

    assert reported() == []


@pytest.mark.django_db
def test_a_migrate_without_anything_to_do_lifts_nothing() -> None:
    app = apps.get_app_config("approvals")
    elsewhere = [(SimpleNamespace(app_label="trading"), False)]

    for plan in ([], elsewhere):
        triggers.lift_before_migrate(sender=app, using="default", plan=plan)

    assert reported() == []
