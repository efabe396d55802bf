"""Every setting that an environment may give, typed and with its default.

Order of precedence: environment variable, `.env` file, file of that name under
APP_SECRETS_DIR, default. A wrong value stops the start with one sentence per field.
"""

from __future__ import annotations

import ipaddress
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent

CommaList = Annotated[tuple[str, ...], NoDecode]
Weights = Annotated[dict[str, float], NoDecode]  # "momentum:1,vwap:0.5"


def _networks(value: object) -> object:
    """ "10.0.0.0/8, fd00::/8" as networks."""
    return (
        tuple(ipaddress.ip_network(part.strip()) for part in value.split(",") if part.strip())
        if isinstance(value, str)
        else value
    )


Networks = Annotated[
    tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...],
    NoDecode,
    BeforeValidator(_networks),
]


class Env(BaseSettings):
    """The environment contract; `.env.example` lists each field once (a test compares them)."""

    model_config = SettingsConfigDict(
        env_file=BASE_DIR / ".env",
        secrets_dir=os.environ.get("APP_SECRETS_DIR") or None,
        extra="ignore",
        case_sensitive=False,
        env_ignore_empty=True,
    )

    # Profile
    app_env: Literal["dev", "staging", "prod"] = "dev"
    debug: bool = False
    app_secrets_dir: Path | None = None
    state_dir: Path = BASE_DIR / "var"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    # Web
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    allowed_hosts: CommaList = ("localhost", "127.0.0.1", "[::1]")
    trusted_origins: CommaList = ()
    secret_key: str = ""
    https: bool = False
    metrics_token: str = ""
    web_processes: int = Field(default=1, ge=1, le=64)

    # Stores
    database_url: str = ""
    redis_url: str = ""
    pg_pool: bool = False
    timescale: bool = False

    # People of the first start
    auth_admin_password: str = ""
    auth_operator_password: str = ""
    auth_viewer_password: str = ""

    # Second factor: who may do without one. Sessions: 0 lets an unused one stay
    auth_second_factor: Literal["optional", "live", "required"] = "optional"
    session_idle_minutes: int = Field(default=30, ge=0, le=720)

    # Audit
    audit_key: str = ""

    # Market data
    exchanges: CommaList = ("simulated",)
    symbols: CommaList = ("BTC/USDT", "ETH/USDT")
    ticker_interval_s: float = Field(default=0.5, gt=0, le=60)
    ticker_stale_s: float = Field(default=15, gt=0)
    binance_market_data_base_url: str = ""
    bybit_market_data_base_url: str = ""
    binance_base_url: str = ""
    bybit_base_url: str = ""
    binance_stream_base_url: str = ""
    bybit_stream_base_url: str = ""
    market_streams: bool = True
    binance_market_stream_base_url: str = ""
    bybit_market_stream_base_url: str = ""
    exchange_timeout_s: float = Field(default=10, gt=0, le=120)
    simulated_seed: int = 20260101

    # Trading
    trading_active_strategy: str = "trend_ema"
    trading_require_data_ready: bool = True
    trading_spot_position_mode: Literal["long_flat", "rebalance"] = "long_flat"
    trading_paper_starting_equity: Decimal = Field(default=Decimal(10000), gt=0)
    bot_loop_interval_seconds: float = Field(default=5, gt=0, le=3600)
    seed_demo: bool = True

    # Live trading: what a bot must show before it may spend real money
    trading_live_mode: bool = Field(
        default=False, validation_alias=AliasChoices("trading_live_mode", "live_trading")
    )
    live_paper_days: int = Field(default=14, ge=0)
    live_paper_trades: int = Field(default=20, ge=0)
    live_evidence_days: int = Field(default=30, ge=1)
    live_grant_max_hours: int = Field(default=168, ge=1, le=8760)
    live_confirm_minutes: int = Field(default=5, ge=1, le=5)
    rate_budget_share: float = Field(default=0.9, ge=0.1, le=1)
    private_streams: bool = True

    # Risk limits a new bot starts with; fractions of equity unless said otherwise
    risk_max_exposure: Decimal = Field(default=Decimal("0.95"), gt=0, le=1)
    risk_max_position: Decimal = Field(default=Decimal("0.95"), gt=0, le=1)
    risk_max_daily_loss: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)
    risk_max_drawdown: Decimal = Field(default=Decimal("0.30"), gt=0, le=1)
    risk_max_price_age_s: float = Field(default=30, gt=0)
    risk_cooldown_candles: int = Field(default=0, ge=0, le=1000)

    # Paper broker
    paper_fee_maker_bps: Decimal = Field(default=Decimal(10), ge=0, le=1000)
    paper_fee_taker_bps: Decimal = Field(default=Decimal(10), ge=0, le=1000)
    paper_half_spread_bps: Decimal = Field(default=Decimal(1), ge=0, le=1000)
    paper_slippage_bps: Decimal = Field(default=Decimal(2), ge=0, le=1000)
    paper_volume_cap: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)

    # Evidence: what a simulation must show; see docs/reference/evidence.md
    evidence_min_trades: int = Field(default=30, ge=0)
    evidence_few_trades: int = Field(default=5, ge=0)
    evidence_sharpe_kept: float = Field(default=0.5, ge=0, le=1)
    evidence_dsr_green: float = Field(default=0.95, ge=0, le=1)
    evidence_dsr_amber: float = Field(default=0.80, ge=0, le=1)
    evidence_pbo_green: float = Field(default=0.2, ge=0, le=1)
    evidence_pbo_amber: float = Field(default=0.5, ge=0, le=1)
    evidence_pbo_loss: float = Field(default=0.2, ge=0, le=1)
    evidence_folds_beaten: float = Field(default=0.6, ge=0, le=1)
    evidence_drawdown_worse: float = Field(default=0.2, ge=0)
    evidence_drawdown_floor: float = Field(default=0.05, ge=0, le=1)
    evidence_edge_lost: float = Field(default=0.3, ge=0)

    # Drift: a gap beyond this part of the cash is audited
    drift_alarm_bps: Decimal = Field(default=Decimal(50), gt=0, le=10_000)

    # Notifications: see docs/operating/notifications.md
    alert_webhook_url: str = ""
    slack_analysis_only: bool = False
    alert_verbose: bool = False
    telegram_bot_token: str = ""
    telegram_chat_id: str = ""
    notify_private_networks: Networks = ()
    notify_repeat_s: int = Field(default=300, ge=0, le=86_400)
    notify_stale_s: float = Field(default=60, ge=1, le=86_400)
    notify_keep_days: int = Field(default=30, ge=1, le=3650)
    console_url: str = Field(default="", pattern=r"^(https?://[^\s/?#@]+)?$")
    notify_contact: str = Field(default="", pattern=r"^(mailto:\S+@\S+|https://\S+)?$")
    heartbeat_url: str = Field(default="", pattern=r"^(https?://\S+)?$")

    # Language model: see docs/operating/advisor.md. It only suggests
    llm_enabled: bool = Field(
        default=False, validation_alias=AliasChoices("llm_enabled", "llm_enable")
    )
    llm_provider: Literal["openai", "anthropic", "gemini", "openrouter", "ollama"] = "openai"
    llm_model: str = Field(default="", validation_alias=AliasChoices("llm_model", "openai_model"))
    llm_api_key: str = Field(
        default="", repr=False, validation_alias=AliasChoices("llm_api_key", "openai_api_key")
    )
    llm_base_url: str = Field(default="", pattern=r"^(https?://[^\s/?#@]+(/[^\s?#@]*)?)?$")
    llm_private_networks: Networks = ()
    llm_price_in: Decimal | None = Field(default=None, ge=0)
    llm_price_out: Decimal | None = Field(default=None, ge=0)
    llm_monthly_budget: Decimal = Field(default=Decimal(20), ge=0)
    llm_call_budget: Decimal = Field(default=Decimal("0.50"), ge=0)
    llm_timeout_s: float = Field(default=60, ge=1, le=60)
    llm_max_tokens: int = Field(default=4_000, ge=100, le=32_000)
    llm_temperature: float | None = Field(default=None, ge=0, le=2)
    llm_rounds: int = Field(default=3, ge=1, le=5)

    # Datasets: candles of simulations as files; 0 keeps none
    datasets_max_mb: int = Field(default=2_000, ge=0)

    # Features, agents and signals
    feature_bars: bool = True
    feature_new_trend: bool = True
    feature_reversal: bool = True
    feature_liquidity: bool = True
    findings_window_s: float = Field(default=300, ge=0, le=86_400)
    findings_buffer: int = Field(default=1000, ge=1, le=100_000)
    ts_interval: float = Field(default=15, ge=1, le=3600)
    ts_entry: float = Field(default=0.62, gt=0, lt=1)
    ts_exit: float = Field(default=0.45, gt=0, lt=1)
    ts_persist: int = Field(default=3, ge=1, le=1000)
    ts_weights: Weights = {"momentum": 1.0, "vwap": 0.5, "rvol": 0.3}
    ts_mtf_weights: Weights = {"1m": 0.2, "5m": 0.5, "15m": 0.3}
    macro_windows: CommaList = ()
    macro_window_minutes: float = Field(default=30, gt=0, le=1440)
    macro_rvol_min: float = Field(default=1.5, ge=0)
    macro_interval_sec: float = Field(default=60, ge=1, le=3600)
    macro_block_entries: bool = False
    llm_min_interval: float = Field(default=300, ge=1, le=86_400)
    llm_analyst_min_score: float = Field(default=3, ge=0)
    llm_alert_min_conf: float = Field(default=0.65, ge=0, le=1)
    signal_timeframes: CommaList = ("1m", "5m", "15m", "1h")
    signal_min_atr_bps: float = Field(default=0, ge=0)
    signal_max_atr_bps: float = Field(default=0, ge=0)
    signal_min_rvol: float = Field(default=0, ge=0)

    # Worker
    worker_concurrency: int = Field(default=2, ge=1, le=64)
    simulation_concurrency: int = Field(default=1, ge=1, le=64)

    @field_validator("ts_weights", "ts_mtf_weights", mode="before")
    @classmethod
    def _weigh(cls, value: object) -> object:
        if isinstance(value, str):
            pairs = (part.rpartition(":") for part in value.split(",") if part.strip())
            return {name.strip(): weight.strip() for name, _, weight in pairs}
        return value

    @field_validator(
        "allowed_hosts",
        "trusted_origins",
        "exchanges",
        "symbols",
        "macro_windows",
        "signal_timeframes",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value


def read() -> Env:
    """The environment, or SystemExit with one line per wrong setting."""
    try:
        return Env()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        ]
        raise SystemExit("Wrong settings in the environment:\n" + "\n".join(lines)) from None
