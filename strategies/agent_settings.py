"""What the settings say of each agent: its switch, its interval, its parameters' defaults."""

from __future__ import annotations

from typing import Any

from config.env import Env
from strategies.agents import AGENTS, Agent


def is_switched_on(agent: Agent[Any], env: Env) -> bool:
    """Whether its FEATURE_ setting lets it run at all."""
    return not agent.switch or bool(getattr(env, agent.switch))


def default_interval_s(name: str, env: Env) -> float:
    """Seconds between two looks, unless a person set others."""
    given = {
        "trend_score": env.ts_interval,
        "macro_watcher": env.macro_interval_sec,
        "llm_analyst": env.llm_min_interval,
    }
    return float(given.get(name, AGENTS[name].interval_s))


def default_params(name: str, env: Env) -> dict[str, Any]:
    """Parameters that settings give; an agent's own defaults stand for the rest."""
    given: dict[str, dict[str, Any]] = {
        "trend_score": {
            "entry": env.ts_entry,
            "leave": env.ts_exit,
            "persist": env.ts_persist,
            "weights": env.ts_weights,
            "mtf_weights": env.ts_mtf_weights,
        },
        "macro_watcher": {
            "windows": list(env.macro_windows),
            "minutes": env.macro_window_minutes,
            "least": env.macro_rvol_min,
        },
        "llm_analyst": {
            "min_score": env.llm_analyst_min_score,
            "min_conf": env.llm_alert_min_conf,
        },
    }
    return given.get(name, {})


def window_s(agent: Agent[Any], env: Env) -> float:
    """How long the same finding of it is counted instead of stored."""
    return env.findings_window_s if agent.window_s is None else agent.window_s
