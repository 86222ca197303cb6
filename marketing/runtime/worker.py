"""Runs the schedule and the workers: Celery's, without what its command line loads beside them.

The schedule forks the workers after loading what both need, so that it is in memory once. They
live and die together: the supervisor starts both again.
"""

import argparse
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

from marketing.runtime import launch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
# What Celery, its pool and the cache import when they start, or with the first task.
LOADED_LATE = (
    "celery.app.amqp",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.backends.base",
    "celery.concurrency.prefork",
    "celery.contrib.django.task",
    "celery.events",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "billiard.popen_fork",
    "billiard.sharedctypes",
    "billiard.synchronize",
    "cffi.cparser",
    "_cffi_backend",
    "django.core.cache.backends.redis",
    "django_celery_beat.schedulers",
    "kombu.mixins",
    "kombu.transport.redis",
)


def main() -> int:
    """Work and ring until TERM; the code to end with."""
    parser = argparse.ArgumentParser(prog="worker", description="Work through the tasks.")
    parser.add_argument("--concurrency", type=int, required=True)
    asked = parser.parse_args()
    app = _loaded()
    # The collector would write into every page that is shared.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, _workers_ended)
    workers = os.fork()
    if not workers:
        _name("worker")
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        launch.follow_parent()
        return _work(app, asked.concurrency)
    _name("beat")
    try:
        _ring(app)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _stop(workers)
    return 0


def _loaded() -> Any:
    """The Celery application, and all that would be loaded after the fork."""
    from marketing.celery import app

    app.loader.import_default_modules()
    for name in LOADED_LATE:
        # Not everything is there on every system; then it is not wanted either.
        with suppress(ImportError):
            import_module(name)
    return app


def _work(app: Any, concurrency: int) -> int:
    worker = app.Worker(
        hostname="worker@rapport",
        concurrency=concurrency,
        loglevel="WARNING",
        quiet=True,
        # There is one worker, and its signs of life are its own.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return worker.exitcode or 0


def _ring(app: Any) -> None:
    """Ring for what is due; no file of its own: the schedule is in the tables."""
    app.Beat(loglevel="WARNING", pidfile=None, quiet=True).run()


def _workers_ended(number: int, frame: FrameType | None) -> None:
    """A schedule without workers rings for nobody: the supervisor starts both again."""
    sys.exit("the workers have ended")


def _stop(workers: int) -> None:
    """Let the workers end in order, where they have not ended already."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(workers, signal.SIGTERM)
        os.waitpid(workers, 0)


def _name(name: str) -> None:
    """Tell `manage.py status`, and other tools that list processes, what this one is."""
    with suppress(OSError):
        Path("/proc/self/comm").write_text(name, encoding="ascii")


if __name__ == "__main__":
    sys.exit(main())
