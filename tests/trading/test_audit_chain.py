"""The chain: published vectors, and what verification finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from trading.audit_chain import GENESIS, Link, canonical, chain_hash, instant, seal, verify

KEY = "of the tests"
FIRST = {
    "action": "bot.start",
    "actor": "u:1",
    "obj": "bot:7",
    "seq": 1,
    "ts": "2026-01-01T00:00:00.000000Z",
}
SECOND = {
    "action": "proposal.create",
    "actor": "ai",
    "obj": "prop:1",
    "seq": 2,
    "ts": "2026-01-01T00:00:01.000000Z",
}
FIRST_HASH = "da0209235a01d0cf04dfa12fa255d273859b305fcdc8b8d23fa1137db073c887"
SECOND_HASH = "e07b2d04b4a8b7f306c08a0e1f216da8126fae8c42d44e7d9ae52d978a408908"


def chain(n: int = 5) -> list[Link]:
    links, head = [], GENESIS
    for seq in range(1, n + 1):
        content = {"seq": seq, "action": "bot.started"}
        digest = chain_hash(head, content)
        links.append(Link(seq, content, head, digest, seal(KEY, digest)))
        head = digest
    return links


def found(links: list[Link]) -> list[tuple[int, str]]:
    return [(problem.seq, problem.what) for problem in verify(links, key=KEY)[0]]


def test_the_published_vectors_come_out() -> None:
    assert chain_hash(GENESIS, FIRST) == FIRST_HASH
    assert chain_hash(FIRST_HASH, SECOND) == SECOND_HASH


def test_the_order_of_keys_does_not_matter_and_letters_are_utf8() -> None:
    assert canonical({"b": 1, "a": "é"}) == '{"a":"é","b":1}'.encode()
    assert chain_hash(GENESIS, dict(reversed(FIRST.items()))) == FIRST_HASH


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_has_no_canonical_form(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"value": number})


def test_an_instant_has_one_form_in_every_zone() -> None:
    there = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert (
        instant(there) == instant(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000000Z"
    )


def test_a_whole_chain_has_no_problem_and_a_head() -> None:
    links = chain()

    assert verify(links, key=KEY) == ([], 5, links[-1].hash)
    assert verify([], key=KEY) == ([], 0, GENESIS)


def test_an_edit_is_found_where_it_is() -> None:
    links = chain()
    links[2] = replace(links[2], content={**links[2].content, "action": "bot.stopped"})

    assert found(links) == [(3, "its content was changed")]


def test_an_edit_with_a_new_hash_is_found_by_seal_and_successor() -> None:
    links = chain()
    content = {**links[2].content, "action": "bot.stopped"}
    links[2] = replace(links[2], content=content, hash=chain_hash(links[2].prev_hash, content))

    assert found(links) == [
        (3, "its seal is not ours"),
        (4, "does not follow the event before it"),
    ]


def test_a_removed_event_is_missed() -> None:
    links = chain()
    del links[1:3]

    assert found(links)[0] == (4, "events 2 to 3 are missing")


def test_swapped_events_are_found() -> None:
    links = chain()
    links[1], links[2] = links[2], links[1]

    assert {seq for seq, _ in found(links)} >= {2, 3}


def test_a_chain_made_without_the_key_is_not_ours() -> None:
    forged = [replace(link, mac=seal("another key", link.hash)) for link in chain(2)]

    assert found(forged) == [(1, "its seal is not ours"), (2, "its seal is not ours")]
