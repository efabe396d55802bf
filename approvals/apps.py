from django.apps import AppConfig

from approvals import approval_triggers, call_triggers


class ApprovalsConfig(AppConfig):
    name = "approvals"
    triggers = (
        call_triggers.TRIGGERS,
        approval_triggers.OF_APPROVALS,
        approval_triggers.OF_DECISIONS,
    )
