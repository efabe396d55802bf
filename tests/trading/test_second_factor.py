"""A second factor's life: sealed, each code once whoever asks, renewed, taken away."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from config import bus, clock
from tests.trading.factories import make_user
from tests.trading.live_desk import set_env
from tests.trading.phones import PERIOD, Phone, make_phone, wrong_code
from trading import services
from trading.errors import SecondFactorInvalid, SecondFactorMissing, SecondFactorNeeded
from trading.models import AuditEvent, Confirmation

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return clock.now()


@pytest.fixture
def olga(db: None) -> User:
    return make_user("operator", "olga")


@pytest.fixture
def phone(olga: User, now: datetime) -> Phone:
    return make_phone(olga, now=now)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("seq").values_list("action", flat=True))


def use(user: User, code: str, now: datetime) -> bool:
    return services.use_code(user=user, code=code, now=now)


class TestCodes:
    def test_the_apps_code_opens_once(self, olga: User, phone: Phone, now: datetime) -> None:
        assert use(olga, phone.code(now), now)
        assert not use(olga, phone.code(now), now)
        assert use(olga, phone.code(now + PERIOD), now + PERIOD)

    def test_a_used_code_stays_used_as_long_as_it_would_count(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        code = phone.code(now)
        assert use(olga, code, now - PERIOD)  # a phone whose clock is ahead

        for seconds in range(-30, 91, 10):
            assert not use(olga, code, now + timedelta(seconds=seconds))

    def test_none_from_before_the_last_used_one_opens(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        earlier = phone.code(now)
        assert use(olga, phone.code(now + PERIOD), now)

        assert not use(olga, earlier, now)

    def test_a_flush_of_redis_forgets_no_code(
        self, olga: User, phone: Phone, now: datetime, clean_bus: None
    ) -> None:
        assert use(olga, phone.code(now), now)
        bus.client().flushall()

        assert not use(olga, phone.code(now), now)

    def test_the_code_of_the_set_up_opens_nothing_more(self, olga: User, now: datetime) -> None:
        phone = make_phone(olga, now=now)

        assert not use(olga, phone.code(now - 2 * PERIOD), now - PERIOD)

    @pytest.mark.parametrize(
        "typed", ["", " ", "abc", "12345", "1234567", "\u0660" * 6, "000000; --", "-1", "9" * 5000]
    )
    def test_rubbish_opens_nothing(
        self, olga: User, phone: Phone, now: datetime, typed: str
    ) -> None:
        assert not use(olga, typed, now)

    def test_codes_of_somebody_else_open_nothing(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        other = make_user("operator", "otto")
        others = make_phone(other, now=now)

        assert not use(olga, others.code(now), now)
        assert not use(olga, others.paper[0], now)
        assert use(other, others.code(now), now)

    def test_a_recovery_code_opens_once_and_says_how_many_are_left(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        assert len(set(phone.paper)) == 10
        assert use(olga, phone.paper[3], now)
        assert not use(olga, phone.paper[3], now)
        assert not use(olga, phone.paper[3].replace("-", ""), now)

        last = AuditEvent.objects.get(action="user.recovery_code_used")
        assert last.after == {"left": 9}
        found = services.second_factor_of(olga)
        assert found is not None
        assert (found.codes_left, found.used_at) == (9, now)

    def test_new_recovery_codes_close_the_old_ones(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        fresh = services.renew_recovery_codes(user=olga, now=now)

        assert not set(fresh) & set(phone.paper)
        assert not any(use(olga, code, now) for code in phone.paper)
        assert use(olga, fresh[0], now)

    def test_without_a_second_factor_no_code_is_right(self, olga: User, now: datetime) -> None:
        assert not use(olga, "000000", now)
        with pytest.raises(SecondFactorMissing):
            services.renew_recovery_codes(user=olga, now=now)


class TestSealing:
    def test_nothing_of_it_lies_in_the_database_in_clear(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        use(olga, phone.paper[0], now)

        stored = str([*Authenticator.objects.values(), *AuditEvent.objects.values()])

        assert phone.seed not in stored
        assert not any(code in stored or code.replace("-", "") in stored for code in phone.paper)
        assert stored.count("'v1.k1.") == 2

    def test_a_seed_that_is_moved_to_somebody_else_does_not_open(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        thief = make_user("viewer", "theo")
        theirs = make_phone(thief, now=now)
        row = Authenticator.objects.get(user=olga, type="totp")
        row.data = Authenticator.objects.get(user=thief, type="totp").data
        row.save()

        assert not use(olga, theirs.code(now), now)
        assert not use(olga, phone.code(now), now)
        assert use(thief, theirs.code(now), now)

    def test_without_the_keys_beside_the_database_no_code_is_right(
        self, olga: User, phone: Phone, now: datetime, settings: Settings, tmp_path: Path
    ) -> None:
        settings.STATE_DIR = tmp_path

        assert not use(olga, phone.code(now), now)
        assert not use(olga, phone.paper[0], now)

    def test_allauth_can_write_no_seed_in_clear(self, olga: User) -> None:
        with pytest.raises(LookupError):
            TOTP.activate(olga, "SEED")
        with pytest.raises(LookupError):
            RecoveryCodes.activate(olga)
        assert not Authenticator.objects.exists()

    def test_seals_are_turned_while_codes_stay_what_they_were(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        use(olga, phone.paper[0], now)
        out = StringIO()

        call_command("rotate_seals", stdout=out)

        assert "2 secrets of second factors" in out.getvalue()
        assert str(list(Authenticator.objects.values())).count("'v1.k1.") == 0
        assert use(olga, phone.code(now), now)
        assert use(olga, phone.paper[1], now)
        assert not use(olga, phone.paper[0], now)
        assert actions().count("user.second_factor_resealed") == 2


class TestLife:
    def test_it_is_set_only_with_a_code_of_its_seed(self, olga: User, now: datetime) -> None:
        _, pending = services.begin_second_factor(user=olga, now=now)
        wrong = wrong_code(Phone(pending.seed, []), now)

        with pytest.raises(SecondFactorInvalid):
            services.set_second_factor(
                user=olga, pending=pending, code=wrong, keep_session="", now=now
            )
        assert not services.has_second_factor(olga)

    def test_a_seed_waits_ten_minutes_and_for_its_person_only(
        self, olga: User, now: datetime
    ) -> None:
        kept, pending = services.begin_second_factor(user=olga, now=now)

        def found(user: User, at: datetime) -> object:
            return services.pending_second_factor(user=user, kept=kept, now=at)

        assert found(olga, now + timedelta(minutes=9)) == pending
        assert found(olga, now + timedelta(minutes=10)) is None
        assert found(make_user("operator", "otto"), now) is None
        assert pending.seed not in str(kept)

    @pytest.mark.parametrize(
        "kept", [None, {}, {"until": "x"}, {"seed": "x", "until": "2999-01-01"}]
    )
    def test_rubbish_in_a_session_is_no_seed(
        self, olga: User, now: datetime, kept: dict[str, str] | None
    ) -> None:
        assert services.pending_second_factor(user=olga, kept=kept, now=now) is None

    def test_a_second_one_is_refused(self, olga: User, phone: Phone, now: datetime) -> None:
        with pytest.raises(SecondFactorInvalid):
            services.begin_second_factor(user=olga, now=now)
        with pytest.raises(SecondFactorInvalid):
            make_phone_again(olga, phone, now)

    def test_what_was_confirmed_without_it_counts_no_longer(
        self, olga: User, now: datetime
    ) -> None:
        services.confirm_person(user=olga, via="session:x", now=now)

        make_phone(olga, now=now)

        assert not Confirmation.objects.exists()
        assert actions()[-1] == "user.second_factor_set"

    def test_taken_away_its_codes_open_nothing(
        self, olga: User, phone: Phone, now: datetime
    ) -> None:
        services.remove_second_factor(user=olga, now=now)

        assert not services.has_second_factor(olga)
        assert not use(olga, phone.code(now), now)
        assert not use(olga, phone.paper[0], now)
        assert services.second_factor_of(olga) is None
        with pytest.raises(SecondFactorMissing):
            services.remove_second_factor(user=olga, now=now)

    def test_where_everybody_needs_one_nobody_takes_their_own_away(
        self, olga: User, phone: Phone, now: datetime, settings: Settings
    ) -> None:
        set_env(settings, auth_second_factor="required")

        with pytest.raises(SecondFactorNeeded):
            services.remove_second_factor(user=olga, now=now)

    def test_a_command_helps_when_the_phone_is_lost(self, olga: User, phone: Phone) -> None:
        call_command("reset_second_factor", "olga", reason="she called", stdout=StringIO())

        event = AuditEvent.objects.get(action="user.second_factor_reset")
        assert (event.actor_kind, event.reason) == ("system", "she called")
        assert not services.has_second_factor(olga)

    @pytest.mark.parametrize("name", ["nobody", "olga", ""])
    def test_the_command_refuses_who_has_none(self, olga: User, name: str) -> None:
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name, stdout=StringIO())


def make_phone_again(user: User, phone: Phone, now: datetime) -> None:
    services.set_second_factor(
        user=user,
        pending=services.Pending(phone.seed, ""),
        code=phone.code(now),
        keep_session="",
        now=now,
    )


# What a process of its own does: wait for the same moment, then show the code.
PROCESS = """
import os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from django.conf import settings
settings.DATABASES["default"]["NAME"] = sys.argv[1]
import django
django.setup()
from datetime import datetime
from django.contrib.auth.models import User
from trading import services
user = User.objects.get(username="olga")
print("ready", flush=True)
sys.stdin.readline()
print(services.use_code(user=user, code=sys.argv[2], now=datetime.fromisoformat(sys.argv[3])))
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["app", "paper"])
def test_two_processes_that_are_shown_the_same_code_open_once(kind: str) -> None:
    now, user = clock.now(), make_user("operator", "olga")
    phone = make_phone(user, now=now)
    code = phone.code(now) if kind == "app" else phone.paper[0]
    argv = [sys.executable, "-c", PROCESS, str(connection.settings_dict["NAME"]), code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    both = [subprocess.Popen([*argv, now.isoformat()], **pipes) for _ in range(2)]  # type: ignore[call-overload]
    for process in both:
        assert process.stdout.readline() == "ready\n"

    for process in both:
        process.stdin.write("now\n")
        process.stdin.flush()
    said = sorted(process.communicate(timeout=60)[0].strip() for process in both)

    assert said == ["False", "True"]
    assert not use(user, code, now)
