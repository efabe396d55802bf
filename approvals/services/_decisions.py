"""What people say to a request: approve, reject, comment. Each person once, never the proposer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from approvals import access, queries
from approvals.approval_state import PENDING
from approvals.errors import (
    AlreadyDecided,
    ApprovalExpired,
    ApprovalInvalid,
    ApprovalNotOpen,
    OwnApproval,
)
from approvals.models import Approval, ApprovalDecision, ApprovalKind, Waiver
from approvals.services._expiry import check_approvals
from approvals.services._limiting import hold_limits, limits_agreed
from approvals.services._person import check_person
from approvals.services._requests import tell
from approvals.services._resuming import hold_system, resume_agreed
from approvals.services._subjects import check_bound, check_digest
from approvals.services._suggestions import follow_decision
from trading.services import (
    FOR_MONEY,
    approve_version,
    check_confirmed,
    check_has_second_factor,
    get_bot,
)

State, Verdict = Approval.State, ApprovalDecision.Verdict


def hold_bot(row: Approval) -> None:
    """Nobody changes the bot of a grant until the caller's transaction ends."""
    if row.grant is not None:
        get_bot(row.grant.bot_id, lock=True)


NEEDED = {
    ApprovalKind.ACTIVATION: access.APPROVE,
    ApprovalKind.GO_LIVE: access.APPROVE_LIVE,
    ApprovalKind.RESUME: access.ADMINISTER,
    ApprovalKind.LIMITS: access.APPROVE_LIVE,
}
Use = Callable[[Approval], None]
# What takes effect with the last word, in its transaction. What it will change is held first:
# everybody else locks that before the audit log, and the other way round two would wait for ever.
HELD: dict[str, Callable[[Approval], None]] = {
    ApprovalKind.GO_LIVE: hold_bot,
    ApprovalKind.RESUME: hold_system,
    ApprovalKind.LIMITS: hold_limits,
}
AT_ONCE: dict[str, Callable[[Approval, User, datetime], None]] = {
    ApprovalKind.RESUME: resume_agreed,
    ApprovalKind.LIMITS: limits_agreed,
}


def approve(
    *,
    approval_id: int,
    digest: str,
    by: User,
    via: str,
    now: datetime,
    reason: str = "",
    use: Use | None = None,
) -> Approval:
    """One person agrees to what `digest` names; with enough people it is approved.

    `use` is called in that transaction, for what takes effect at once. Refuses
    ApproverNotAllowed, OwnApproval, StepUpRequired, SecondFactorNeeded, ApprovalExpired,
    ApprovalNotOpen, ApprovalChanged, EvidenceStale, EvidenceRed, AlreadyDecided.
    """
    row = _decidable(approval_id, by, now)
    _check_proof(row, by, via, now)
    check_bound(row, digest, now=now)
    _check_override(row, reason)
    with transaction.atomic():
        row = queries.approval(approval_id, lock=True)
        if row.kind in HELD:
            HELD[row.kind](row)
        _say(row, Verdict.APPROVE, digest, by, via, now, reason)
        agreed = row.decisions.filter(verdict=Verdict.APPROVE).values("by").distinct().count()
        if agreed < row.approvers:
            tell("agreed", row, by, now, reason=reason, more={"missing": row.approvers - agreed})
            return row
        _approved(row, by, now, reason)
        if row.kind in AT_ONCE:
            AT_ONCE[row.kind](row, by, now)
        if use is not None:
            use(row)
    return queries.approval(approval_id)


def reject(
    *, approval_id: int, digest: str, reason: str, by: User, via: str, now: datetime
) -> Approval:
    """One person is enough to say no, with a reason; stale evidence doesn't hinder it.

    Refuses ApproverNotAllowed, OwnApproval, ApprovalInvalid, ApprovalExpired, ApprovalNotOpen,
    ApprovalChanged, AlreadyDecided.
    """
    if len(reason.strip()) < 3:
        raise ApprovalInvalid("Say why.", fields={"reason": ["Say why, in 3 to 300 characters."]})
    row = _decidable(approval_id, by, now)
    check_digest(row, digest)
    with transaction.atomic():
        row = queries.approval(approval_id, lock=True)
        _say(row, Verdict.REJECT, digest, by, via, now, reason)
        ended = {"ended_at": now, "ended_by": by, "ended_reason": reason.strip()[:300]}
        if not _pending(row, now).update(state=State.REJECTED, **ended):
            raise ApprovalNotOpen("It is not open any more.")
        if row.suggestion_id is not None:
            follow_decision(suggestion_id=row.suggestion_id, state=State.REJECTED, now=now)
        tell("rejected", row, by, now, reason=reason)
    return queries.approval(approval_id)


def comment(*, approval_id: int, text: str, by: User, via: str, now: datetime) -> ApprovalDecision:
    """Something to read for those who decide. Refuses ApprovalInvalid, ApprovalNotOpen."""
    if not 1 <= len(text.strip()) <= 300:
        raise ApprovalInvalid("1 to 300 characters.", fields={"reason": ["1 to 300 characters."]})
    with transaction.atomic():
        row = queries.approval(approval_id, lock=True)
        if not row.is_open:
            raise ApprovalNotOpen(f"It is {row.get_state_display().lower()}.")
        said = _write(row, Verdict.COMMENT, row.digest, by, via, now, text, None)
        tell("commented", row, by, now, reason=text)
    return said


def _decidable(approval_id: int, by: User, now: datetime) -> Approval:
    """The request, if this person may decide on it now."""
    row = queries.approval(approval_id)
    check_person(by, NEEDED[ApprovalKind(row.kind)])
    if row.state != PENDING:
        raise ApprovalNotOpen(f"It is {row.get_state_display().lower()} already.")
    if row.is_over(now):
        check_approvals(now=now)
        raise ApprovalExpired("Its time is over: nobody decided.")
    if row.requested_by_id == by.pk:
        _waiver_for(row, now)
    return row


def _check_proof(row: Approval, by: User, via: str, now: datetime) -> None:
    """What the request's policy asks of who decides; real money may ask for a second factor."""
    if row.kind != ApprovalKind.ACTIVATION:
        check_has_second_factor(by, where=FOR_MONEY)
    if row.step_up:
        check_confirmed(user=by, via=via, now=now)


def _waiver_for(row: Approval, now: datetime) -> Waiver:
    waiver = queries.standing_waiver(now) if row.kind == ApprovalKind.ACTIVATION else None
    if waiver is None:
        raise OwnApproval("You asked for it: somebody else must decide.")
    return waiver


def _check_override(row: Approval, reason: str) -> None:
    if row.override_reason and len(reason.strip()) < 3:
        words = "The verdict is red: say why you agree."
        raise ApprovalInvalid(words, fields={"reason": [words]})
    unsupported = row.suggestion.unsupported if row.suggestion else 0
    if unsupported and len(reason.strip()) < 3:
        words = f"Nothing stored supports {unsupported} of its numbers: say why you agree."
        raise ApprovalInvalid(words, fields={"reason": [words]})


def _say(
    row: Approval, verdict: str, digest: str, by: User, via: str, now: datetime, reason: str
) -> None:
    """Under the request's lock, so it is looked at once more."""
    if row.state != PENDING:
        raise ApprovalNotOpen(f"It is {row.get_state_display().lower()} already.")
    if row.due_at <= now:
        raise ApprovalExpired("Its time is over: nobody decided.")
    waiver = _waiver_for(row, now) if row.requested_by_id == by.pk else None
    said = row.decisions.exclude(verdict=Verdict.COMMENT).filter(by=by)
    if said.exists():
        raise AlreadyDecided("You said so already: a second person must be somebody else.")
    _write(row, verdict, digest, by, via, now, reason, waiver)


def _write(
    row: Approval,
    verdict: str,
    digest: str,
    by: User,
    via: str,
    now: datetime,
    reason: str,
    waiver: Waiver | None,
) -> ApprovalDecision:
    try:
        with transaction.atomic():
            return ApprovalDecision.objects.create(
                approval=row,
                verdict=verdict,
                by=by,
                proposer_id=row.requested_by_id,
                waiver=waiver,
                digest=digest,
                reason=reason.strip()[:300],
                via=via,
                at=now,
            )
    except IntegrityError as error:
        raise AlreadyDecided("The database refused it: decided already, or your own.") from error


def _approved(row: Approval, by: User, now: datetime, reason: str) -> None:
    """Its life begins anew: as long as people had to decide, there is to use it."""
    life = row.expires_at - row.requested_at
    done = _pending(row, now).update(state=State.APPROVED, due_at=now + _use_within(life))
    if not done:
        raise ApprovalNotOpen("It is not open any more.")
    row.refresh_from_db()
    if row.kind == ApprovalKind.ACTIVATION and row.version_id is not None:
        approve_version(version_id=row.version_id, by=by, now=now, approval_id=row.pk)
    if row.suggestion_id is not None:
        follow_decision(suggestion_id=row.suggestion_id, state=State.APPROVED, now=now)
    waived = row.decisions.filter(waiver__isnull=False).exists()
    tell("approved", row, by, now, reason=reason, more={"waiver": waived})


def _use_within(life: timedelta) -> timedelta:
    return min(life, timedelta(hours=24))


def _pending(row: Approval, now: datetime) -> QuerySet[Approval]:
    return Approval.objects.filter(pk=row.pk, state=PENDING, due_at__gt=now)
