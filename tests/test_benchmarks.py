"""The benchmarks run, leave nothing behind, and say by which limit they are held."""

import json
import os
import subprocess
import sys

import pytest
from django.db import connection

from benchmarks.scratch import address_of
from tests import house

pytestmark = pytest.mark.processes


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'rapport_bench_%'")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db
def test_the_sending_is_measured_in_a_database_that_is_gone_afterwards() -> None:
    command = ["bench", "send", "--recipients", "60", "--rounds", "1", "--workers", "1", "--json"]

    run = subprocess.run(
        [sys.executable, "-m", "django", *command],
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

    report = json.loads(run.stdout)
    assert report["rounds"][0]["mails"] == 60
    assert report["ratio"] > 0
    assert report["limit"]["ratio"] > 0
    assert report["mail_bytes"] > 10_000
    assert not databases()
