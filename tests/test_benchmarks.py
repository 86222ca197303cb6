"""The benchmarks run, leave nothing behind, and say by which limit they are held."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import connection

from benchmarks import made_once, scratch
from benchmarks.scratch import address_of
from benchmarks.send import MADE_ONCE
from crm.rendering import Encoded, LinkContext, compile_template
from tests import house

pytestmark = pytest.mark.processes


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'rapport_bench_%'")
        return {name for (name,) in cursor.fetchall()}


@pytest.fixture(scope="module", autouse=True)
def _tables_at_once(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """One database with our tables, of which each benchmark has a copy instead of migrating."""
    patch = pytest.MonkeyPatch()
    shared = connection.settings_dict["TEST"].get("TEMPLATE")
    made = nullcontext(shared) if shared else scratch.tables()
    with django_db_blocker.unblock(), made as name:
        patch.setenv(scratch.TEMPLATE, name)
        yield
    patch.undo()


def report_of(*command: str) -> dict[str, Any]:
    """What a benchmark said, beside the database of the tests."""
    run = subprocess.run(
        [sys.executable, "-m", "django", "bench", *command, "--json"],
        cwd=house.ROOT,
        env={
            **os.environ,
            "DATABASE_URL": address_of(str(connection.settings_dict["NAME"])),
            "DJANGO_SETTINGS_MODULE": "marketing.settings",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout, run.stderr
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.django_db
def test_the_sending_is_measured_in_a_database_that_is_gone_afterwards() -> None:
    few = ("--recipients", "60", "--rounds", "1", "--workers", "1", "--peers", "0")
    report = report_of("send", *few)

    # One stands beside the others, and is no goal.
    assert set(report["mails"]) == {*report["limit"]["ratio"], MADE_ONCE}
    for mail in report["mails"].values():
        assert mail["ratio"] > 0
        assert mail["mail_bytes"] > 10_000
        assert mail["cpu_microseconds_per_mail"]["render"] > 0
    assert report["mails_in_all"] == 60 * len(report["mails"])
    assert report["celery_microseconds_per_ring"] > report["celery_microseconds_per_mail"] > 0
    assert report["is_within_limit"] == all(report["within"].values())
    assert not databases()


def test_a_mail_that_is_made_once_goes_to_everybody_until_that_ends() -> None:
    template = compile_template(channel="email", subject="Dear {{ name }}", html="<p>Spring</p>")
    items = [({"name": name}, LinkContext("", "")) for name in ("Ann", "Bob")]

    def subjects() -> list[str]:
        return [mail.subject for mail in template.encode_many(items) if isinstance(mail, Encoded)]

    with made_once.applied():
        assert subjects() == ["Dear Ann", "Dear Ann"]
    assert subjects() == ["Dear Ann", "Dear Bob"]


@pytest.mark.django_db
def test_whatever_stops_a_campaign_stops_it_within_a_second() -> None:
    report = report_of("stops", "--recipients", "100", "--rounds", "1")

    assert len(report["worst_milliseconds"]) == 5
    assert report["is_within_limit"], report


@pytest.mark.django_db
def test_planning_is_measured_beside_a_bare_insert() -> None:
    report = report_of("plan", "--deliveries", "200", "--rounds", "1")

    assert report["deliveries"] == 200
    assert report["ratio"] > 0
    assert report["limit"]["ratio"] > 0


@pytest.mark.django_db
def test_events_in_are_measured_beside_a_copy_of_the_same_rows() -> None:
    report = report_of("ingest", "--events", "1000", "--singles", "100", "--rounds", "1")

    assert report["ratio"] > 0
    assert report["limit"]["ratio"] > 0
    assert 0 < report["p50_ms"] <= report["p99_ms"]
    assert set(report["memory_megabytes_after"]) == {"web", "ingest"}
    assert not databases()


@pytest.mark.django_db
def test_clicks_are_measured_beside_answers_that_keep_nothing() -> None:
    report = report_of("tracking", "--calls", "200", "--rounds", "1")

    for kind in ("click", "open", "bare"):
        assert report[f"{kind}_p99_ms"] > 0
        assert report[f"{kind}_per_second"] > 0
    assert report["limit"]["click_p99_ms"] == report["limit"]["open_p99_ms"] == 5.0
    assert not databases()


@pytest.mark.django_db
def test_an_import_is_measured_beside_a_copy_of_the_same_file() -> None:
    report = report_of("import", "--rows", "500", "--rounds", "1")

    assert report["bench"] == "import"
    assert report["limit"]
    assert not databases()


@pytest.mark.django_db
def test_a_search_is_measured_among_customers_of_its_own() -> None:
    report = report_of("search", "--customers", "500", "--rounds", "1")

    assert report["limit"]
    assert not databases()


@pytest.mark.django_db
def test_rules_are_counted_beside_statements_by_hand_that_find_the_same_and_followed() -> None:
    small = ("--customers", "400", "--events", "4000", "--rounds", "1")
    stream = ("--segments", "45", "--seconds", "1")

    report = report_of("segments", *small, *stream)

    assert len(report["shapes"]) >= 30
    assert {"a city", "lapsed"} <= {one["shape"] for one in report["shapes"] if one["found"]}
    assert report["together"]["segments"] == 45
    assert report["following"]["entries"] == 100
    assert report["following"]["differences"] == 0
    assert report["changed"]["people"] == 4
    assert report["limit"]
    assert not databases()


@pytest.mark.django_db
def test_recommending_is_measured_beside_the_bestsellers() -> None:
    report = report_of("recommend", "--customers", "600", "--lines", "9000", "--rounds", "1")

    assert report["state"] in {"used", "not_used"}
    assert report["hit_rate"] > 0 < report["bestsellers_hit_rate"]
    assert report["microseconds_a_person"] > 0 < report["limit"]["microseconds_a_person"]
    assert not databases()
