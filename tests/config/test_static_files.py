"""Static files come from the web process, also those of installed packages."""

from __future__ import annotations

import hashlib

from django.test import Client

CHARTS = "/static/vendor/lightweight-charts.js"
# Of Lightweight Charts 5.1.0, as its makers publish it.
CHARTS_SHA256 = "756b0ba9"


def test_the_chart_library_is_the_published_one(client: Client) -> None:
    response = client.get(CHARTS)

    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/javascript")
    assert hashlib.sha256(response.content).hexdigest().startswith(CHARTS_SHA256)


def test_a_browser_that_has_the_file_gets_none(client: Client) -> None:
    stamp = client.get(CHARTS)["Last-Modified"]

    again = client.get(CHARTS, headers={"If-Modified-Since": stamp})

    assert (again.status_code, again.content) == (304, b"")


def test_part_of_a_file_may_be_asked_for(client: Client) -> None:
    response = client.get(CHARTS, headers={"Range": "bytes=0-9"})

    assert (response.status_code, len(response.content)) == (206, 10)


def test_a_question_for_the_headers_alone_is_answered_without_the_file(client: Client) -> None:
    response = client.head(CHARTS)

    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) > 100_000
