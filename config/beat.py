"""Beat's scheduler: the one that people edit in the database, with an end that always comes."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from celery.signals import beat_init
from django_celery_beat.schedulers import DatabaseScheduler

ENDS = (signal.SIGINT, signal.SIGTERM)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]  # has no types
    """Celery's own handler saves the schedule in the middle of whatever runs, even of reading it.

    That raises where errors are only logged, and beat goes on instead of ending.
    """

    def setup_schedule(self) -> None:
        for number in ENDS:  # until it has been read there is nothing to save
            signal.signal(number, signal.SIG_DFL)
        super().setup_schedule()


@beat_init.connect
def stop_between_ticks(sender: Any, **_: Any) -> None:
    """From now on a signal lets the tick at work end and the schedule be saved."""

    def stop(number: int, frame: FrameType | None) -> None:
        sender.stop()

    for number in ENDS:
        signal.signal(number, stop)
