"""What people type about their channels. Addresses go in and never come back into a page."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms

from approvals import addresses
from approvals.models import Channel, Delivery, QuietHours
from approvals.models.notifications import URGENCIES
from approvals.topics import TITLES, Severity
from trading.filters import Filter
from trading.live_forms import WriteOnlyField, refuse

__all__ = ["refuse"]

LEVELS = [(int(level), words) for level, words in URGENCIES.items()]


class RuleForm(forms.Form):
    """What a channel takes."""

    name = forms.CharField(max_length=40, help_text="To tell it from your other channels.")
    min_severity = forms.TypedChoiceField(
        label="How urgent", choices=LEVELS, coerce=int, initial=int(Severity.WARNING)
    )
    topics = forms.MultipleChoiceField(
        label="About",
        required=False,
        choices=[(topic.value, title) for topic, title in TITLES.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text="Nothing chosen means everything.",
    )

    @classmethod
    def of(cls, channel: Channel) -> RuleForm:
        return cls(
            initial={
                "name": channel.name,
                "min_severity": channel.min_severity,
                "topics": channel.topics,
            }
        )


class SlackForm(forms.Form):
    url = WriteOnlyField(label="Webhook", help_text="https://hooks.slack.com/services/T…/B…/…")


class TelegramForm(forms.Form):
    token = WriteOnlyField(label="Bot's token", help_text="From BotFather.")
    chat = forms.CharField(
        max_length=41, help_text="A chat's number, or @name of a channel. The bot must be in it."
    )


class EmailForm(forms.Form):
    to = forms.CharField(label="To", max_length=128)
    sender = forms.CharField(label="From", max_length=128)
    host = forms.CharField(label="Mail server", max_length=253)
    port = forms.IntegerField(min_value=1, max_value=65535, initial=587)
    security = forms.ChoiceField(
        label="Encryption",
        choices=[("starttls", "STARTTLS"), ("ssl", "TLS from the start"), ("insecure", "None")],
    )
    user = forms.CharField(max_length=128, required=False)
    password = WriteOnlyField(required=False)


class WebhookForm(forms.Form):
    url = WriteOnlyField(
        label="Address", max_length=2000, help_text="https://host/path; it gets a POST with JSON."
    )


class PushForm(forms.Form):
    """A browser's subscription, as its own script sends it."""

    name = forms.CharField(max_length=40)
    endpoint = forms.CharField(max_length=addresses.LONGEST)
    p256dh = forms.CharField(max_length=128)
    auth = forms.CharField(max_length=128)


ADDRESS_FORMS: dict[str, type[forms.Form]] = {
    addresses.SLACK: SlackForm,
    addresses.TELEGRAM: TelegramForm,
    addresses.EMAIL: EmailForm,
    addresses.WEBHOOK: WebhookForm,
}


class QuietForm(forms.Form):
    """When to be left alone."""

    start = forms.TimeField(label="From", widget=forms.TimeInput(attrs={"type": "time"}))
    end = forms.TimeField(label="To", widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.ChoiceField(
        label="Time zone",
        initial="UTC",
        choices=lambda: [(name, name) for name in sorted(available_timezones())],
    )
    urgent_passes = forms.BooleanField(
        label="What is critical comes at once", required=False, initial=True
    )

    @classmethod
    def of(cls, hours: QuietHours | None) -> QuietForm:
        names = ("start", "end", "zone", "urgent_passes")
        return cls(initial={name: getattr(hours, name) for name in names} if hours else None)


class DeliveryFilter(Filter):
    """Narrows the ledger."""

    channel = forms.ModelChoiceField(
        Channel.objects.none(), required=False, empty_label="Any channel", label="channel"
    )
    status = forms.ChoiceField(
        choices=[
            ("", "Any status"),
            *((value, value.capitalize()) for value in Delivery.Status.values),
        ],
        required=False,
        label="status",
    )
    topic = forms.ChoiceField(
        choices=[("", "Any topic"), *((topic.value, title) for topic, title in TITLES.items())],
        required=False,
        label="topic",
    )
    lookups = {"topic": "notification__topic"}

    def __init__(self, channels: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["channel"].queryset = channels  # type: ignore[attr-defined]
