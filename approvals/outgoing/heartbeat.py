"""The sign of life to a watcher outside, which raises the alarm when it stops coming."""

from __future__ import annotations

from approvals.outcomes import Attempted, Outcome, of_status

TIMEOUTS_S = (5.0, 8.0)  # connecting, reading


def ping(url: str) -> Attempted:
    """GET the operator's own address. It comes from the environment, so it may be private."""
    import requests

    try:
        with requests.get(url, timeout=TIMEOUTS_S, allow_redirects=False, stream=True) as answer:
            status = answer.status_code
    except requests.RequestException:
        return Attempted(Outcome.UNREACHABLE, detail="No connection, or no answer in time.")
    outcome = of_status(status)
    said = "" if outcome is Outcome.SENT else f"The answer was HTTP {status}."
    return Attempted(outcome, status, said)
