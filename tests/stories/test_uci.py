"""The main job on the orders of a real shop: the UCI Online Retail file."""

import re

import pytest

from tests.stories import running
from tests.stories.story import Story

pytestmark = pytest.mark.processes

ROWS = 541_909
BUYERS = {
    "version": 1,
    "all": [
        {"consent": "granted", "channel": "email", "purpose": "marketing"},
        {"orders": "recency_days", "op": "at_most", "value": 6000},
        {"orders": "count", "op": "at_least", "value": 2},
    ],
}


def test_a_real_shop_is_imported_understood_and_written_to(tmp_path, shared_data):
    path = shared_data / "online_retail" / "online_retail.csv.gz"
    with running.running(tmp_path / "var", "--no-demo") as started:
        report = imported(started, str(path))
        with running.browser(started) as staff:
            story = Story(started, staff)

            a_run_beats_recency(story)
            regular_buyers_get_a_mail(story)

    assert "rejected" in report


def imported(started, path):
    """Import the file; every row is kept or rejected under a kind."""
    report = started.command(
        "import_orders",
        path,
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
    assert total == kept + rejected == ROWS
    assert started.value("SELECT count(*) FROM crm_customer") == pytest.approx(4338, abs=40)
    return report


def a_run_beats_recency(story):
    for kind in ("buys_90_days", "clusters"):
        story.staff.submit("/admin/marketing/trainingrun/train/", kind=kind)
    running.until(
        lambda: (
            story.set.value(
                "SELECT count(*) FROM marketing_trainingrun WHERE state IN ('used', 'not_used')"
            )
            == 2
        ),
        seconds=240,
        what="both runs are finished",
    )
    metrics, baseline = story.set.rows(
        "SELECT metrics, baseline FROM marketing_trainingrun"
        " WHERE kind = 'buys_90_days' AND state = 'used'"
    )[0]
    print(f"score: AUC {metrics['auc']:.3f}, recency {baseline['auc']:.3f}")
    assert metrics["auc"] > baseline["auc"]
    assert story.set.value("SELECT count(*) FROM marketing_cluster") >= 3


def regular_buyers_get_a_mail(story):
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
    assert caught == members > 2000
