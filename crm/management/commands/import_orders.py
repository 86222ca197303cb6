"""`manage.py import_orders FILE`: take a shop's order lines in and report on every kind of row."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm import imports

WORDS = {
    "kept": "kept as purchases",
    "kept_without_customer": "kept as purchases without a customer",
    "kept_as_return": "kept as returns, matched with their purchases",
    "unreadable": "unreadable: a number, date or column is missing",
    "repeated": "repeats of an identical line",
    "postage": "postage, no product",
    "discount": "discounts, no product",
    "manual_entry": "manual entries, no product",
    "samples": "samples, no product",
    "bank_charges": "bank charges, no product",
    "marketplace_fee": "marketplace fees, no product",
    "donation": "donations, no product",
    "gift_voucher": "gift vouchers, no product",
    "adjustment": "adjustments and tests, no product",
    "return_without_purchase": "returns of something not bought in this file",
    "stock_correction": "stock corrections (a negative quantity on no cancellation)",
    "no_price": "without a price",
}


class Command(BaseCommand):
    """Import order lines from a CSV file, plain or gzipped."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--currency", default=settings.SHOP_CURRENCY, help="of the prices")
        parser.add_argument("--time-zone", default="UTC", help="the file's local times are in it")
        parser.add_argument(
            "--email-domain", default="", help="make up addresses there, for trying out"
        )
        parser.add_argument(
            "--consent-source", default="", help="where customers agreed to e-mail marketing"
        )
        parser.add_argument("--consent-date", type=date.fromisoformat, help="when they did")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and report."""
        if bool(options["consent_source"]) != bool(options["consent_date"]):
            raise CommandError("Give both --consent-source and --consent-date, or neither.")
        try:
            report = imports.import_orders(
                path=options["file"],
                options=_options(options),
                now=timezone.now(),
                progress=lambda stage: self.stdout.write(f"  {stage} …"),
            )
        except imports.UnusableFile as error:
            raise CommandError(f"{error} Nothing was changed.") from error
        self._show(report)

    def _show(self, report: imports.Report) -> None:
        self.stdout.write(f"{report.rows:>9,} rows read")
        for kind, count in [*report.kept.items(), *report.rejected.items()]:
            self.stdout.write(f"{count:>9,} {WORDS.get(kind, kind)}")
        kept, rejected = sum(report.kept.values()), sum(report.rejected.values())
        self.stdout.write(
            f"{report.rows:,} rows = {kept:,} kept + {rejected:,} rejected\n"
            f"{report.customers:,} customers, {report.products:,} products, "
            f"{report.orders:,} orders ({report.orders_cancelled:,} cancelled, "
            f"{report.orders_without_customer:,} without a customer), "
            f"revenue {report.revenue:,.2f}, in {report.seconds:.1f} s"
        )


def _options(given: dict[str, Any]) -> imports.Options:
    try:
        ZoneInfo(given["time_zone"])
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise CommandError(f"There is no time zone {given['time_zone']!r}.") from error
    day = given["consent_date"]
    return imports.Options(
        currency=given["currency"].upper()[:3],
        time_zone=given["time_zone"],
        email_domain=given["email_domain"],
        consent_source=given["consent_source"],
        consent_at=datetime.combine(day, time(), UTC) if day else None,
    )
