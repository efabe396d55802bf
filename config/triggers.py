"""What the database itself refuses or marks, whoever writes: triggers, stated by each app as SQL.

An app lists its own as `triggers` of its AppConfig. They are laid after every migrate, because
Django rebuilds SQLite tables and drops their triggers, and a system check (`config.checks`) finds
what is gone, switched off or rewritten. A trigger keeps its name when its text changes: the old
text is known by the name and laid anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE_FOUND = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
_POSTGRESQL_FOUND = """
    SELECT tgname, pg_get_triggerdef(oid, true) FROM pg_trigger
        WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal AND tgenabled::text = ANY(%s)
    UNION ALL
    SELECT proname || '()', replace(
            pg_get_functiondef(f.oid), 'FUNCTION ' || quote_ident(nspname) || '.', 'FUNCTION ')
        FROM pg_proc f JOIN pg_namespace n ON n.oid = pronamespace
        WHERE proname = ANY(%s) AND pg_function_is_visible(f.oid)"""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of PostgreSQL that triggers call."""

    name: str
    body: str
    arguments: str = ""
    returns: str = "trigger"
    language: str = "plpgsql"

    @property
    def definition(self) -> str:
        """To the letter as `pg_get_functiondef` writes it, less the schema."""
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}({self.arguments})\n RETURNS {self.returns}\n"
            f" LANGUAGE {self.language}\nAS $function${self.body}$function$\n"
        )


@dataclass(frozen=True, slots=True)
class TableTriggers:
    """The triggers on one table, by name: what follows `CREATE TRIGGER name`.

    The text for PostgreSQL is as `pg_get_triggerdef` writes it: INSERT OR DELETE OR UPDATE, in
    this order and on one line.
    """

    table: str
    promise: str  # what holds with them, as people read it
    sqlite: Mapping[str, str]
    postgresql: Mapping[str, str]
    functions: tuple[Function, ...]
    others: tuple[str, ...] = ()  # further tables that they read or write
    # Without it a session with session_replication_role=replica passes them by.
    always: bool = True

    def missing(self, connection: BaseDatabaseWrapper) -> set[str]:
        """Names of what isn't there as stated: gone, switched off or with other text."""
        found = self._found(connection)
        return {
            name for name, text in self._stated(connection).items() if (name, text) not in found
        }

    def lay(self, connection: BaseDatabaseWrapper) -> None:
        """Create what is missing, all or nothing. Does nothing where all is there."""
        missing = self.missing(connection)
        if not missing:
            return
        with transaction.atomic(connection.alias), connection.cursor() as cursor:
            for statement in self._laying(connection, missing):
                cursor.execute(statement)

    def lift(self, connection: BaseDatabaseWrapper) -> None:
        """Take them away."""
        with connection.cursor() as cursor:
            for name in self.names(connection):
                cursor.execute(self._drop(connection, name))

    def names(self, connection: BaseDatabaseWrapper) -> Mapping[str, str]:
        """The triggers of this database by name."""
        return self.sqlite if connection.vendor == "sqlite" else self.postgresql

    def _stated(self, connection: BaseDatabaseWrapper) -> dict[str, str]:
        stated = {
            name: f"CREATE TRIGGER {name} {text}" for name, text in self.names(connection).items()
        }
        if connection.vendor != "sqlite":
            stated |= {f"{function.name}()": function.definition for function in self.functions}
        return stated

    def _found(self, connection: BaseDatabaseWrapper) -> set[tuple[str, str]]:
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                cursor.execute(_SQLITE_FOUND, [self.table])
            else:
                on = ["A"] if self.always else ["A", "O"]
                names = [function.name for function in self.functions]
                cursor.execute(_POSTGRESQL_FOUND, [self.table, on, names])
            return set(cursor.fetchall())

    def _laying(self, connection: BaseDatabaseWrapper, missing: set[str]) -> Iterator[str]:
        stated, triggers = self._stated(connection), self.names(connection)
        # Functions first: what a trigger calls must be there.
        for name in sorted(missing, key=lambda name: name in triggers):
            if name in triggers:
                yield self._drop(connection, name)
            yield stated[name]
            if name in triggers and self.always and connection.vendor != "sqlite":
                yield f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {name}"

    def _drop(self, connection: BaseDatabaseWrapper, name: str) -> str:
        on = "" if connection.vendor == "sqlite" else f" ON {self.table}"
        return f"DROP TRIGGER IF EXISTS {name}{on}"


def refuse(words: str) -> str:
    """What a SQLite trigger does that refuses, saying so."""
    return f"BEGIN SELECT RAISE(ABORT, '{words}'); END"


def stated(app: AppConfig | None = None) -> list[TableTriggers]:
    """Those of one app, or of all."""
    configs = [app] if app else apps.get_app_configs()
    return [triggers for config in configs for triggers in getattr(config, "triggers", ())]


def laid_on(connection: BaseDatabaseWrapper, app: AppConfig | None = None) -> list[TableTriggers]:
    """Those that this database must have: half migrated it may lack tables that they speak of."""
    wanted = stated(app)
    tables = set(connection.introspection.table_names()) if wanted else set()
    return [triggers for triggers in wanted if tables >= {triggers.table, *triggers.others}]


def lay_after_migrate(*, sender: AppConfig, using: str, **_: Any) -> None:
    """Receives post_migrate, once for each app."""
    for triggers in laid_on(connections[using], sender):
        triggers.lay(connections[using])


def lift_before_migrate(*, sender: AppConfig, using: str, plan: list[Any], **_: Any) -> None:
    """Receives pre_migrate. SQLite renames no table in place of one of which a trigger of another
    table speaks; whatever a migration rebuilds, they are laid again after it.
    """
    connection = connections[using]
    if connection.vendor != "sqlite" or sender.label not in {step.app_label for step, _ in plan}:
        return
    for triggers in stated(sender):
        if triggers.others:
            triggers.lift(connection)
