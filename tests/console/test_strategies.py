"""Strategies: what there is, their parameters, what differs between versions."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.console.pages import body, fragment, is_fragment, text_of
from tests.trading.factories import make_version


@pytest.fixture(autouse=True)
def versions(db: None) -> None:
    make_version("trend_ema", fast=9)


def test_all_strategies_are_listed_with_their_versions(viewer: Client) -> None:
    text = text_of(viewer.get("/strategies/"))

    assert "EMA trend trend_ema" in text
    assert "2 versions 0 bots" in text
    assert "Make a bot of it" not in text


def test_an_operator_is_led_to_a_bot_of_it(operator: Client) -> None:
    assert "/bots/new/?strategy=trend_ema" in body(operator.get("/strategies/"))


def test_parameters_are_shown_with_bounds_and_units(viewer: Client) -> None:
    text = text_of(viewer.get("/strategies/trend_ema/"))

    assert "Fast EMA Period of the average that reacts first. 12 bars 2 200" in text
    assert "candles before it decides" in text


def test_the_newest_version_is_compared_with_the_first(viewer: Client) -> None:
    assert "Parameter v1 v2 Fast EMA 12 bars 9 bars" in text_of(
        viewer.get("/strategies/trend_ema/")
    )


def test_any_two_versions_are_compared(viewer: Client) -> None:
    response = fragment(viewer, "/strategies/trend_ema/?before=2&after=1", "comparison")

    assert is_fragment(response)
    assert "Parameter v2 v1 Fast EMA 9 bars 12 bars" in text_of(response)


def test_a_version_that_is_not_there_is_ignored(viewer: Client) -> None:
    assert viewer.get("/strategies/trend_ema/?before=99&after=x").status_code == 200


def test_an_unknown_strategy_is_not_found(viewer: Client) -> None:
    assert viewer.get("/strategies/nope/").status_code == 404
