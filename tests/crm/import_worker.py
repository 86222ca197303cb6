"""A worker to be killed: `python -m tests.crm.import_worker SIZE` imports what is due."""

import os
import sys

import django


def run(size: int) -> None:
    """Take in what is due, in batches of this size."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    django.setup()
    from django.utils import timezone

    from crm import imports
    from crm.imports import running

    running.BATCH = size
    while imports.run_due(owner=imports.owner(), clock=timezone.now, seconds=600):
        continue


if __name__ == "__main__":
    run(int(sys.argv[1]))
