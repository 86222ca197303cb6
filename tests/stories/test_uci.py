"""The main job on the orders of a real shop: the UCI Online Retail file.

Every other customer of it with all they bought, and all of them where RAPPORT_LONG asks for it.
"""

import csv
import gzip
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stories import running
from tests.stories.story import Story

pytestmark = pytest.mark.processes

LONG = bool(os.environ.get("RAPPORT_LONG"))
ROWS, CUSTOMERS = 541_909, 4338
BUYERS = {
    "version": 1,
    "all": [
        {"consent": "granted", "channel": "email", "purpose": "marketing"},
        {"orders": "recency_days", "op": "at_most", "value": 6000},
        {"orders": "count", "op": "at_least", "value": 2},
    ],
}


@dataclass(frozen=True)
class Shop:
    """The file that is imported, and what is in it."""

    path: Path
    rows: int
    customers: int


def shop_in(whole, folder):
    """The whole file, or one with every other customer, and every other invoice of nobody."""
    if LONG:
        return Shop(whole, ROWS, CUSTOMERS)
    path, rows, customers = folder / "half.csv.gz", 0, set()
    with (
        gzip.open(whole, "rt", encoding="utf-8", newline="") as file,
        gzip.open(path, "wt", compresslevel=1, encoding="utf-8", newline="") as half,
    ):
        reader, writer = csv.reader(file), csv.writer(half)
        writer.writerow(next(reader))
        for row in reader:
            who = row[6] or re.sub(r"\D", "", row[0])
            if int(float(who)) % 2:
                writer.writerow(row)
                rows += 1
                customers.add(row[6])
    assert rows > ROWS * 0.4
    return Shop(path, rows, len(customers - {""}))


def test_a_real_shop_is_imported_understood_and_written_to(tmp_path, var, shared_data):
    shop = shop_in(shared_data / "online_retail" / "online_retail.csv.gz", tmp_path)
    with running.running(var, "--no-demo", **running.IMPATIENT) as started:
        report = imported(started, shop)
        with running.browser(started) as staff:
            story = Story(started, staff)

            a_run_beats_recency(story)
            what_goes_with_what_beats_the_bestsellers(story)
            regular_buyers_get_a_mail(story, shop)

    assert "rejected" in report


def imported(started, shop):
    """Import the file; every row is kept or rejected under a kind."""
    report = started.command(
        "import_orders",
        str(shop.path),
        "--currency=GBP",
        "--time-zone=Europe/London",
        "--email-domain=example.com",
        "--consent-source=trial",
        "--consent-date=2011-12-09",
    )
    print(report)
    total, kept, rejected = (
        int(number.replace(",", ""))
        for number in re.search(
            r"([\d,]+) rows = ([\d,]+) kept \+ ([\d,]+) rejected", report
        ).groups()
    )
    assert total == kept + rejected == shop.rows
    assert started.value("SELECT count(*) FROM crm_customer") == pytest.approx(
        shop.customers, abs=40
    )
    return report


def a_run_beats_recency(story):
    for kind in ("buys_90_days", "clusters", "recommendations"):
        story.staff.submit("/admin/marketing/trainingrun/train/", kind=kind)
    running.until(
        lambda: (
            story.set.value(
                "SELECT count(*) FROM marketing_trainingrun WHERE state IN ('used', 'not_used')"
            )
            == 3
        ),
        seconds=240,
        what="all runs are finished",
    )
    metrics, baseline = story.set.rows(
        "SELECT metrics, baseline FROM marketing_trainingrun"
        " WHERE kind = 'buys_90_days' AND state = 'used'"
    )[0]
    print(f"score: AUC {metrics['auc']:.3f}, recency {baseline['auc']:.3f}")
    assert metrics["auc"] > baseline["auc"]
    assert story.set.value("SELECT count(*) FROM marketing_cluster") >= 3


def what_goes_with_what_beats_the_bestsellers(story):
    metrics, baseline, parameters = story.set.rows(
        "SELECT metrics, baseline, parameters FROM marketing_trainingrun"
        " WHERE kind = 'recommendations' AND state = 'used'"
    )[0]
    print(
        f"recommendations: {metrics['rows']} people, hit rate {metrics['hit_rate']:.3f},"
        f" bestsellers {baseline['hit_rate']:.3f}; NDCG {metrics['ndcg']:.3f},"
        f" bestsellers {baseline['ndcg']:.3f}; learnt in {parameters['learnt_in_seconds']} s"
    )
    assert metrics["hit_rate"] > 1.1 * baseline["hit_rate"]
    assert metrics["ndcg"] > 1.2 * baseline["ndcg"]
    assert parameters["ndcg_gain_low"] > 0


def regular_buyers_get_a_mail(story, shop):
    story.gather("Regular buyers", BUYERS)
    template = story.add(
        "crm/template",
        "crm_template",
        name="Thanks",
        channel="email",
        subject="Thank you for {{ orders.count }} orders",
        html='<p>Thank you!</p><p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>',
        text="",
    )
    story.plan("Thanks", channel="email", template=template)
    story.launch()
    members = story.set.value(
        "SELECT member_count FROM marketing_segment WHERE id = %s", [story.segment]
    )
    caught = story.set.value("SELECT count(*) FROM crm_caughtmessage")
    print(f"segment: {members} regular buyers; {caught} mails in the outbox")
    assert caught == members > shop.customers * 0.46
