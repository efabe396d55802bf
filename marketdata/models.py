"""Nouns of market data. Rows in bulk go through `marketdata.store`, not through these classes."""

from __future__ import annotations

from django.db import models

from config.fields import ExactDecimalField
from marketdata.timeframes import Timeframe

TIMEFRAMES = [(timeframe.value, timeframe.value) for timeframe in Timeframe]


class Symbol(models.Model):
    """One tradable pair on one exchange, with precision and minimums."""

    class Status(models.TextChoices):
        TRADING = "TRADING"
        HALTED = "HALTED"

    class Stops(models.TextChoices):
        """What a stop order of this symbol becomes at its exchange when it is triggered."""

        UNKNOWN = "", "not known"
        MARKET = "MARKET", "sold at the market"
        LIMIT = "LIMIT", "a limit order"
        NONE = "NONE", "not taken"

    exchange = models.CharField(max_length=20)
    name = models.CharField(max_length=40)  # "BTC/USDT"
    base = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    status = models.CharField(max_length=10, choices=Status, default=Status.TRADING)
    price_tick = ExactDecimalField()
    qty_step = ExactDecimalField()
    min_qty = ExactDecimalField(default=0)
    min_notional = ExactDecimalField(default=0)
    stops = models.CharField(max_length=6, choices=Stops, default=Stops.UNKNOWN, blank=True)
    days_per_year = models.PositiveSmallIntegerField(default=365)  # 365: open 24/7
    watched = models.BooleanField(default=False)  # the feed follows it
    updated_at = models.DateTimeField()

    class Meta:
        ordering = ["exchange", "name"]
        constraints = [
            models.UniqueConstraint(fields=["exchange", "name"], name="symbol_once_per_exchange"),
        ]
        permissions = [("operate_marketdata", "Backfill, import, draw annotations")]

    def __str__(self) -> str:
        return f"{self.exchange}:{self.name}"


class Candle(models.Model):
    """A stored, closed OHLCV row. `open_ms` is the open time in ms since the epoch, UTC.

    The key holds the time column, so that the table can be a hypertable.
    """

    pk = models.CompositePrimaryKey("symbol_id", "timeframe", "open_ms")
    # The key's prefix already is the index; a second one would double the cost of each insert.
    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="candles", db_index=False)
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    open_ms = models.BigIntegerField()
    open = models.FloatField()
    high = models.FloatField()
    low = models.FloatField()
    close = models.FloatField()
    volume = models.FloatField()  # base asset

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.timeframe} {self.open_ms}"


class CandleRevision(models.Model):
    """Changes with every write to a candle of one block of a series: see `candle_triggers`.

    No foreign key: it outlives its symbol, so that a removal can be marked like any other write.
    """

    pk = models.CompositePrimaryKey("symbol_id", "timeframe", "block")
    symbol_id = models.BigIntegerField()
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    block = models.BigIntegerField()  # open_ms / BLOCK_MS, towards zero
    revision = models.CharField(max_length=36)

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.timeframe} {self.block}"


class Ticker(models.Model):
    """The newest quote of a symbol as last stored; the live one is on the bus."""

    symbol = models.OneToOneField(Symbol, models.CASCADE, primary_key=True, related_name="ticker")
    last = models.FloatField()
    bid = models.FloatField(null=True)
    ask = models.FloatField(null=True)
    bid_qty = models.FloatField(null=True)
    ask_qty = models.FloatField(null=True)
    change_24h = models.FloatField(null=True)  # fraction: 0.01 is one per cent
    volume_24h = models.FloatField(null=True)  # base asset
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.last}"


class IndicatorSpec(models.Model):
    """An indicator that is kept up to date for one symbol and timeframe."""

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="indicator_specs")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    name = models.CharField(max_length=20)
    params = models.JSONField(default=dict)
    params_hash = models.CharField(max_length=16)
    stale_from_ms = models.BigIntegerField(null=True)  # values from there on are to be computed

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["symbol", "timeframe", "name", "params_hash"], name="indicator_spec_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.params}"


class IndicatorValue(models.Model):
    """One number of one indicator line at one candle; no row before the first defined bar.

    An indicator with several lines (MACD, Bollinger) has one row per line. Symbol, timeframe,
    name and parameter hash are the spec's: kept once, not in each of millions of rows.
    """

    pk = models.CompositePrimaryKey("spec_id", "line", "open_ms")
    spec = models.ForeignKey(IndicatorSpec, models.CASCADE, related_name="values", db_index=False)
    line = models.CharField(max_length=12)  # "value", "signal", "upper" ...
    open_ms = models.BigIntegerField()
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.spec_id}.{self.line} {self.open_ms}"


class FeedGap(models.Model):
    """Candles that are missing: [from_ms, to_ms) by open time. Never filled silently."""

    class Status(models.TextChoices):
        OPEN = "OPEN"  # not asked for yet
        FILLED = "FILLED"
        ABSENT = "ABSENT"  # the exchange has none: a real hole

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="gaps")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["symbol", "timeframe", "from_ms"], name="gap_once_per_start"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.timeframe} {self.from_ms}-{self.to_ms}"


class FeedInterruption(models.Model):
    """A stretch of time in which an exchange's streams did not tell everything."""

    class Cause(models.TextChoices):
        DISCONNECTED = "DISCONNECTED", "the connection was lost"
        SILENT = "SILENT", "nothing was said any more"
        SEQUENCE = "SEQUENCE", "prints are missing among those that came"
        OVERFLOW = "OVERFLOW", "more came than could be taken in"
        REFUSED = "REFUSED", "the exchange refused a subscription"
        STOPPED = "STOPPED", "no feed was at work"

    class Outcome(models.TextChoices):
        OPEN = "OPEN", "not over yet"
        WHOLE = "WHOLE", "nothing was missed"
        FILLED = "FILLED", "every print was made up for"
        ANEW = "ANEW", "features began anew from candles"

    exchange = models.CharField(max_length=20)
    cause = models.CharField(max_length=12, choices=Cause)
    outcome = models.CharField(max_length=6, choices=Outcome, default=Outcome.OPEN)
    began_at = models.DateTimeField()  # the newest data before it
    ended_at = models.DateTimeField(null=True)  # the first data after it
    symbols = models.JSONField(default=list)  # names, as "BTC/USDT"
    prints_missed = models.PositiveIntegerField(null=True)  # null: not known
    prints_filled = models.PositiveIntegerField(default=0)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-began_at", "-pk"]
        indexes = [models.Index(fields=["exchange", "-began_at"], name="interruption_newest")]

    def __str__(self) -> str:
        return f"{self.exchange} {self.cause} {self.began_at:%Y-%m-%d %H:%M:%S}"

    @property
    def lasted_s(self) -> float | None:
        """Seconds; None while it lasts."""
        return (self.ended_at - self.began_at).total_seconds() if self.ended_at else None


class DeadLetter(models.Model):
    """What could not be stored, with the reason, kept until a person deals with it."""

    class Status(models.TextChoices):
        OPEN = "OPEN"
        RETRIED = "RETRIED"
        DROPPED = "DROPPED"  # a person said that nothing is lost with it

    kind = models.CharField(max_length=20)  # "candle", "ticker", "symbol"
    digest = models.CharField(max_length=32, unique=True)  # the same letter is kept once
    source = models.CharField(max_length=80)  # exchange or file
    payload = models.JSONField()
    reason = models.CharField(max_length=200)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["status", "-at"], name="dead_letter_open")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reason}"


class Circuit(models.Model):
    """The breaker of one exchange: open means it isn't asked until `retry_at`."""

    class State(models.TextChoices):
        CLOSED = "CLOSED"
        OPEN = "OPEN"
        HALF_OPEN = "HALF_OPEN"

    exchange = models.CharField(max_length=20, primary_key=True)
    state = models.CharField(max_length=10, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    retry_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.exchange} {self.state}"


class FeedLease(models.Model):
    """Which feed process is at work; a second one stands by until `expires_at` passes."""

    name = models.CharField(max_length=20, primary_key=True)
    holder = models.CharField(max_length=80)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.holder}"


class Backfill(models.Model):
    """How far the history of one symbol and timeframe was asked for; what makes it resumable."""

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="backfills")
    timeframe = models.CharField(max_length=3, choices=TIMEFRAMES)
    from_ms = models.BigIntegerField()
    to_ms = models.BigIntegerField()
    cursor_ms = models.BigIntegerField()  # everything before it was asked for
    done = models.BooleanField(default=False)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["symbol", "timeframe", "from_ms", "to_ms"], name="backfill_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol_id} {self.timeframe} {self.cursor_ms}/{self.to_ms}"


class Annotation(models.Model):
    """A drawing on a chart, kept in a form that any client can redraw."""

    class Shape(models.TextChoices):
        LINE = "line"
        RECTANGLE = "rectangle"
        TEXT = "text"

    symbol = models.ForeignKey(Symbol, models.CASCADE, related_name="annotations")
    shape_type = models.CharField(max_length=10, choices=Shape)
    points = models.JSONField()  # [{"time": ms, "price": float}, ...]
    style = models.JSONField(default=dict)
    label = models.CharField(max_length=120, blank=True)
    created_by = models.ForeignKey("auth.User", models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.shape_type} {self.label}"
