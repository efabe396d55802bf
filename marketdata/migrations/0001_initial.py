import config.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Symbol",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("exchange", models.CharField(max_length=20)),
                ("name", models.CharField(max_length=40)),
                ("base", models.CharField(max_length=20)),
                ("quote", models.CharField(max_length=20)),
                (
                    "status",
                    models.CharField(
                        choices=[("TRADING", "Trading"), ("HALTED", "Halted")],
                        default="TRADING",
                        max_length=10,
                    ),
                ),
                ("price_tick", config.fields.ExactDecimalField(decimal_places=18, max_digits=38)),
                ("qty_step", config.fields.ExactDecimalField(decimal_places=18, max_digits=38)),
                (
                    "min_qty",
                    config.fields.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                (
                    "min_notional",
                    config.fields.ExactDecimalField(decimal_places=18, default=0, max_digits=38),
                ),
                ("days_per_year", models.PositiveSmallIntegerField(default=365)),
                ("watched", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["exchange", "name"],
                "permissions": [("operate_marketdata", "Backfill, import, draw annotations")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("exchange", "name"), name="symbol_once_per_exchange"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Candle",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "symbol_id",
                        "timeframe",
                        "open_ms",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "symbol",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="candles",
                        to="marketdata.symbol",
                    ),
                ),
                (
                    "timeframe",
                    models.CharField(
                        choices=[
                            ("1m", "1m"),
                            ("5m", "5m"),
                            ("15m", "15m"),
                            ("1h", "1h"),
                            ("4h", "4h"),
                            ("1d", "1d"),
                        ],
                        max_length=3,
                    ),
                ),
                ("open_ms", models.BigIntegerField()),
                ("open", models.FloatField()),
                ("high", models.FloatField()),
                ("low", models.FloatField()),
                ("close", models.FloatField()),
                ("volume", models.FloatField()),
            ],
        ),
        migrations.CreateModel(
            name="Ticker",
            fields=[
                (
                    "symbol",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="ticker",
                        serialize=False,
                        to="marketdata.symbol",
                    ),
                ),
                ("last", models.FloatField()),
                ("bid", models.FloatField(null=True)),
                ("ask", models.FloatField(null=True)),
                ("bid_qty", models.FloatField(null=True)),
                ("ask_qty", models.FloatField(null=True)),
                ("change_24h", models.FloatField(null=True)),
                ("volume_24h", models.FloatField(null=True)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="IndicatorSpec",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="indicator_specs",
                        to="marketdata.symbol",
                    ),
                ),
                (
                    "timeframe",
                    models.CharField(
                        choices=[
                            ("1m", "1m"),
                            ("5m", "5m"),
                            ("15m", "15m"),
                            ("1h", "1h"),
                            ("4h", "4h"),
                            ("1d", "1d"),
                        ],
                        max_length=3,
                    ),
                ),
                ("name", models.CharField(max_length=20)),
                ("params", models.JSONField(default=dict)),
                ("params_hash", models.CharField(max_length=16)),
                ("stale_from_ms", models.BigIntegerField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("symbol", "timeframe", "name", "params_hash"),
                        name="indicator_spec_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IndicatorValue",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "spec_id",
                        "line",
                        "open_ms",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("line", models.CharField(max_length=12)),
                ("open_ms", models.BigIntegerField()),
                ("value", models.FloatField()),
                (
                    "spec",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="values",
                        to="marketdata.indicatorspec",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="FeedGap",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="gaps",
                        to="marketdata.symbol",
                    ),
                ),
                (
                    "timeframe",
                    models.CharField(
                        choices=[
                            ("1m", "1m"),
                            ("5m", "5m"),
                            ("15m", "15m"),
                            ("1h", "1h"),
                            ("4h", "4h"),
                            ("1d", "1d"),
                        ],
                        max_length=3,
                    ),
                ),
                ("from_ms", models.BigIntegerField()),
                ("to_ms", models.BigIntegerField()),
                (
                    "status",
                    models.CharField(
                        choices=[("OPEN", "Open"), ("FILLED", "Filled"), ("ABSENT", "Absent")],
                        default="OPEN",
                        max_length=8,
                    ),
                ),
                ("found_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("symbol", "timeframe", "from_ms"), name="gap_once_per_start"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Backfill",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="backfills",
                        to="marketdata.symbol",
                    ),
                ),
                (
                    "timeframe",
                    models.CharField(
                        choices=[
                            ("1m", "1m"),
                            ("5m", "5m"),
                            ("15m", "15m"),
                            ("1h", "1h"),
                            ("4h", "4h"),
                            ("1d", "1d"),
                        ],
                        max_length=3,
                    ),
                ),
                ("from_ms", models.BigIntegerField()),
                ("to_ms", models.BigIntegerField()),
                ("cursor_ms", models.BigIntegerField()),
                ("done", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("symbol", "timeframe", "from_ms", "to_ms"), name="backfill_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Annotation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "symbol",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="annotations",
                        to="marketdata.symbol",
                    ),
                ),
                (
                    "shape_type",
                    models.CharField(
                        choices=[("line", "Line"), ("rectangle", "Rectangle"), ("text", "Text")],
                        max_length=10,
                    ),
                ),
                ("points", models.JSONField()),
                ("style", models.JSONField(default=dict)),
                ("label", models.CharField(blank=True, max_length=120)),
                ("created_at", models.DateTimeField()),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="DeadLetter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=32, unique=True)),
                ("source", models.CharField(max_length=80)),
                ("payload", models.JSONField()),
                ("reason", models.CharField(max_length=200)),
                (
                    "status",
                    models.CharField(
                        choices=[("OPEN", "Open"), ("RETRIED", "Retried")],
                        default="OPEN",
                        max_length=8,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["status", "-at"], name="dead_letter_open")],
            },
        ),
        migrations.CreateModel(
            name="Circuit",
            fields=[
                ("exchange", models.CharField(max_length=20, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("CLOSED", "Closed"),
                            ("OPEN", "Open"),
                            ("HALF_OPEN", "Half Open"),
                        ],
                        default="CLOSED",
                        max_length=10,
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=200)),
                ("retry_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="FeedLease",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("holder", models.CharField(max_length=80)),
                ("expires_at", models.DateTimeField()),
            ],
        ),
    ]
