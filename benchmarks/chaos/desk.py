"""The console's API, as a program of a person calls it. An answer that never came is None."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.chaos.stack import PASSWORDS

TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body; `code` is the console's own word for a refusal."""

    status: int
    body: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The rule that denied it, or the error's code, or the status."""
        said = self.body.get("error", self.body) if isinstance(self.body, dict) else {}
        fields = said.get("fields") or {}
        return str(fields.get("denial") or said.get("code") or self.status)


class Desk:
    """Calls of people with tokens; any thread may call. Live orders are for administrators."""

    def __init__(self, port: int, tokens: dict[str, dict[str, Any]]) -> None:
        self._port = port
        self._secrets = {who: token["secret"] for who, token in tokens.items()}

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str = "",
        who: str = "admin",
    ) -> Answer | None:
        """One request; None when the connection broke or nothing came in time."""
        headers = {
            "Authorization": f"Bearer {self._secrets[who]}",
            "Content-Type": "application/json",
            **({"Idempotency-Key": key} if key else {}),
        }
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        try:
            sent = None if body is None else orjson.dumps(body)
            connection.request(method, f"/api/v1/{path}", sent, headers)
            answer = connection.getresponse()
            return Answer(answer.status, _read(answer.read()))
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def confirm(self, who: str = "admin") -> bool:
        """Give the password again, which counts for minutes."""
        answer = self.ask("POST", "auth/confirm", {"password": PASSWORDS[who]}, who=who)
        return answer is not None and answer.ok


def _read(body: bytes) -> Any:
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return None
