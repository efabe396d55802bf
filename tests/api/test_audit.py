"""The audit log over HTTP."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import httpx
import orjson

from config import clock
from tests.api.factories import Api
from tests.conftest import AsgiServer
from trading import services
from trading.models import AuditEvent


def record(action: str, *, subject: str = "test", **fields: object) -> AuditEvent:
    return services.record(
        action=action,
        subject=subject,
        by=None,
        now=clock.now(),
        **fields,  # type: ignore[arg-type]
    )


def test_events_filter_by_every_column_and_by_time(viewer: Api) -> None:
    record("test.first", subject="thing:1")
    record("test.second", subject="thing:2")

    def actions(**params: object) -> list[str]:
        return [row["action"] for row in viewer.get("audit", **params).json()["results"]]

    assert actions(action="test.first") == actions(subject="thing:1") == ["test.first"]
    assert actions(action="test.") == actions(actor="system", action="test.")
    assert actions(action="test.") == ["test.second", "test.first"]
    later = clock.to_ms(clock.now() + timedelta(minutes=1))
    assert actions(**{"from": later}) == []
    assert actions(correlation_id="none") == []


def test_a_request_is_found_by_its_correlation_id(operator: Api) -> None:
    operator.client.post("/api/v1/system/scheduler/stop", headers={"X-Correlation-ID": "ticket-42"})

    (row,) = operator.get("audit", correlation_id="ticket-42").json()["results"]

    assert (row["action"], row["actor"]) == ("system.scheduler_stopped", "operator")


def test_only_an_administrator_verifies(viewer: Api, admin: Api) -> None:
    body = admin.get("audit/verify").json()

    assert viewer.get("audit/verify").status_code == 403
    assert (body["ok"], body["problems"]) == (True, [])
    assert body["events"] == AuditEvent.objects.count()


def test_the_json_export_is_everything_oldest_first_and_is_audited(viewer: Api) -> None:
    record("test.first", after={"qty": "1.5"})

    answer = viewer.get("audit/export", format="json", action="test.first")

    (row,) = orjson.loads(answer.getvalue())
    exported = AuditEvent.objects.get(action="audit.exported")
    assert row["after"] == {"qty": "1.5"}
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.json"'
    assert exported.actor == "viewer"
    assert exported.after == {"format": "json", "action": "test.first"}


def test_the_csv_export_does_not_run_in_a_spreadsheet(viewer: Api) -> None:
    for evil in ("=1+1", "+1", "-1", "@x", "\t=1", "|x", "\uff1d1"):
        record("test.first", reason=evil)

    answer = viewer.get("audit/export", format="csv", action="test.first")

    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert len(rows) == 7
    assert all(row["reason"].startswith("'") for row in rows)
    assert int(rows[0]["seq"]) < int(rows[-1]["seq"])


def test_a_long_export_arrives_whole_from_a_real_server(
    asgi_server: AsgiServer, viewer: Api
) -> None:
    for number in range(1200):
        record("test.row", subject=str(number))
    headers = {"Authorization": f"Bearer {viewer.secret}"}

    answer = httpx.get(f"{asgi_server.url}/api/v1/audit/export?action=test.row", headers=headers)

    assert [row["subject"] for row in answer.json()] == [str(number) for number in range(1200)]


def test_an_odd_format_is_refused(viewer: Api) -> None:
    assert viewer.get("audit/export", format="xml").status_code == 400
