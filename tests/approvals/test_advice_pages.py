"""Pages of advice: what a model wrote is plain text, what is shown beside it comes from us."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals import services
from approvals.models import Review, Source, Suggestion
from marketdata.queries import resolve_symbol
from tests.approvals.factories import make_advice, make_person, with_model
from tests.approvals.model_server import model_server
from tests.approvals.reviewing import answer, carry, start
from tests.trading.factories import NOW

pytestmark = pytest.mark.django_db


def signed_in(role: str = "operator") -> Client:
    client = Client()
    client.force_login(make_person(role))
    return client


def test_the_log_shows_the_spend_and_each_call(settings: Any) -> None:
    make_advice()
    with model_server(text='{"ready": true}') as server:
        with_model(settings, server)
        client = signed_in()
        client.post("/advice/test/")
        page = client.get("/advice/").content.decode()

    assert "Not json" in page
    assert "Passed" in page
    assert "0.0002" in page
    assert "sk-canary" not in page


def test_the_log_is_empty_and_says_so() -> None:
    page = signed_in("viewer").get("/advice/").content.decode()

    assert "No model was asked yet" in page
    assert "LLM_ENABLED" in page


def test_a_viewer_reads_no_prompt() -> None:
    made = make_advice()

    assert signed_in("viewer").get(f"/advice/calls/{made.call_id}/").status_code == 403
    assert signed_in().get(f"/advice/calls/{made.call_id}/").status_code == 200


def test_a_refused_suggestion_says_why() -> None:
    made = make_advice()

    page = signed_in("viewer").get(f"/suggestions/{made.pk}/").content.decode()

    assert "The gate refused the answer: Not json." in page


HOSTILE = "<script>alert(1)</script> ![x](http://evil.example/a.png) Sharpe of 9.87"


def test_a_proposal_shows_diff_claims_proof_and_texts(settings: Any) -> None:
    text = answer(("fast", 5, 6), ("slow", 13, 16), rationale=HOSTILE)
    with model_server(text=text) as server:
        with_model(settings, server)
        review = carry(start(by=make_person("operator"), rounds=1))
    row = Suggestion.objects.get(review=review)

    page = signed_in().get(f"/suggestions/{row.pk}/").content.decode()

    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert 'claim claim--bad" title="nothing stored supports it">9.87' in page
    assert "Fast EMA" in page
    assert "Out of sample" in page
    assert "You review the parameters" in page
    viewer = signed_in("viewer").get(f"/suggestions/{row.pk}/").content.decode()
    assert "You review the parameters" not in viewer


def test_a_review_is_started_on_a_page() -> None:
    start(source=Source.RULES)  # brings strategies, candles and a symbol
    client = signed_in()
    form = client.get("/reviews/new/?strategy=trend_ema_fast").content.decode()
    assert "rules can work" in form
    symbol = Review.objects.get().symbols[0]
    data = {
        "strategy": "trend_ema_fast",
        "source": "RULES",
        "symbols": [resolve_symbol(symbol).pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "rounds": "1",
        "note": "",
        "start_run": "1",
    }

    answer_ = client.post("/reviews/new/", data)

    made = Review.objects.first()
    assert made is not None
    assert answer_.url == f"/reviews/{made.pk}/"  # type: ignore[attr-defined]
    assert "Measuring" not in client.get(f"/reviews/{made.pk}/").content.decode()
    services.advance_reviews(now=NOW.replace(year=2030), later=lambda: NOW)
    assert client.get("/suggestions/").status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"source": "LLM"},
        {"rounds": "99"},
        {"symbols": []},
        {"end": "2020-01-01T00:00"},
        {"note": "x" * 501},
    ],
)
def test_a_wrong_review_shows_its_form_again(change: dict[str, Any]) -> None:
    start(source=Source.RULES)
    symbol = resolve_symbol(Review.objects.get().symbols[0])
    data = {
        "strategy": "trend_ema_fast",
        "source": "RULES",
        "symbols": [symbol.pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "rounds": "1",
        "start_run": "1",
        **change,
    }

    again = signed_in().post("/reviews/new/", data)

    assert again.status_code == 422
    assert Review.objects.count() == 1
