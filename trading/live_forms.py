"""What people type around real money. Secrets go in and are never written into a page."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings

from config.refusals import Refusal
from marketdata.models import Symbol
from trading import queries
from trading.models import Bot, ExchangeAccount
from trading.models.orders import OrderType, Side

MOST = Decimal(10**12)
WRITE_ONLY = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"}


class WriteOnlyField(forms.CharField):
    """A secret: what was typed stays in the browser (`hx-preserve`), never comes from here."""

    def __init__(self, *, password: bool = False, **kwargs: Any) -> None:
        attrs = {"hx-preserve": "true"}
        attrs |= {"autocomplete": "current-password"} if password else WRITE_ONLY
        kwargs.setdefault("max_length", 1024 if password else 256)
        super().__init__(
            widget=forms.PasswordInput(attrs=attrs, render_value=False),
            strip=not password,
            **kwargs,
        )


class CodeField(forms.CharField):
    """A code of an app or a recovery code. Empty for people without a second factor."""

    def __init__(self, **kwargs: Any) -> None:
        attrs = {
            "autocomplete": "one-time-code",
            "inputmode": "numeric",
            "spellcheck": "false",
            "size": "14",
        }
        kwargs = {"label": "Code", "required": False, "max_length": 40, **kwargs}
        # Typed in clear, but what was refused is not shown again: it is used up.
        super().__init__(widget=forms.PasswordInput(attrs=attrs, render_value=False), **kwargs)
        self.widget.input_type = "text"


class ProofForm(forms.Form):
    """Who is there: `trading.authentication.step_up_by` judges it, the tag `proof` shows it."""

    password = WriteOnlyField(password=True, label="Your password")
    code = CodeField(help_text="Of your authenticator app, or a recovery code.")


def money(label: str, help_text: str = "") -> forms.DecimalField:
    """An amount in the quote asset."""
    return forms.DecimalField(
        label=label,
        help_text=help_text,
        min_value=0,
        max_value=MOST,
        max_digits=38,
        decimal_places=18,
    )


class KeyForm(forms.Form):
    key = WriteOnlyField(label="API key")
    secret = WriteOnlyField(label="API secret", help_text="Sealed at once; never shown again.")


class AccountForm(KeyForm):
    name = forms.CharField(max_length=40, help_text="To tell it from other accounts.")
    exchange = forms.ChoiceField(
        choices=[(name, name.capitalize()) for name in ExchangeAccount.Exchange.values]
    )
    field_order = ("name", "exchange", "key", "secret")


class LimitsForm(forms.Form):
    """What bots may buy with an account, whatever their grants say."""

    symbols = forms.CharField(
        max_length=1000,
        required=False,
        help_text="Pairs like BTC/USDT, ETH/USDT. Nothing else is bought with it.",
    )
    max_order = money("Most in one order", "In the quote asset of the pairs.")
    max_exposure = money("Most in all", "All bots' positions and working buys together.")

    @classmethod
    def of(cls, account: ExchangeAccount) -> LimitsForm:
        return cls(
            initial={
                "symbols": ", ".join(account.symbols),
                "max_order": account.max_order,
                "max_exposure": account.max_exposure,
            }
        )

    def clean_symbols(self) -> list[str]:
        return str(self.cleaned_data["symbols"]).replace(",", " ").split()


class AskOthersForm(forms.Form):
    """Why limits of real money should be looser."""

    reason = forms.CharField(
        min_length=3,
        max_length=300,
        label="Why",
        help_text="Whoever decides reads this.",
        # It comes up far above the button that was pressed: the focus brings it into view.
        widget=forms.TextInput(attrs={"autofocus": True}),
    )


class GrantForm(forms.Form):
    """What a bot shall be allowed."""

    account = forms.ModelChoiceField(ExchangeAccount.objects.none(), empty_label=None)
    max_order = money("Most in one order", "In the quote asset.")
    max_exposure = money("Most in all", "Its positions and working buys together.")
    hours = forms.IntegerField(label="For how many hours", min_value=1, initial=24)
    reason = forms.CharField(max_length=300, help_text="Whoever approves reads this.")
    typed_name = forms.CharField(max_length=80, label="Type the bot's name")

    def __init__(self, bot: Bot, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        exchanges = bot.symbols.values("exchange")
        accounts = queries.accounts().filter(exchange__in=exchanges)
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        longest = settings.ENV.live_grant_max_hours
        self.fields["hours"].help_text = f"At most {longest}, from the approval on."
        self.fields["typed_name"].help_text = f"It is called {bot.name}."
        self.fields["typed_name"].widget.attrs["autocomplete"] = "off"


class ApproveForm(ProofForm):
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    typed_name = forms.CharField(max_length=80, label="Type the bot's name")
    password = WriteOnlyField(password=True, label="Your password, once more")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Beside it on the page may be another form that has a name to type.
        super().__init__(*args, **{"auto_id": "approve_%s", **kwargs})


class PairField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    """A symbol by its name alone: its exchange is the account's."""

    def label_from_instance(self, obj: Any) -> str:
        return str(obj.name)


class LiveOrderForm(forms.Form):
    """An order by hand with real money."""

    symbol = PairField(Symbol.objects.none(), empty_label=None)
    side = forms.ChoiceField(choices=Side.choices)
    type = forms.ChoiceField(choices=[("MARKET", "Market"), ("LIMIT", "Limit")])
    qty = forms.DecimalField(
        label="Quantity", max_digits=38, decimal_places=18, max_value=MOST, help_text="Of the base."
    )
    price = forms.DecimalField(
        required=False,
        max_digits=38,
        decimal_places=18,
        max_value=MOST,
        help_text="For a limit order only.",
    )

    def __init__(self, bot: Bot, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["symbol"].queryset = bot.symbols.all()  # type: ignore[attr-defined]

    def clean_qty(self) -> Decimal:
        qty: Decimal = self.cleaned_data["qty"]
        if qty <= 0:
            raise forms.ValidationError("More than 0.")
        return qty

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price = cleaned.get("price")
        is_limit = cleaned.get("type") == OrderType.LIMIT
        if "price" not in self.errors and is_limit != (price is not None):
            self.add_error("price", "A limit order needs a price, a market order has none.")
        elif price is not None and price <= 0:
            self.add_error("price", "More than 0.")
        return cleaned


class SendForm(ProofForm, LiveOrderForm):
    """The previewed order, word for word, and who sends it."""

    key = forms.CharField(max_length=40)
    password = WriteOnlyField(password=True, label="Your password, once more")

    def __init__(self, bot: Bot, *args: Any, **kwargs: Any) -> None:
        super().__init__(bot, *args, **{"auto_id": "send_%s", **kwargs})
        for name in self.fields:
            if name not in {"password", "code"}:
                self.fields[name].widget = forms.HiddenInput()

    @classmethod
    def of(cls, bot: Bot, previewed: Mapping[str, Any], key: str) -> SendForm:
        """With what was previewed as its hidden fields."""
        return cls(bot, initial={**previewed, "symbol": previewed["symbol"].pk, "key": key})


def refuse(form: forms.Form, refusal: Refusal) -> None:
    """Show what a service refused next to the fields that it is about."""
    known = {name: words for name, words in refusal.fields.items() if name in form.fields}
    for name, words in known.items():
        text = " ".join(map(str, words)) if isinstance(words, list) else str(words)
        form.add_error(name, text)
    if not known:
        form.add_error(None, refusal.detail)
