"""`manage.py outbox`: the local mail catcher and provider simulator, in a process of its own."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Becomes `python -m crm.simulator`, which needs a third of the memory that Django takes."""

    help = "Catches mail by SMTP and plays an SMS provider by HTTP; keeps all of it in the outbox."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Which ports to open on the loopback, or which inherited sockets to serve."""
        parser.add_argument("--smtp-port", type=int, default=settings.CATCHER_SMTP_PORT)
        parser.add_argument("--http-port", type=int, default=settings.CATCHER_HTTP_PORT)
        parser.add_argument("--smtp-socket", type=int)
        parser.add_argument("--http-socket", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        """Replace this process, keeping its id and its place under the supervisor."""
        environment = os.environ | {
            "SMS_API_KEY": settings.SMS_API_KEY,
            "SMS_CALLBACK_SECRET": settings.SMS_CALLBACK_SECRET,
            "PUBLIC_URL": settings.PUBLIC_URL,
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")])
            ),
        }
        command = [sys.executable, "-m", "crm.simulator"]
        for name in ("smtp_port", "http_port", "smtp_socket", "http_socket"):
            if options[name] is not None:
                command += [f"--{name.replace('_', '-')}", str(options[name])]
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted
