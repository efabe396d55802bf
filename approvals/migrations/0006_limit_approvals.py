from django.conf import settings
from django.db import migrations, models

KINDS = [
    ("ACTIVATION", "Activation of a version"),
    ("GO_LIVE", "Real money for a bot"),
    ("RESUME", "Leaving an emergency stop"),
    ("LIMITS", "Looser limits of real money"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("approvals", "0005_resume_approvals"),
        ("trading", "0011_limits_need"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="approvalpolicy",
            name="policy_one_or_two_approvers",
        ),
        migrations.AlterField(
            model_name="approval",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=10),
        ),
        migrations.AlterField(
            model_name="approvalpolicy",
            name="kind",
            field=models.CharField(choices=KINDS, max_length=10, unique=True),
        ),
        migrations.AddConstraint(
            model_name="approval",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "LIMITS"), _negated=True),
                    models.Q(
                        ("on_expiry", "NOTHING"),
                        ("requested_by__isnull", False),
                        ("step_up", True),
                    ),
                    _connector="OR",
                ),
                name="limits_asked_by_a_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="approvalpolicy",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approvers__lte", 2),
                    models.Q(
                        ("approvers__gte", 1),
                        ("kind__in", ("RESUME", "LIMITS")),
                        _connector="OR",
                    ),
                ),
                name="policy_one_or_two_approvers",
            ),
        ),
    ]
