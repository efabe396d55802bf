"""A review by button: of own parameters, of a search's best, from any page that offers it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from approvals import services
from approvals.errors import ReviewInvalid
from approvals.models import Approval, Review, Source, Suggestion
from marketdata.queries import resolve_symbol
from strategies import queries as strategy_queries
from strategies.models import StrategyVersion
from tests.approvals.factories import make_person
from tests.approvals.reviewing import STRATEGY, carry, start
from tests.trading.factories import NOW, make_user
from tests.trading.simulating import searched
from trading.services import save_draft

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "review-form"}


@pytest.fixture
def client() -> Client:
    found = Client()
    found.force_login(make_person("operator"))
    return found


def page(answer: Any) -> str:
    return str(answer.content.decode())


def own(**changes: Any) -> dict[str, Any]:
    """What the form sends of a person's own parameters."""
    first = Review.objects.earliest("pk")
    typed = {
        f"params-{name}": str(value)
        for name, value in strategy_queries.active_version(STRATEGY).params.items()
    }
    return {
        "strategy": STRATEGY,
        "source": "PERSON",
        "symbols": [resolve_symbol(first.symbols[0]).pk],
        "timeframe": "5m",
        "start": "2024-03-01T00:00",
        "end": "2024-03-06T00:00",
        "note": "slower",
        "start_run": "1",
        **typed,
        **changes,
    }


def test_own_parameters_begin_with_the_version_that_was_named(client: Client) -> None:
    start(source=Source.RULES)
    draft = save_draft(strategy_name=STRATEGY, params={"fast": 4}, note="", by=make_user(), now=NOW)
    address = f"/reviews/new/?strategy={STRATEGY}&source=PERSON&version={draft.number}"
    form = page(client.get(address))

    assert 'name="params-fast" value="4"' in form
    assert "Your parameters" in form
    assert "Attempts" not in form


def test_what_a_drafts_form_holds_is_carried_over_without_being_started(client: Client) -> None:
    start(source=Source.RULES)
    typed = {"strategy": STRATEGY, "source": "PERSON", "params-fast": "4", "note": "an idea"}
    answer = client.post("/reviews/new/", typed)

    assert answer.status_code == 200
    assert 'name="params-fast" value="4"' in page(answer)
    assert "an idea" in page(answer)
    assert Review.objects.count() == 1


def test_own_parameters_are_proven_and_put_before_people(client: Client) -> None:
    start(source=Source.RULES)
    answer = client.post("/reviews/new/", own(**{"params-fast": "6", "params-slow": "16"}))
    review = Review.objects.latest("pk")
    assert answer.url == f"/reviews/{review.pk}/"  # type: ignore[attr-defined]
    assert (review.source, review.rounds, review.note) == ("PERSON", 1, "slower")
    assert "A person suggests, round 1 of 1" in page(client.get(f"/reviews/{review.pk}/"))

    Review.objects.exclude(pk=review.pk).update(due_at=None)
    carry(review)
    shown = page(client.get(f"/reviews/{review.pk}/"))
    made = Suggestion.objects.get(review=review)
    assert {step["param"]: step["to"] for step in made.deltas} == {"fast": 6, "slow": 16}
    assert review.outcome in shown
    assert review.created_by is not None
    assert (made.state == "PENDING") == Approval.objects.filter(suggestion=made).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "These are the parameters of the active version"),
        ({"params-fast": "0"}, "greater than or equal to 2"),
        ({"params-fast": "40", "params-slow": "20"}, ""),
        ({"params-fast": "6", "symbols": []}, "Choose at least one symbol"),
        ({"params-fast": "6", "end": "2020-01-01T00:00"}, "range"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_stays(
    client: Client, change: dict[str, Any], words: str
) -> None:
    start(source=Source.RULES)
    answer = client.post("/reviews/new/", own(**change), headers=HTMX)

    assert answer.status_code == 422
    assert words in page(answer)
    assert f'value="{change.get("params-fast", 5)}"' in page(answer)
    assert "slower" in page(answer)
    assert Review.objects.count() == 1


def test_the_best_of_a_search_are_offered_and_the_ticked_are_tried(client: Client) -> None:
    search = searched()
    address = f"/reviews/new/?strategy={STRATEGY}&source=OPTIMISER&search={search.pk}"
    form = page(client.get(address))
    assert f"Search {search.pk}" in form
    assert form.count('name="places"') == 2
    assert f"source=OPTIMISER&amp;search={search.pk}" in page(client.get(f"/searches/{search.pk}/"))

    sent = {"strategy": STRATEGY, "source": "OPTIMISER", "search": search.pk, "start_run": "1"}
    nothing = client.post("/reviews/new/", sent)
    assert nothing.status_code == 422
    assert "Choose at least one of its best" in page(nothing)
    client.post("/reviews/new/", {**sent, "places": ["2"]})

    review = Review.objects.get()
    assert [one["fast"] for one in review.wanted] == [search.best[1]["params"]["fast"]]
    assert (review.from_ms, review.to_ms) == (search.from_ms, search.to_ms)


def test_a_strategy_without_a_search_leads_to_one(client: Client) -> None:
    searched()
    form = page(client.get("/reviews/new/?strategy=sma_cross&source=OPTIMISER"))

    assert "No search of it has found anything yet" in form
    sent = {"strategy": "sma_cross", "source": "OPTIMISER", "start_run": "1", "places": ["1"]}
    assert client.post("/reviews/new/", sent).status_code == 422


@pytest.mark.parametrize("places", [[], [0], [3], [1, 99]])
def test_places_that_a_search_does_not_have_are_refused(places: list[int]) -> None:
    search = searched()
    asked = {"source": Source.OPTIMISER, "search_id": search.pk, "places": places}

    with pytest.raises(ReviewInvalid):
        services.start_review(strategy=STRATEGY, asked=asked, by=None, now=NOW)


@pytest.mark.parametrize("rubbish", ["PERSONA", "", "%00", "OPTIMISER"])
def test_rubbish_in_the_address_is_no_error(client: Client, rubbish: str) -> None:
    start(source=Source.RULES)
    address = f"/reviews/new/?strategy=no&source={rubbish}&version=x&search=99&params-fast=y"

    assert client.get(address).status_code == 200


def test_who_suggests_changes_the_form_and_keeps_what_was_typed(client: Client) -> None:
    start(source=Source.RULES)
    typed = {name: value for name, value in own(timeframe="1h").items() if name != "start_run"}
    answer = client.get("/reviews/new/", typed, headers=HTMX)

    assert "<html" not in page(answer)
    assert '<option value="1h" selected>' in page(answer)
    assert 'value="2024-03-06T00:00"' in page(answer)
    assert "slower" in page(answer)


def test_a_proven_draft_is_a_candidate_because_evidence_is_about_what_stays() -> None:
    first = start(source=Source.RULES)
    Review.objects.filter(pk=first.pk).update(due_at=None)
    draft = save_draft(strategy_name=STRATEGY, params={"fast": 6}, note="", by=make_user(), now=NOW)
    carry(start(source=Source.PERSON, params={"fast": 6}))

    assert StrategyVersion.objects.get(pk=draft.pk).state != "DRAFT"
