"""API tokens: shown once, of one's own, revoked at once."""

from __future__ import annotations

import re

from django.contrib.auth.models import User
from django.test import Client

from tests.console.conftest import SignIn
from tests.console.pages import body, command, text_of
from tests.trading.factories import later
from trading import services
from trading.models import ApiToken

ASKED = {"name": "backup", "scope": "read", "days": "30"}


def test_without_tokens_the_page_says_what_they_are_for(viewer: Client) -> None:
    assert "Make one for a script or another program." in text_of(viewer.get("/tokens/"))


def test_the_secret_is_shown_once(viewer: Client) -> None:
    html = body(viewer.post("/tokens/", ASKED))
    [secret] = re.findall(r"<code>(cs_[^<]+)</code>", html)

    token = services.use_token(secret=secret, now=later(0))
    assert token is not None
    assert token.user.get_username() == "viewer"
    assert secret not in body(viewer.get("/tokens/"))
    assert f"{secret[:10]}…" in body(viewer.get("/tokens/"))


def test_the_page_with_the_secret_is_kept_nowhere(viewer: Client) -> None:
    assert "no-store" in viewer.post("/tokens/", ASKED)["Cache-Control"]


def test_a_wrong_token_is_refused_next_to_its_field(viewer: Client) -> None:
    response = viewer.post("/tokens/", {**ASKED, "days": "4000"})

    assert response.status_code == 422
    assert "less than or equal to 365" in text_of(response)
    assert 'value="backup"' in body(response)
    assert not ApiToken.objects.exists()


def test_a_revoked_token_is_useless(viewer: Client) -> None:
    viewer.post("/tokens/", ASKED)

    response = command(viewer, f"/tokens/{ApiToken.objects.get().pk}/revoke/")

    assert text_of(response) == "backup is useless from now on."
    assert "Revoked" in text_of(viewer.get("/tokens/"))


def test_one_sees_and_revokes_only_one_s_own(sign_in: SignIn) -> None:
    viewer, operator = sign_in("viewer"), sign_in("operator")
    viewer.post("/tokens/", ASKED)
    token = ApiToken.objects.get()

    assert "backup" not in text_of(operator.get("/tokens/"))
    assert command(operator, f"/tokens/{token.pk}/revoke/").status_code == 404


def test_an_admin_sees_and_revokes_everybody_s(sign_in: SignIn) -> None:
    viewer, admin = sign_in("viewer"), sign_in("admin")
    viewer.post("/tokens/", ASKED)

    assert "backup viewer read" in text_of(admin.get("/tokens/"))
    command(admin, f"/tokens/{ApiToken.objects.get().pk}/revoke/")
    assert ApiToken.objects.get().revoked_at is not None


def test_a_token_can_not_be_made_for_somebody_else(sign_in: SignIn) -> None:
    viewer = sign_in("viewer")
    sign_in("admin")

    viewer.post("/tokens/", {**ASKED, "user": str(User.objects.get(username="admin").pk)})

    assert ApiToken.objects.get().user.get_username() == "viewer"
