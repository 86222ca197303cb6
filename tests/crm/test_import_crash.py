"""Importing workers killed with -9 at any moment: everybody is in once, and the counts balance."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from benchmarks.scratch import address_of
from crm import customers, imports
from crm.models import ConsentDecision, Customer, Event, Identity, ImportRun, RejectedRow
from tests.crm.importing import NOW, plan_of, received, table

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PEOPLE, BATCH, KILLS = 1500, 50, 3
HEADING = "id,email,name,newsletter,consent_source,consent_date"


def worker(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crm.import_worker", str(BATCH)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": address_of(connection.settings_dict["NAME"]),
            "DJANGO_SETTINGS_MODULE": "marketing.settings",
            "RAPPORT_VAR": str(folder),
        },
    )


def wait_for(rows: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and ImportRun.objects.get().rows_done < rows:
        assert time.monotonic() < deadline, "the worker takes nothing in"
        time.sleep(0.005)


def test_a_worker_killed_again_and_again_loses_and_doubles_nobody(settings: object, tmp_path: Path):
    settings.VAR_DIR = tmp_path  # type: ignore[attr-defined]
    draw = random.Random(5)
    rows = [
        [n, "bad" if n % 50 == 7 else f"p{n}@shop.example", f"P {n}", "yes", "Shop", "2026-01-02"]
        for n in range(PEOPLE)
    ]
    run = received(table(*rows, heading=HEADING))
    imports.settle(run_id=run.pk, plan=plan_of(run))
    imports.start(run_id=run.pk)

    killed = 0
    for nth in range(KILLS):
        process = worker(tmp_path)
        wait_for(int(PEOPLE * nth / (KILLS + 2)) + 1, process)
        time.sleep(draw.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        ImportRun.objects.update(lease_until_at=None)  # as it is when the lease is over
        # Somebody else writes about the same people meanwhile.
        customers.identify(
            person=customers.Person(email=f"p{PEOPLE - 1 - nth}@shop.example"), now=NOW
        )
    assert worker(tmp_path).wait(timeout=120) == 0

    run.refresh_from_db()
    good = PEOPLE - PEOPLE // 50
    assert killed >= 2
    assert run.state == "finished"
    assert (run.created + run.updated, run.rejected) == (good, PEOPLE - good)
    assert run.rows == run.rows_done == PEOPLE
    assert Customer.objects.count() == good
    assert Identity.objects.filter(kind="email").count() == good
    assert RejectedRow.objects.count() == PEOPLE - good
    assert ConsentDecision.objects.count() == good
    assert Event.objects.filter(name="consent.granted").count() == good
