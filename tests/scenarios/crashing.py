"""A worker that runs one bot and dies at a given moment: `python -m tests.scenarios.crashing`.

Arguments: bot id, seam, how often the seam is passed before the process ends, the time in ms.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

EXIT_CODE = 137  # as after SIGKILL: nothing is flushed, rolled back or cleaned up

# Where it dies, by the steps of the order path: (module, name), before the call or after it.
SEAMS = {
    "t1-t2": ("trading.services._execution", "submit_order", "before"),
    "t2-send": ("trading.brokers.paper.PaperBroker", "place", "before"),
    "send-t3": ("trading.brokers.paper.PaperBroker", "place", "after"),
    "t3-t4": ("trading.services._execution", "submit_order", "after"),
    "before-fill": ("trading.services._execution", "apply_fills", "before"),
    "inside-fill": ("trading.services._fills", "_sum_up", "before"),
    "after-fill": ("trading.services._execution", "_match", "after"),
    "before-commit": ("trading.services._books.Books", "commit", "before"),
    "after-commit": ("trading.services._books.Books", "commit", "after"),
    "inside-decision": ("trading.services._execution", "audit_intent", "before"),
}


def main() -> None:
    bot_id, seam, passes, now_ms = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    _connect_to_the_tests_database()
    from config import clock
    from trading import services

    _die_at(*SEAMS[seam], passes)
    while services.run_bot(bot_id=bot_id, now=clock.from_ms(now_ms), budget_s=60.0):
        pass


def _connect_to_the_tests_database() -> None:
    import django
    from django.conf import settings

    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    settings.DATABASES["default"]["NAME"] = os.environ["CRASHING_DATABASE"]
    django.setup()


def _die_at(place: str, name: str, when: str, passes: int) -> None:
    from django.utils.module_loading import import_string

    is_class = place.rpartition(".")[2][0].isupper()
    owner: Any = import_string(place) if is_class else import_module(place)
    real = getattr(owner, name)
    setattr(owner, name, _mortal(real, when, passes))


def _mortal(real: Callable[..., Any], when: str, passes: int) -> Callable[..., Any]:
    left = passes

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and when == "before":
            os._exit(EXIT_CODE)
        answer = real(*args, **kwargs)
        if left == 0:
            os._exit(EXIT_CODE)
        return answer

    return call


if __name__ == "__main__":
    main()
