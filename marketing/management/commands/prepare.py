"""Brings a database up to date for a start: tables, a first admin account, the demo shop."""

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from crm import retention
from crm.models import Customer


class Command(BaseCommand):
    """Called by `manage.py start`; prints a line of JSON, and progress as errors go."""

    help = "Bring the database up to date and make a first admin account."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the name of the account and whether to load the demo shop."""
        parser.add_argument("--admin", required=True, help="name of the first admin account")
        parser.add_argument("--demo", action="store_true", help="load the demo shop")

    def handle(self, *args: object, **options: object) -> None:
        """Do it stage by stage."""
        with redirect_stdout(sys.stderr):
            _stage("tables", lambda: call_command("migrate", interactive=False, verbosity=0))
            retention.fill_in()
            made = _admin_made(str(options["admin"]))
            if options["demo"] and not Customer.objects.exists():
                _stage("demo shop", lambda: call_command("demo", stdout=sys.stderr))
                # Learnt now, while nothing else runs: it takes as much memory as the whole set.
                _stage("first scores", _first_scores)
        self.stdout.write(json.dumps({"admin_made": made}))


def _admin_made(name: str) -> bool:
    """Make the account where nobody has one yet."""
    users = get_user_model()
    if users.objects.exists():
        return False
    users.objects.create_superuser(name, password=os.environ["RAPPORT_ADMIN_PASSWORD"])
    return True


def _first_scores() -> None:
    from marketing import training  # numpy and scikit-learn are loaded where they are used

    training.run_due(now=timezone.now())


def _stage(title: str, work: Callable[[], object]) -> None:
    began = time.monotonic()
    work()
    sys.stderr.write(f"set-up | {title}: {time.monotonic() - began:.1f} s\n")
