"""Make a key for a shop or another program that calls the API."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.utils import timezone

from crm import keys
from crm.choices import ApiScope


class Command(BaseCommand):
    """`manage.py create_api_key NAME`: prints the secret, once."""

    help = "Make a key for a shop or another program that calls the API."

    def add_arguments(self, parser: CommandParser) -> None:
        """The key's name and what it may do."""
        parser.add_argument("name")
        parser.add_argument(
            "--scope",
            action="append",
            choices=ApiScope.values,
            help="read and write where none is given",
        )
        parser.add_argument("--days", type=int, help="for how many days the key is valid")
        parser.add_argument("--rate", type=int, help="how many calls a minute it may make")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key and show its secret."""
        scopes = options["scope"] or [ApiScope.READ, ApiScope.WRITE]
        now = timezone.now()
        days = options["days"]
        try:
            new = keys.create(
                name=options["name"],
                scopes=scopes,
                now=now,
                expires_at=now + timedelta(days=days) if days else None,
                rate=options["rate"],
            )
        except IntegrityError as error:
            raise CommandError(
                f"A key called {options['name']!r} exists already; choose another name."
            ) from error
        self.stdout.write(new.secret)
        self.stderr.write("Keep it safe: it is not shown again.")
