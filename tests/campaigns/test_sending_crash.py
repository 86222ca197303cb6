"""Workers killed with -9 in the middle of batches: nobody is forgotten or written to twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks.scratch import address_of
from campaigns import broadcasts, sending
from campaigns.models import Campaign, Delivery
from campaigns.sending import claims
from crm import messages
from crm.models import Customer, Message
from tests.campaigns import staging
from tests.crm.channels.smtp_server import ScriptedSmtp

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

PEOPLE, SIZE, WORKERS, KILLS = 300, 40, 2, 4
PATIENCE = 60.0


def worker(campaign: Campaign, server: ScriptedSmtp, folder: Path) -> subprocess.Popen[bytes]:
    """A real process that sends this campaign over real SMTP."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.campaigns.worker", str(campaign.pk), str(SIZE)],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "DATABASE_URL": address_of(connection.settings_dict["NAME"]),
            "DJANGO_SETTINGS_MODULE": "marketing.settings",
            "RAPPORT_VAR": str(folder),
            "EMAIL_URL": server.url,
        },
    )


def wait_for(server: ScriptedSmtp, mails: int, workers: list[subprocess.Popen[bytes]]) -> None:
    """Wait until so many mails have arrived or the workers have ended."""
    deadline = time.monotonic() + PATIENCE
    while len(server.mails) < mails and any(worker.poll() is None for worker in workers):
        assert time.monotonic() < deadline, "the workers send nothing"
        time.sleep(0.001)


def sweep() -> None:
    """What the beat does, at a time when the leases of the dead have ended."""
    messages.recover(now=timezone.now())
    sending.release_expired(now=timezone.now() + 2 * claims.LEASE)
    sending.replan_unsent(now=timezone.now())


@pytest.fixture
def campaign() -> Campaign:
    """A campaign to many people, its deliveries planned."""
    now = timezone.now() - timedelta(minutes=5)
    return staging.running(customers=staging.crowd(count=PEOPLE, now=now), now=now)


def test_kills_lose_nobody_and_double_nobody(campaign: Campaign, tmp_path: Path) -> None:
    chance = random.Random(2)
    with ScriptedSmtp() as server:
        for kill in range(KILLS):
            workers = [worker(campaign, server, tmp_path) for _ in range(WORKERS)]
            wait_for(server, (kill + 1) * 40 + chance.randrange(20), workers)
            for one in workers:
                one.send_signal(signal.SIGKILL)
                one.wait()
            sweep()
        # A slow machine may cost a connection: what failed for that is planned once more.
        while campaign.deliveries.filter(state="planned").exists():
            assert worker(campaign, server, tmp_path).wait(PATIENCE) == 0
            sweep()

    got = Counter(mail.recipient for mail in server.mails)
    in_doubt = set(Message.objects.filter(state="in_doubt").values_list("address", flat=True))
    everybody = set(Customer.objects.values_list("email", flat=True))
    assert set(got.values()) == {1}
    assert everybody - set(got) <= in_doubt
    assert len(in_doubt) <= KILLS * WORKERS
    # The kills did hit: something was left behind in the middle of a batch.
    left = Message.objects.filter(reason__in=("never_handed_over", "worker_lost"))
    assert left.exists()
    assert staging.is_even(campaign=campaign)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"handed_over"}
    assert broadcasts.finish_done(now=timezone.now()) == [campaign.pk]
