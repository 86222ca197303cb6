"""`manage.py demo`: load the demo shop, so that no page is empty."""

import time
from argparse import ArgumentParser
from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from campaigns.management.demo.load import load
from crm.models import Customer
from crm.tasks import ring
from marketing import tasks

BAR = 30


class Command(BaseCommand):
    """Load a believable shop made from a seed: the same seed and day give the same shop."""

    help = "Load the demo shop: customers, products, two years of orders, segments and drafts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the seed, the size and the day."""
        parser.add_argument("--seed", type=int, default=1, help="what the shop is drawn from")
        parser.add_argument("--customers", type=int, default=5000, help="how many people")
        parser.add_argument("--today", type=date.fromisoformat, help="the day it is made for")
        parser.add_argument(
            "--again", action="store_true", help="load it beside customers that are there"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Load it and ring for the training."""
        if Customer.objects.exists() and not options["again"]:
            raise CommandError(
                "There are customers already; say --again to load the demo shop beside them."
            )
        if options["customers"] < 1:
            raise CommandError("The shop needs at least one customer.")
        began = time.monotonic()
        loaded = load(
            seed=options["seed"],
            count=options["customers"],
            now=_now(options["today"]),
            progress=self._show,
        )
        ring(tasks.train_due)
        self.stdout.write(
            f"\n{loaded.customers:,} customers, {loaded.products:,} products, "
            f"{loaded.orders:,} orders, {loaded.events:,} visits, {loaded.decisions:,} consents, "
            f"{loaded.segments} segments in {time.monotonic() - began:.1f} s"
        )

    def _show(self, stage: str, share: float) -> None:
        bar = ("█" * round(BAR * share)).ljust(BAR, "░")
        start, end = ("\r", "") if self.stdout.isatty() else ("", "\n")
        self.stdout.write(f"{start}demo shop {bar} {share:4.0%} {stage:<32}", ending=end)
        self.stdout.flush()


def _now(today: date | None) -> datetime:
    """The moment the shop is made for: now, or noon of a given day."""
    return timezone.now() if today is None else datetime.combine(today, clock(12), UTC)
