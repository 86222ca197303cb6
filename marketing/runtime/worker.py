"""Runs the workers: Celery's, without what its command line loads beside them."""

import argparse
import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")


def main() -> int:
    """Work until TERM; the code to end with."""
    parser = argparse.ArgumentParser(prog="worker", description="Work through the tasks.")
    parser.add_argument("--concurrency", type=int, required=True)
    asked = parser.parse_args()
    from marketing.celery import app

    worker = app.Worker(
        hostname="worker@rapport",
        concurrency=asked.concurrency,
        loglevel="WARNING",
        quiet=True,
        # There is one worker, and its signs of life are its own.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return worker.exitcode or 0


if __name__ == "__main__":
    sys.exit(main())
