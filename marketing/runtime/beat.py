"""Runs the schedule: Celery's beat, with no more of Django than the tables it reads.

It rings tasks by name and needs none of their modules; Celery's own command line would load
every app, and the shell it can also be.
"""

import os

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
# The checks are about all the apps.
os.environ["CELERY_SKIP_CHECKS"] = "1"
APPS = ["django_celery_beat"]


def main() -> None:
    """Ring until TERM."""
    settings.INSTALLED_APPS = APPS
    from marketing.celery import app

    # No file of its own: who runs is the supervisor's business, and the schedule is in the tables.
    app.Beat(loglevel="WARNING", pidfile=None, quiet=True).run()


if __name__ == "__main__":
    main()
