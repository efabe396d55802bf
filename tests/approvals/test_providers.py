"""Each provider's wire, well spoken and badly: one deadline, one size, no second try."""

from __future__ import annotations

import time
from ipaddress import ip_network
from typing import Any

import pytest

from approvals.advisor import wires
from approvals.advisor.line import CallFailed, Trouble
from approvals.advisor.provider import Provider
from approvals.advisor.wires import PROVIDERS, AnswerRefused, Question
from approvals.guard import AddressRefused, guarded
from tests.approvals.model_server import ModelServer, model_server

LOOPBACK = (ip_network("127.0.0.1/32"),)
KEY = "sk-canary-0123456789abcdef"
SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
QUESTION = Question("be strict", "data", "answer", SCHEMA, max_tokens=200)

every_provider = pytest.mark.parametrize("name", PROVIDERS)


def provider(server: ModelServer, name: str = "openai", **given: Any) -> Provider:
    fields = {"model": "acme-1", "key": KEY, "networks": LOOPBACK, "deadline_s": 5.0, **given}
    return Provider(name=name, base_url=server.base(name), **fields)


def answer(asked: Provider) -> wires.Answer:
    return asked.read(asked.send(asked.prepare(QUESTION)))


def failure(asked: Provider) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        answer(asked)
    return caught.value


def refusal(asked: Provider) -> str:
    with pytest.raises(AnswerRefused) as caught:
        answer(asked)
    return caught.value.code


@every_provider
def test_an_answer_comes_with_its_model_and_tokens(name: str) -> None:
    with model_server() as server:
        told = answer(provider(server, name))

    assert told == wires.Answer('{"ok": true}', "acme-1", 120, 40)
    assert len(server.asked) == 1


@every_provider
def test_the_schema_and_the_limit_are_asked_for_in_the_words_of_the_provider(name: str) -> None:
    with model_server() as server:
        answer(provider(server, name))

    body = server.asked[0]["body"]
    schema_at, limit_at = {
        "openai": ("response_format.json_schema.schema", "max_completion_tokens"),
        "openrouter": ("response_format.json_schema.schema", "max_tokens"),
        "anthropic": ("output_config.format.schema", "max_tokens"),
        "gemini": ("generationConfig.responseJsonSchema", "generationConfig.maxOutputTokens"),
        "ollama": ("format", "options.num_predict"),
    }[name]
    assert _at(body, schema_at) == SCHEMA
    assert _at(body, limit_at) == 200


def _at(node: Any, path: str) -> Any:
    for name in path.split("."):
        node = node[name]
    return node


@every_provider
def test_the_key_goes_into_a_header_and_nowhere_else(name: str) -> None:
    with model_server() as server:
        answer(provider(server, name))

    (asked,) = server.asked
    assert KEY in "".join(asked["headers"].values())
    assert KEY not in asked["path"] + str(asked["body"])


@every_provider
def test_a_refusing_model_is_no_answer(name: str) -> None:
    with model_server(refusal=True) as server:
        assert refusal(provider(server, name)) in ("MODEL_REFUSED", "PROVIDER_ERROR")


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("openai", "length"),
        ("openrouter", "error"),
        ("anthropic", "max_tokens"),
        ("gemini", "MAX_TOKENS"),
        ("ollama", "length"),
    ],
)
def test_an_answer_that_the_model_did_not_end_itself_is_cut_short(name: str, end: str) -> None:
    with model_server(end=end) as server:
        assert refusal(provider(server, name)) == "CUT_SHORT"


@every_provider
def test_another_model_than_the_asked_one_is_no_answer(name: str) -> None:
    with model_server(model="cheap-0") as server:
        assert refusal(provider(server, name)) == "MODEL_OTHER"


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True),
        ("claude-x-latest", "claude-x-20260101", True),
        ("vendor/model-2:free", "vendor/model-2", True),
        ("openrouter/auto", "whatever", True),
        ("llama3", "llama3:latest", True),
        ("gpt-4o", "gpt-3.5", False),
        ("model", "", True),
    ],
)
def test_dated_and_tagged_names_are_the_same_model(asked: str, answered: str, same: bool) -> None:
    assert wires.is_model(asked, answered) is same


@every_provider
def test_tokens_that_nobody_tells_are_unknown_and_not_zero(name: str) -> None:
    with model_server(tokens=None) as server:
        told = answer(provider(server, name))

    assert (told.tokens_in, told.tokens_out) == (None, None)


@every_provider
@pytest.mark.parametrize("count", [0, -5, True, 1.5, "7", 10**12])
def test_tokens_that_can_not_be_true_are_unknown(name: str, count: Any) -> None:
    with model_server(tokens=(count, 40)) as server:
        assert answer(provider(server, name)).tokens_in is None


@every_provider
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b'{"choices": []}',
        b"\xff\xfe{}",
        b"[" * 100_000,
        b'{"choices": {}, "content": 7, "candidates": [0], "message": [], "done": true}',
    ],
)
def test_an_envelope_of_another_form_is_refused_without_a_traceback(name: str, raw: bytes) -> None:
    with model_server(raw=raw) as server:
        assert refusal(provider(server, name)) in ("FORMAT", "CUT_SHORT", "MODEL_REFUSED")


def test_a_slow_model_is_given_up_at_the_deadline() -> None:
    with model_server(pause_s=2) as server:
        began = time.monotonic()
        assert failure(provider(server, deadline_s=0.4)).code == Trouble.TOO_SLOW

    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("drip", ["drip_s", "drip_headers_s"])
def test_a_dripping_answer_is_given_up_at_the_deadline(drip: str) -> None:
    with model_server(**{drip: 0.05}) as server:
        asked, began = provider(server, deadline_s=0.5), time.monotonic()
        assert failure(asked).code == Trouble.TOO_SLOW
        took = time.monotonic() - began

    assert 0.4 < took < 1.0


def test_a_huge_answer_is_cut_off_at_the_limit() -> None:
    with model_server(endless=True) as server:
        failed = failure(provider(server, most_bytes=100_000))

    assert failed.code == Trouble.TOO_LARGE
    assert len(failed.raw) <= 16_384


def test_an_answer_that_breaks_off_is_cut() -> None:
    with model_server(cut_at=20) as server:
        failed = failure(provider(server))

    assert failed.code == Trouble.CUT
    assert failed.sent


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (301, Trouble.REDIRECTED),
        (307, Trouble.REDIRECTED),
        (400, Trouble.REQUEST_REFUSED),
        (401, Trouble.KEY_REFUSED),
        (429, Trouble.BUSY),
        (500, Trouble.FAILING),
    ],
)
def test_a_status_says_what_is_wrong_and_is_not_tried_again(status: int, code: Trouble) -> None:
    headers = {"Location": "http://127.0.0.1:1/", "Retry-After": "7"}
    with model_server(status=status, headers=headers) as server:
        failed = failure(provider(server))

    assert (failed.code, failed.retry_after_s) == (code, 7.0)
    assert len(server.asked) == 1


def test_a_packed_answer_is_not_unpacked() -> None:
    with model_server(headers={"Content-Encoding": "gzip"}) as server:
        assert failure(provider(server)).code == Trouble.BROKEN


def test_nobody_there_costs_nothing() -> None:
    with model_server() as server:
        asked = provider(server)
    failed = failure(asked)

    assert (failed.code, failed.sent) == (Trouble.UNREACHABLE, False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "0177.0.0.1", "[::1]", "localhost"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_address_is_refused_unless_a_setting_names_it(scheme: str, host: str) -> None:
    with model_server() as server:
        asked = Provider("openai", "m", base_url=f"{scheme}://{host}:{server.port}", key=KEY)
        failed = failure(asked)

    assert failed.code in (Trouble.ADDRESS_REFUSED, Trouble.UNREACHABLE)
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "plain", "allowed"),
    [
        ("93.184.216.34", False, True),
        ("93.184.216.34", True, False),
        ("127.0.0.1", True, True),
        ("10.0.0.1", False, False),
        ("0.0.0.0", False, False),
        ("::ffff:7f00:1", False, False),
        ("64:ff9b::7f00:1", False, False),
        ("169.254.169.254", False, False),
    ],
)
def test_plain_http_is_only_for_networks_that_are_named(
    address: str, plain: bool, allowed: bool
) -> None:
    with guarded(LOOPBACK, public=not plain) as guard:
        if allowed:
            guard.check((address, 80))
        else:
            with pytest.raises(AddressRefused):
                guard.check((address, 80))


def test_only_ollama_at_its_own_address_needs_no_setting() -> None:
    assert Provider("ollama", "m").line.networks == LOOPBACK
    assert Provider("ollama", "m", base_url="http://10.0.0.1").line.networks == ()
    assert Provider("openai", "m").line.networks == ()


def test_a_server_that_echoes_the_key_does_not_get_it_back_to_us() -> None:
    with model_server(text=f"your key is {KEY}") as server:
        assert KEY not in answer(provider(server)).text
        server.status = 401
        server.raw = KEY.encode()
        failed = failure(provider(server))

    assert KEY not in f"{failed.raw!r}{failed.detail}{failed!r}{provider(server)!r}"


@every_provider
def test_the_models_of_each_provider_are_listed(name: str) -> None:
    with model_server() as server:
        assert provider(server, name).models() in (
            ["model-a", "model-b"],
            ["gemini-9"],
            ["llama3:8b", "tiny:1b"],
        )


def test_a_list_is_asked_for_again_and_an_answer_is_not() -> None:
    with model_server(failures=2) as server:
        assert provider(server).models() == ["model-a", "model-b"]
        assert len(server.asked) == 3
        server.failures = 1
        assert failure(provider(server)).code == Trouble.FAILING
        assert len(server.asked) == 4


def test_a_list_is_given_up_after_three_times() -> None:
    with model_server(failures=9) as server:
        with pytest.raises(CallFailed):
            provider(server).models()
        assert len(server.asked) == 3
