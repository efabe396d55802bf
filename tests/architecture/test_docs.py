"""The reference pages name everything that they promise to list."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.apps import apps

from config.env import Env
from config.refusals import Refusal
from tests.architecture.sources import APPS, ROOT
from trading.reasons import Reason
from trading.risk import Denial

BACKTICKED = re.compile(r"`([^`\n]+)`")


def named_in(page: str) -> set[str]:
    return set(BACKTICKED.findall((ROOT / "docs" / page).read_text()))


def test_the_settings_page_lists_every_setting_with_its_default() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    shown = dict(re.findall(r"^\| `([A-Z_]+)` \| `?(.*?)`? \|", page, re.MULTILINE))
    example = dict(re.findall(r"^#([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))

    assert set(shown) == {name.upper() for name in Env.model_fields}
    assert shown == {name: value or "-" for name, value in example.items()}


def test_the_denials_page_lists_every_reason_denial_and_refusal() -> None:
    codes = {*Reason, *Denial, *(refusal.code for refusal in _refusals(Refusal))}

    assert codes - named_in("reference/denials.md") == set()


def _refusals(base: type[Refusal]) -> Iterator[type[Refusal]]:
    yield base
    for refusal in base.__subclasses__():
        yield from _refusals(refusal)


def test_the_glossary_has_every_noun_of_the_database() -> None:
    glossary = (ROOT / "docs" / "glossary.md").read_text().lower()
    models = [model for app in APPS for model in apps.get_app_config(app).get_models()]
    nouns = {re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__).lower() for model in models}

    assert {noun for noun in nouns if noun not in glossary} == set()
