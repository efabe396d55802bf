"""Every metric: its name, title, unit and formula. docs/reference/metrics.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass

FRACTION, YEARLY, RATIO, MONEY, SECONDS, COUNT = (
    "fraction",
    "fraction a year",
    "1",
    "quote",
    "s",
    "count",
)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a number means; r are daily returns, E the equity marked to market."""

    name: str
    title: str
    unit: str
    formula: str
    group: str


def _group(group: str, *rows: tuple[str, str, str, str]) -> list[Definition]:
    return [Definition(name, title, unit, formula, group) for name, title, unit, formula in rows]


_ALL = [
    *_group(
        "Return",
        ("total_return", "Total return", FRACTION, "E_last / E_first - 1"),
        ("annual_return", "Annual return", YEARLY, "mean(r) x days a year"),
        ("cagr", "Growth rate (CAGR)", YEARLY, "(product(1 + r)) ^ (days a year / n) - 1"),
        ("twr", "Time-weighted return", FRACTION, "product over cash flows of E_before / E_after"),
        ("mwr", "Money-weighted return", YEARLY, "rate at which all cash flows are worth E_last"),
        ("benchmark_return", "Buy and hold", FRACTION, "the benchmark's total return"),
        ("alpha", "Alpha", YEARLY, "(1 + mean(r) - beta x mean(b)) ^ days a year - 1"),
        ("beta", "Beta", RATIO, "covariance(r, b) / variance(b), b of buy and hold"),
    ),
    *_group(
        "Risk",
        ("volatility", "Volatility", YEARLY, "deviation(r), ddof 1, x sqrt(days a year)"),
        ("sharpe", "Sharpe ratio", RATIO, "mean(r) / deviation(r), ddof 1, x sqrt(days a year)"),
        ("sortino", "Sortino ratio", RATIO, "mean(r) / sqrt(mean(min(r, 0)^2)) x sqrt(days)"),
        ("calmar", "Calmar ratio", RATIO, "growth rate / maximum drawdown"),
        ("omega", "Omega ratio", RATIO, "sum of gains / sum of losses of r, threshold 0"),
        ("max_drawdown", "Maximum drawdown", FRACTION, "max((peak - E) / peak), mark to market"),
        ("avg_drawdown", "Average drawdown", FRACTION, "mean depth of the falls from a peak"),
        ("longest_drawdown_s", "Longest drawdown", SECONDS, "longest time between two peaks"),
        ("avg_drawdown_s", "Average time below a peak", SECONDS, "mean time between two peaks"),
        (
            "closed_drawdown",
            "Drawdown of closed trades",
            FRACTION,
            "of starting equity + closed pnl only: smaller than what was lived through",
        ),
        ("ulcer", "Ulcer index", FRACTION, "sqrt(mean(drawdown^2)) of daily closes"),
        ("recovery", "Recovery factor", RATIO, "total return / maximum drawdown"),
        ("var_95", "Value at risk", FRACTION, "5 % quantile of r"),
        ("cvar_95", "Expected shortfall", FRACTION, "mean of the worst 5 % of r"),
        ("skew", "Skew", RATIO, "third standardised moment of r, biased"),
        ("kurtosis", "Kurtosis", RATIO, "fourth standardised moment of r, biased; normal is 3"),
        ("tail_ratio", "Tail ratio", RATIO, "|95 % quantile| / |5 % quantile| of r"),
        ("win_days", "Winning days", FRACTION, "days with r > 0 / days with r other than 0"),
    ),
    *_group(
        "Trading",
        ("exposure", "Exposure", FRACTION, "mean(value of positions / E)"),
        ("turnover", "Turnover", "1 a year", "traded notional / mean(E) / years"),
        ("fees", "Fees", MONEY, "sum over closed trades"),
        ("slippage", "Slippage", MONEY, "sum of |price - reference| x quantity"),
        ("trades", "Trades", COUNT, "closed round trips"),
        ("win_rate", "Win rate", FRACTION, "winning / closed trades"),
        ("profit_factor", "Profit factor", RATIO, "sum of wins / sum of losses"),
        ("payoff", "Payoff ratio", RATIO, "mean win / mean loss"),
        ("expectancy", "Expectancy", "quote a trade", "mean pnl after fees"),
        ("sqn", "System quality number", RATIO, "sqrt(n) x mean(pnl) / deviation(pnl), ddof 1"),
        ("best_trade", "Best trade", MONEY, "largest pnl after fees"),
        ("worst_trade", "Worst trade", MONEY, "smallest pnl after fees"),
        ("holding_s", "Average holding", SECONDS, "mean(closed - opened)"),
        ("longest_holding_s", "Longest holding", SECONDS, "max(closed - opened)"),
        ("win_streak", "Longest winning streak", COUNT, "consecutive trades with pnl > 0"),
        ("loss_streak", "Longest losing streak", COUNT, "consecutive trades with pnl < 0"),
        (
            "composite",
            "Composite score",
            "0 to 100",
            "30 clip(sharpe / 3) + 25 clip(1 - max_drawdown / 0.5) + 20 clip((profit_factor - 1)"
            " / 2) + 15 clip(cagr) + 10 win_rate; clip to 0..1",
        ),
    ),
]
DEFINITIONS = {definition.name: definition for definition in _ALL}

# A search may ask for the most of these; of the rest neither more nor less is better in itself.
HIGHER_IS_BETTER = frozenset(
    {
        "total_return",
        "annual_return",
        "cagr",
        "twr",
        "mwr",
        "alpha",
        "sharpe",
        "sortino",
        "calmar",
        "omega",
        "recovery",
        "var_95",
        "cvar_95",
        "tail_ratio",
        "win_days",
        "win_rate",
        "profit_factor",
        "payoff",
        "expectancy",
        "sqn",
        "worst_trade",
        "composite",
    }
)
LOWER_IS_BETTER = frozenset(
    {
        "volatility",
        "max_drawdown",
        "avg_drawdown",
        "longest_drawdown_s",
        "avg_drawdown_s",
        "closed_drawdown",
        "ulcer",
        "fees",
        "slippage",
        "loss_streak",
    }
)
