"""`manage.py bench`: measure something on this machine and print the limit it is held against."""

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """Run a benchmark; its code is in benchmarks/."""

    requires_system_checks = ()
    help = "Measures something on this machine, in a database of its own that is dropped again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Each benchmark is a word with options of its own."""
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        kinds = parser.add_subparsers(dest="kind", required=True)
        send = kinds.add_parser("send", help="how fast a campaign is sent over SMTP")
        send.add_argument("--recipients", type=int, default=10_000)
        send.add_argument("--rounds", type=int, default=3)
        send.add_argument("--workers", type=int, default=2)
        send.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it and say whether it keeps its limit, by the exit code too."""
        from benchmarks import send

        report = send.run(
            recipients=options["recipients"],
            rounds=options["rounds"],
            workers=options["workers"],
        )
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else _words(report))
        if not report["is_within_limit"]:
            sys.exit(1)


def _words(report: dict[str, Any]) -> str:
    figures = {name: value for name, value in report.items() if not isinstance(value, list | dict)}
    limits = "".join(f"\nlimit of {name}: {value}" for name, value in report["limit"].items())
    return "\n".join(f"{name}: {value}" for name, value in figures.items()) + limits
