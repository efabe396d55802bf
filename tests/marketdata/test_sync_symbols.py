"""The catalogue follows the exchange; what is gone is halted, what makes no sense set aside."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from marketdata.errors import ExchangeUnavailable
from marketdata.exchanges import exchange_for
from marketdata.models import DeadLetter, IndicatorSpec, Symbol
from marketdata.services import SymbolSync, sync_symbols, unwatch_symbol, watch_symbol
from tests.marketdata.factories import NOW, FakeExchange, make_spec, make_symbol

pytestmark = pytest.mark.django_db


def sync(*specs: object) -> SymbolSync:
    return sync_symbols(exchange=FakeExchange(specs=specs), now=NOW)  # type: ignore[arg-type]


def named(name: str) -> Symbol:
    return Symbol.objects.get(exchange="fake", name=name)


def test_new_pairs_are_taken_over_with_their_rules() -> None:
    result = sync(make_spec("BTC/USDT", price_tick="0.10"), make_spec("X/Y", trading=False))

    assert (result.created, result.changed, result.unchanged) == (2, 0, 0)
    assert named("BTC/USDT").price_tick == Decimal("0.1")
    assert (named("X/Y").base, named("X/Y").quote) == ("X", "Y")
    assert named("X/Y").status == Symbol.Status.HALTED


def test_the_same_catalogue_again_changes_nothing() -> None:
    specs = [make_spec("BTC/USDT"), make_spec("X/Y")]
    sync(*specs)
    before = list(Symbol.objects.values())

    assert sync(*specs) == SymbolSync(0, 0, 2, 0, 0)
    assert list(Symbol.objects.values()) == before


def test_changed_rules_are_followed_and_the_gone_are_halted() -> None:
    sync(make_spec("BTC/USDT"), make_spec("X/Y"))

    result = sync(make_spec("BTC/USDT", qty_step="0.001"))

    assert (result.changed, result.halted) == (1, 1)
    assert named("BTC/USDT").qty_step == Decimal("0.001")
    assert named("X/Y").status == Symbol.Status.HALTED


def test_a_description_without_sense_is_a_dead_letter_and_harms_no_other() -> None:
    sync(make_spec("BTC/USDT"))

    result = sync(make_spec("BTC/USDT", price_tick="NaN"), make_spec("X/Y"))

    assert (result.created, result.rejected, result.halted) == (1, 1, 0)
    assert named("BTC/USDT").price_tick == Decimal("0.01")
    letter = DeadLetter.objects.get()
    assert (letter.kind, letter.payload) == ("symbol", {"symbol": "BTC/USDT"})


def test_an_empty_catalogue_is_no_catalogue() -> None:
    sync(make_spec("BTC/USDT"))

    with pytest.raises(ExchangeUnavailable):
        sync()

    assert named("BTC/USDT").status == Symbol.Status.TRADING


def test_pairs_of_the_settings_are_watched_from_the_start() -> None:
    sync(make_spec("BTC/USDT"), make_spec("X/Y"))

    assert named("BTC/USDT").watched
    assert not named("X/Y").watched
    assert IndicatorSpec.objects.filter(symbol=named("BTC/USDT")).count() == 6 * 7


def test_all_pairs_of_the_built_in_exchange_are_watched() -> None:
    sync_symbols(exchange=exchange_for("simulated"), now=NOW)

    assert Symbol.objects.filter(exchange="simulated", watched=True).count() == 6


def test_watching_can_be_turned_off_and_on() -> None:
    symbol = make_symbol()

    assert watch_symbol(symbol).watched
    assert Symbol.objects.get().watched
    assert not unwatch_symbol(symbol).watched
    assert not Symbol.objects.get().watched
    watch_symbol(symbol)
    assert IndicatorSpec.objects.filter(symbol=symbol).count() == 6 * 7


def test_the_command_says_what_has_changed() -> None:
    out = io.StringIO()
    call_command("sync_symbols", "simulated", stdout=out)
    call_command("sync_symbols", stdout=out)

    first, second = out.getvalue().splitlines()
    assert first == "simulated: 6 new, 0 changed, 0 as before, 0 halted, 0 refused"
    assert second == "simulated: 0 new, 0 changed, 6 as before, 0 halted, 0 refused"


def test_the_command_refuses_an_exchange_that_nobody_knows() -> None:
    with pytest.raises(CommandError, match="No exchange is called recorded"):
        call_command("sync_symbols", "recorded")
