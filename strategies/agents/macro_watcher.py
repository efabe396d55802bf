"""Watches the minutes around scheduled news, in which prices jump for reasons of their own."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from strategies.agents.protocol import (
    Agent,
    AgentParams,
    Look,
    Note,
    NothingToDo,
    Seen,
    amount,
)
from strategies.macro import window_at, windows_of


class MacroWatcherParams(AgentParams):
    windows: list[str] = Field(
        [], title="Times", description="UTC: 13:30 each day, or CPI@2026-12-10T13:30."
    )
    minutes: float = amount(
        30, "Minutes", "Before and after each of them.", ge=1, le=1440, unit="minutes"
    )
    least: float = amount(
        1.5, "Least volume", "Volume of five minutes against the mean.", ge=0, le=100, unit="times"
    )

    @field_validator("windows")
    @classmethod
    def _readable(cls, windows: list[str]) -> list[str]:
        try:
            windows_of(windows)
        except ValueError as error:
            raise PydanticCustomError("window", "{why}", {"why": str(error)}) from None
        return windows


class MacroWatcher(Agent[MacroWatcherParams]):
    name = "macro_watcher"
    title = "Macro watcher"
    description = "Volume within the minutes around scheduled news."
    interval_s = 60.0
    window_s = 1800.0
    params_model = MacroWatcherParams

    def look(self, look: Look, params: MacroWatcherParams) -> Seen:
        if not params.windows:
            raise NothingToDo("no times are set (MACRO_WINDOWS)")
        window = window_at(look.now, windows_of(params.windows), params.minutes)
        if window is None:
            raise NothingToDo("outside of all windows")
        rvol = look.state.frames["5m"].rvol
        if rvol is None or rvol < params.least:
            return Seen()
        details = {
            "event": window.name,
            "event_at": window.at.isoformat(),
            "rvol": rvol,
            "price": look.state.last_price,
        }
        return Seen([Note("macro_window", rvol, details)])
