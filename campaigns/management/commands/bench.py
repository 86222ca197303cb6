"""`manage.py bench`: measure something on this machine and print the limit it is held against."""

import json
import sys
from importlib import import_module
from typing import Any, NamedTuple

from django.core.management.base import BaseCommand, CommandParser


class Benchmark(NamedTuple):
    """What it measures, and the whole numbers that it takes, each with its default.

    `benchmarks.<name>.run(**options)` gives a report with `limit` and `is_within_limit`.
    """

    help: str
    options: dict[str, int]


BENCHMARKS = {
    "send": Benchmark(
        "how fast a campaign is sent over SMTP; peers is how many mails django-post_office sends",
        {"recipients": 20_000, "rounds": 5, "workers": 2, "peers": 500},
    ),
    "crash": Benchmark(
        "what is lost, doubled and in doubt when everything is killed; outage is in seconds",
        {"sends": 20_000, "kills": 100, "outage": 60},
    ),
    "stops": Benchmark(
        "how soon nothing begins any more, for each cause to stop",
        {"recipients": 300, "rounds": 5},
    ),
    "plan": Benchmark(
        "how fast an audience becomes deliveries, beside a bare INSERT … SELECT",
        {"deliveries": 1_000_000, "rounds": 5},
    ),
    "import": Benchmark(
        "how fast customers come in from a file, beside a bare COPY", {"rows": 100_000, "rounds": 3}
    ),
    "search": Benchmark(
        "how long a search takes among many customers", {"customers": 1_000_000, "rounds": 5}
    ),
    "ingest": Benchmark(
        "how fast events come in", {"events": 100_000, "singles": 4_000, "rounds": 3}
    ),
    "tracking": Benchmark(
        "how soon clicks and openings are answered, beside answers that keep nothing",
        {"calls": 20_000, "rounds": 5},
    ),
    "providers": Benchmark(
        "how busy an HTTP provider is kept, and how well a rate is",
        {"seconds": 10, "rounds": 3},
    ),
    "recommend": Benchmark(
        "how soon it is learnt what goes with what, and what a recommendation costs each person",
        {"customers": 100_000, "lines": 1_000_000, "rounds": 20},
    ),
    "bounces": Benchmark("how well mails that came back are read", {"mutations": 2_000}),
    "segments": Benchmark(
        "how soon rules are counted beside the best statements by hand, and followed",
        {
            "customers": 1_000_000,
            "events": 10_000_000,
            "rounds": 5,
            "segments": 200,
            "seconds": 120,
            "keep": 0,
        },
    ),
}
# Python keeps the word “import” for itself.
ROOMS = {"import": "imports"}


class Command(BaseCommand):
    """Run a benchmark; its code is in benchmarks/."""

    requires_system_checks = ()
    help = "Measures something on this machine, in a database of its own that is dropped again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Each benchmark is a word with options of its own."""
        kinds = parser.add_subparsers(dest="kind", required=True)
        for name, benchmark in BENCHMARKS.items():
            kind = kinds.add_parser(name, help=benchmark.help)
            kind.add_argument("--json", action="store_true", help="print one JSON document")
            for option, default in benchmark.options.items():
                kind.add_argument(f"--{option}", type=int, default=default)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it and say whether it keeps its limit, by the exit code too."""
        kind = options["kind"]
        chosen = {name: options[name] for name in BENCHMARKS[kind].options}
        report = import_module(f"benchmarks.{ROOMS.get(kind, kind)}").run(**chosen)
        self.stdout.write(json.dumps(report, indent=2) if options["json"] else _words(report))
        if not report["is_within_limit"]:
            sys.exit(1)


def _words(report: dict[str, Any]) -> str:
    figures = {name: value for name, value in report.items() if not isinstance(value, list | dict)}
    limits = "".join(f"\nlimit of {name}: {value}" for name, value in report["limit"].items())
    return "\n".join(f"{name}: {value}" for name, value in figures.items()) + limits
