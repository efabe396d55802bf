"""Dangerous settings are found before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from config import checks
from config.env import Env
from config.finders import PackageFileFinder


def ids(**given: Any) -> set[str | None]:
    return {message.id for message in checks._unguarded(Env(**given))}


def test_production_wants_its_own_keys() -> None:
    assert {"config.E002", "config.E003"} <= ids()
    assert not {"config.E002", "config.E003"} & ids(secret_key="s", audit_key="a")


def test_production_refuses_debug() -> None:
    assert "config.E004" in ids(debug=True)


def test_production_is_warned_of_embedded_stores() -> None:
    embedded = Env().model_copy(update={"redis_url": "", "database_url": ""})

    found = {message.id for message in checks._unguarded(embedded)}

    assert {"config.W002", "config.W003"} <= found


def test_production_with_real_money_is_warned_of_passwords_alone() -> None:
    assert "config.W004" in ids(trading_live_mode=True)
    assert "config.W004" not in ids(trading_live_mode=True, auth_second_factor="live")
    assert "config.W004" not in ids(trading_live_mode=False)


def test_a_laptop_may_do_all_that(settings: Settings) -> None:
    settings.ENV = Env(app_env="dev")

    assert checks.production_is_guarded() == []


def test_a_production_start_is_checked(settings: Settings) -> None:
    settings.ENV = Env(app_env="prod")

    assert checks.production_is_guarded()


def test_a_bus_path_that_no_system_accepts_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ENV = Env().model_copy(update={"redis_url": ""})
    monkeypatch.setattr("tempfile.tempdir", "/" + "x" * 100)

    assert [message.id for message in checks.bus_path_is_short_enough()] == ["config.E005"]


def test_a_package_without_its_static_file_is_reported(settings: Settings) -> None:
    settings.PACKAGE_STATIC_FILES = {"vendor/chart.js": ("litecharts", "js/gone.js")}

    assert [message.id for message in PackageFileFinder().check()] == ["config.E001"]


def test_a_package_file_is_served_under_its_static_name() -> None:
    found = PackageFileFinder().find("vendor/lightweight-charts.js")

    assert Path(found).is_file()
    assert PackageFileFinder().find("vendor/other.js") == []
