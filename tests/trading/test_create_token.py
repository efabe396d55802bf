"""People, roles and the tokens that speak for them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User

from tests.trading.factories import NOW, later, make_user
from trading import access, services
from trading.errors import TokenInvalid, TokenUnknown
from trading.models import ApiToken, AuditEvent

pytestmark = pytest.mark.django_db


def make_token(user: User, **given: object) -> tuple[ApiToken, str]:
    asked = {"name": "robot", "scope": "read", "days": 30, **given}
    return services.create_token(user=user, now=NOW, **asked)  # type: ignore[arg-type]


def test_a_token_is_shown_once_and_kept_as_a_hash() -> None:
    user = make_user()

    token, secret = make_token(user)

    assert services.use_token(secret=secret, now=NOW) == token
    assert secret not in str(vars(ApiToken.objects.get()))
    assert secret not in str(AuditEvent.objects.get().after)
    assert token.expires_at == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"scope": "admin"}, "scope"),
        ({"days": 0}, "days"),
        ({"days": 366}, "days"),
    ],
)
def test_a_token_without_name_known_scope_or_end_is_refused(
    given: dict[str, object], field: str
) -> None:
    with pytest.raises(TokenInvalid) as error:
        make_token(make_user(), **given)

    assert list(error.value.fields) == [field]


@pytest.mark.parametrize("what", ["expired", "revoked", "gone", "wrong"])
def test_a_token_that_is_over_opens_nothing(what: str) -> None:
    user = make_user()
    token, secret = make_token(user)
    if what == "revoked":
        services.revoke_token(token_id=token.pk, by=user, now=NOW)
    if what == "gone":
        User.objects.update(is_active=False)

    at = NOW + timedelta(days=30) if what == "expired" else NOW
    assert services.use_token(secret="cs_x" if what == "wrong" else secret, now=at) is None


def test_the_last_use_is_noted_once_a_minute() -> None:
    token, secret = make_token(make_user())

    for second in (0, 30, 59):
        services.use_token(secret=secret, now=later(second))
    token.refresh_from_db()
    assert token.last_used_at == NOW
    services.use_token(secret=secret, now=later(61))

    token.refresh_from_db()
    assert token.last_used_at == later(61)


def test_only_its_owner_or_an_administrator_revokes_a_token() -> None:
    token, _ = make_token(make_user("operator"))

    with pytest.raises(TokenUnknown):
        services.revoke_token(token_id=token.pk, by=make_user("operator"), now=NOW)
    services.revoke_token(token_id=token.pk, by=make_user("admin"), now=NOW)
    services.revoke_token(token_id=token.pk, by=make_user("admin"), now=later(9))

    token.refresh_from_db()
    assert token.revoked_at == NOW
    assert AuditEvent.objects.filter(action="token.revoked").count() == 1


def test_roles_hold_exactly_the_permissions_that_are_listed() -> None:
    services.sync_roles()
    Group.objects.get(name="viewer").permissions.set(
        Group.objects.get(name="admin").permissions.all()
    )

    services.sync_roles()

    for role, names in access.ROLE_PERMISSIONS.items():
        held = Group.objects.get(name=role).permissions.values_list(
            "content_type__app_label", "codename"
        )
        assert {f"{app}.{codename}" for app, codename in held} == set(names)


def test_a_name_is_given_once() -> None:
    services.sync_roles()
    made = services.create_user(username="vera", password="x", role="viewer", now=NOW)

    assert made
    assert access.role_of(made) == "viewer"
    assert services.create_user(username="vera", password="y", role="admin", now=NOW) is None
