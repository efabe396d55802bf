"""Limits of real money: what a change would loosen, and who must have agreed to it.

Every door that changes knobs or an account's limits comes through `check_may_loosen`. The number
of people stands in the system's own row, so none goes past it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from trading import access
from trading.errors import AccountInvalid, LimitsNeedApproval
from trading.knobs import Knobs
from trading.loosening import AccountLimits, Change, account_changes, knob_changes
from trading.models import Bot, ExchangeAccount, SystemState
from trading.services._agreed import missing_people
from trading.services._factor_held import FOR_MONEY, check_has_second_factor
from trading.services._knobs import checked_knobs

MOST_SYMBOLS = 50
MOST = Decimal(10**12)
MOST_NAMED = 5
_SYMBOL = re.compile(r"[A-Z0-9]{1,15}/[A-Z0-9]{2,10}\Z")


@dataclass(frozen=True, slots=True)
class Weighed:
    """A change of limits before it is made; `before` and `after` as JSON holds all of them."""

    live: bool  # real money hangs on it
    before: dict[str, Any]
    after: dict[str, Any]
    changes: list[Change]

    @property
    def looser(self) -> list[Change]:
        return [change for change in self.changes if change.looser]

    @property
    def others(self) -> list[Change]:
        """What is tighter, or loosens nothing."""
        return [change for change in self.changes if not change.looser]


def weigh_knobs(*, bot: Bot, knobs: Mapping[str, Any]) -> Weighed:
    """What turning these knobs of a bot would change. Refuses KnobsInvalid."""
    before, after = Knobs.model_validate(bot.knobs), checked_knobs({**bot.knobs, **knobs})
    return Weighed(
        live=not bot.paper_mode,
        before=_kept(before.model_dump()),
        after=_kept(after.model_dump()),
        changes=knob_changes(before, after),
    )


def weigh_account(*, account: ExchangeAccount, limits: Mapping[str, Any]) -> Weighed:
    """What setting these limits of an account would change. Refuses AccountInvalid."""
    before = account_limits(account)
    after = checked_limits(**{**asdict(before), **limits})
    return Weighed(
        live=Bot.objects.filter(account=account, paper_mode=False).exists(),
        before=_kept(asdict(before)),
        after=_kept(asdict(after)),
        changes=account_changes(before, after),
    )


def account_limits(account: ExchangeAccount) -> AccountLimits:
    return AccountLimits(tuple(account.symbols), account.max_order, account.max_exposure)


def checked_limits(
    *, symbols: Sequence[str], max_order: Decimal, max_exposure: Decimal
) -> AccountLimits:
    """The limits as they are stored. Refuses AccountInvalid with the fields."""
    names = tuple(dict.fromkeys(name.strip().upper() for name in symbols))
    if wrong := _limits_wrong(names, max_order, max_exposure):
        raise AccountInvalid("These limits can't be set.", fields=wrong)
    return AccountLimits(names, max_order, max_exposure)


def check_may_loosen(weighed: Weighed, *, by: User | None, agreed: Collection[User] = ()) -> None:
    """Refuses LimitsNeedApproval where limits of real money would be looser, unless as many
    others as the policy says `agreed`, who may decide about real money still; and
    SecondFactorNeeded.

    Call under the lock of the row that changes. Tightening is nobody's business but one's own.
    """
    looser = weighed.looser if weighed.live else []
    if not looser:
        return
    may = [person for person in agreed if person.has_perm(access.APPROVE_LIVE)]
    # Whose word counts: the others', or one's own where nobody else's is needed.
    for person in may or ([by] if by else []):
        check_has_second_factor(person, where=FOR_MONEY)
    missing = missing_people(by=by, agreed=may, needed=limits_need())
    if missing:
        named = ", ".join(change.title.lower() for change in looser[:MOST_NAMED])
        raise LimitsNeedApproval(
            f"Looser with real money: {named}. The policy needs {missing} to agree.",
            fields={change.name: [str(change)] for change in looser},
        )


def agreed_by(agreed: Collection[User]) -> str:
    """Who agreed, for the audit log."""
    names = sorted(person.get_username() for person in agreed)
    return f"agreed: {', '.join(names)}" if names else ""


def limits_need() -> int:
    """How many others must agree to looser limits of real money."""
    found = SystemState.objects.filter(pk=1).values_list("limits_need", flat=True).first()
    return 1 if found is None else found


def set_limits_need(*, people: int) -> None:
    """Audited by the caller above, which sees to it that no bot is live when there are fewer."""
    SystemState.objects.filter(pk=1).update(limits_need=people)


def _kept(limits: Mapping[str, Any]) -> dict[str, Any]:
    """As JSON, each amount in one way: 0.50 and 0.5 are the same limit."""
    return {name: _kept_value(value) for name, value in limits.items()}


def _kept_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return sorted(value) if isinstance(value, tuple) else value


def _limits_wrong(
    symbols: Sequence[str], max_order: Decimal, max_exposure: Decimal
) -> dict[str, object]:
    wrong: dict[str, object] = {}
    if len(symbols) > MOST_SYMBOLS or not all(_SYMBOL.match(name) for name in symbols):
        wrong["symbols"] = [f"At most {MOST_SYMBOLS} names like BTC/USDT."]
    elif len({name.partition("/")[2] for name in symbols}) > 1:
        wrong["symbols"] = ["All need one quote asset: the amounts are in it."]
    for name, value in {"max_order": max_order, "max_exposure": max_exposure}.items():
        if not value.is_finite() or not 0 <= value <= MOST:
            wrong[name] = [f"Between 0 and {MOST:f}."]
    if not wrong and max_order > max_exposure:
        wrong["max_order"] = ["No order can be larger than all positions together."]
    return wrong
