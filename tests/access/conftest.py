"""One of everything, so that a refusal is about the role and not about a missing row."""

from __future__ import annotations

from decimal import Decimal

import pytest

from config import clock
from marketdata.indicators import Spec
from marketdata.models import Annotation, DeadLetter, FeedGap, IndicatorSpec
from strategies import services as strategy_services
from tests.api.conftest import console
from tests.api.factories import Api, make_api, make_bot, make_symbol
from tests.approvals.asking import make_table
from tests.approvals.factories import make_advice
from tests.trading.factories import make_account, make_grant, make_incident
from tests.trading.simulating import finished, searched
from trading import access
from trading.models import ApiToken, Job, Order, OrderIntent

__all__ = ["console"]


@pytest.fixture
def ids(console: None) -> dict[str, str]:
    """What fills the angle brackets of each pattern."""
    now = clock.now()
    symbol, bot = make_symbol(), make_bot()
    strategy_services.sync_agents(now=now)
    intent = OrderIntent.objects.create(
        bot=bot,
        idempotency_key="k",
        symbol=symbol,
        side="BUY",
        qty=Decimal(1),
        reason="manual",
        epoch=1,
        decided_at=now,
    )
    order = Order.objects.create(
        intent=intent,
        bot=bot,
        symbol=symbol,
        client_order_id="cs-1",
        side="BUY",
        type="MARKET",
        qty=Decimal(1),
        created_at=now,
        updated_at=now,
    )
    job = Job.objects.create(task="market.backfill", created_at=now, updated_at=now)
    letter = DeadLetter.objects.create(
        kind="candle", digest="d", source="x", payload={}, reason="odd", at=now
    )
    gap = FeedGap.objects.create(
        symbol=symbol, timeframe="1m", from_ms=0, to_ms=60_000, found_at=now
    )
    sma = Spec.of("sma")
    spec = IndicatorSpec.objects.create(
        symbol=symbol, timeframe="1m", name="sma", params=dict(sma.params), params_hash="h"
    )
    drawing = Annotation.objects.create(
        symbol=symbol, shape_type="text", points=[{"time": 1, "price": 1.0}], created_at=now
    )
    account, advice = make_account(), make_advice(now=now)
    return {
        "account_id": str(account.pk),
        "grant_id": str(make_grant(make_bot(name="Live"), account).pk),
        "incident_id": str(make_incident(account).pk),
        "bot_id": str(bot.pk),
        "order_id": str(order.pk),
        "job_id": str(job.pk),
        "letter_id": str(letter.pk),
        "gap_id": str(gap.pk),
        "spec_id": str(spec.pk),
        "symbol_id": str(symbol.pk),
        "annotation_id": str(drawing.pk),
        "simulation_id": str(finished().pk),
        "search_id": str(searched().pk),
        "call_id": str(advice.call_id),
        "review_id": str(advice.review_id),
        "suggestion_id": str(advice.pk),
        "approval_id": str(make_table().ask().pk),
        "waiver_id": "1",
        "policy": "activation",
        "number": "1",
        "channel_id": "1",
        "user_id": "1",
        "delivery_id": "1",
        "token_id": str(token_of_nobody().pk),
        "strategy": "trend_ema",
        "agent": "cusum",
        "exchange": "simulated",
        "name": "BTC-USDT",
        "symbol": "simulated/BTC-USDT",
        "what": "fills",
        "kind": "json",
    }


def token_of_nobody() -> ApiToken:
    owner: Api = make_api(access.VIEWER)
    return ApiToken.objects.get(user=owner.user)
