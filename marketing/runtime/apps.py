"""Runs web, live streams, ingest, follower, post, schedule and workers.

All are forked after loading what they need, so that it is in memory once. Workers and schedule are
Celery's, without what its command line loads beside them.
"""

import argparse
import gc
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any

from marketing.runtime import ingest, live, web
from marketing.runtime.follow import Follower
from marketing.runtime.forks import Forks
from marketing.runtime.post import Post

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
    "marketing.rules.conditions.behaviour",
    "marketing.rules.conditions.belonging",
    "marketing.rules.conditions.commerce",
    "marketing.rules.conditions.correspondence",
    "marketing.rules.conditions.patterns",
    "marketing.rules.conditions.permission",
    "marketing.rules.conditions.person",
    "marketing.rules.conditions.understanding",
    "crm.ingest.drain",
    "crm.tracking.draining",
)


def main() -> int:
    """Be all of them until TERM; the code to end with."""
    asked = _parser().parse_args()
    app = _loaded()
    _warm_up(app)
    # The collector would write into every page that is shared.
    gc.collect()
    gc.freeze()
    parts: dict[str, Callable[[], object]] = {
        "worker": lambda: _work(app, asked.concurrency),
        "beat": lambda: _ring(app),
        "follow": lambda: Follower().run(),
        "post": lambda: Post().run(),
        "ingest": ingest.work,
        "live": lambda: live.work(asked.host, asked.live_port),
        "web": lambda: web.work(asked.host, asked.port),
    }
    part = Forks(tuple(parts)).run()
    if part:
        parts[part]()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="apps", description="Run everything but the engines.")
    parser.add_argument("--concurrency", type=int, required=True, help="tasks side by side")
    parser.add_argument("--host", required=True, help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port of the web server")
    parser.add_argument("--live-port", type=int, required=True, help="port of live updates")
    return parser


def _loaded() -> Any:
    """The Celery application, and all that would be loaded after the forks."""
    from marketing.celery import app

    app.loader.import_default_modules()
    for name in LOADED_LATE:
        # Not everything is there on every system; then it is not wanted either.
        with suppress(ImportError):
            import_module(name)
    return app


def _warm_up(app: Any) -> None:
    """Do once what each of them does first: what that leaves in memory is shared too."""
    from django.core.cache import cache
    from django.db import connection
    from django.utils import timezone
    from django_celery_beat.schedulers import DatabaseScheduler
    from kombu import pools

    from crm import rollups
    from marketing import heartbeats, segments, tasks

    try:
        heartbeats.ages()
        DatabaseScheduler(app=app).close()
        segments.follow(now=timezone.now())
        rollups.run_due(now=timezone.now())
        tasks.refresh_segments.apply_async(expires=30, retry=False)
    except Exception as error:
        # Whatever is not there yet, or fails: then it is shared a little less, and all start.
        print(f"not warmed up: {type(error).__name__}", file=sys.stderr, flush=True)
    # Nothing that is open may be shared.
    connection.close()
    cache.close()
    pools.reset()
    app._after_fork()
    ingest.trim()


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


if __name__ == "__main__":
    sys.exit(main())
