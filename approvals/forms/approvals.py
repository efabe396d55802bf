"""What people type about requests, policies and waivers."""

from __future__ import annotations

from typing import Any

from django import forms

from approvals.models import ApprovalKind, ApprovalPolicy, OnExpiry
from trading.live_forms import ProofForm, WriteOnlyField, refuse

__all__ = ["refuse"]


PEOPLE = [(1, "one other person"), (2, "two other people")]
NOBODY_ELSE = [(0, "nobody else: an administrator with a reason")]
ALONE = [(0, "nobody else: whoever may set them, alone")]


class DecisionForm(ProofForm):
    """A decision: the digest says what was read."""

    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    reason = forms.CharField(
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "data-key": "r"}),
        help_text="Needed to reject, and to agree in spite of a red verdict.",
    )
    password = WriteOnlyField(
        password=True, required=False, label="Your password", help_text="It counts for minutes."
    )


class CommentForm(forms.Form):
    text = forms.CharField(max_length=300, label="Comment")


class RequestForm(forms.Form):
    """Why a version should become the active one."""

    reason = forms.CharField(min_length=3, max_length=300, label="Why")
    override_reason = forms.CharField(
        max_length=300,
        required=False,
        label="Why in spite of a red verdict",
        help_text="Only where the policy allows it; the second person gives a reason too.",
    )


class PolicyForm(forms.Form):
    """Minutes are what people think in."""

    deadline_min = forms.IntegerField(
        min_value=1, max_value=10_080, label="Time to decide", help_text="Minutes."
    )
    approvers = forms.TypedChoiceField(choices=PEOPLE, coerce=int, label="Who must agree")
    on_expiry = forms.ChoiceField(choices=OnExpiry.choices, label="When nobody decides")
    step_up = forms.BooleanField(required=False, label="They give their password again")
    allow_red = forms.BooleanField(
        required=False, label="A red verdict may be asked for, with a reason"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.prefix == ApprovalKind.GO_LIVE:  # real money: always, and no verdict but green
            del self.fields["step_up"], self.fields["allow_red"]
        elif self.prefix == ApprovalKind.RESUME:
            del self.fields["on_expiry"], self.fields["allow_red"]
            self.fields["approvers"].choices = NOBODY_ELSE + PEOPLE  # type: ignore[attr-defined]
        elif self.prefix == ApprovalKind.LIMITS:
            del self.fields["on_expiry"], self.fields["allow_red"], self.fields["step_up"]
            self.fields["approvers"].choices = ALONE + PEOPLE  # type: ignore[attr-defined]

    @classmethod
    def of(cls, policy: ApprovalPolicy) -> PolicyForm:
        return cls(
            initial={
                "deadline_min": policy.deadline_s // 60,
                "approvers": policy.approvers,
                "on_expiry": policy.on_expiry,
                "step_up": policy.step_up,
                "allow_red": policy.allow_red,
            },
            prefix=policy.kind,
        )


class WaiverForm(ProofForm):
    hours = forms.IntegerField(min_value=1, max_value=24, initial=1, help_text="At most 24.")
    reason = forms.CharField(min_length=3, max_length=300)
    password = WriteOnlyField(password=True, required=False, label="Your password")


class RollBackForm(forms.Form):
    reason = forms.CharField(min_length=3, max_length=300)
