"""The Celery application: tasks are found in each app's `tasks` module."""

import atexit
import gc
from typing import Any

from celery import Celery
from celery.signals import (
    after_task_publish,
    beat_init,
    worker_before_create_process,
    worker_process_init,
    worker_ready,
    worker_shutdown,
)

app = Celery("rapport")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """Let the pool's processes share what is loaded: the collector would write into every page."""
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def _end_with_the_worker(**_: Any) -> None:
    """Who works through tasks ends with who hands them out, however that one ends."""
    from marketing.runtime import collecting, launch

    launch.follow_parent()
    collecting.seldom()


@worker_ready.connect
def _worker_is_up(**_: Any) -> None:
    _heartbeats().mark("worker")


@worker_shutdown.connect
def _worker_is_down(**_: Any) -> None:
    _heartbeats().forget("worker")


@beat_init.connect
def _beat_is_up(**_: Any) -> None:
    _heartbeats().mark("beat")
    atexit.register(_heartbeats().forget, "beat")


@after_task_publish.connect(sender="marketing.tasks.heartbeat")
def _beat_has_rung(**_: Any) -> None:
    _heartbeats().mark("beat")


def _heartbeats() -> Any:
    """Imported late: it needs the settings, and this module is imported by them being read."""
    from marketing import heartbeats

    return heartbeats
