"""Take in one mail that came back, from a mail server that pipes it to us."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from crm import returned_mail

# A mail server's pipe may send anything; what is beyond is not read.
MAX_BYTES = 64 * 1024 * 1024


class Command(BaseCommand):
    """`manage.py take_bounce < mail`: settles the message that the mail is about."""

    help = "Takes in one mail that came back, from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        """The envelope's recipient, which says most surely which message it is about."""
        parser.add_argument("--recipient", default="", help="the address that the mail came to")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read the mail and say in one line what became of it."""
        taken = returned_mail.take_or_put_aside(
            raw=sys.stdin.buffer.read(MAX_BYTES), recipient=options["recipient"], now=timezone.now()
        )
        if taken is None:
            self.stdout.write("put aside")
            return
        about = f"message {taken.message_id}" if taken.message_id else "no message of ours"
        self.stdout.write(f"{taken.kind}: {about}")
