"""A real worker, really killed: nobody gets a mail twice, and every doubt is shown."""

import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from crm import messages
from crm.models import Message
from tests import making

pytestmark = pytest.mark.django_db(transaction=True)


def run_worker(folder: Path, dies_at: int) -> int:
    """Run a worker on the test's database until it is killed."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = connection.settings_dict["NAME"]
    environment = {
        **os.environ,
        "DATABASE_URL": address._replace(path=f"/{database}").geturl(),
        "RAPPORT_VAR": str(folder),
        "EMAIL_URL": "memory://",
        "DJANGO_SETTINGS_MODULE": "marketing.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
    }
    command = [sys.executable, "-m", "tests.crm.messages.killed", str(dies_at)]
    return subprocess.run(
        command, check=False, cwd=settings.BASE_DIR, env=environment, timeout=60
    ).returncode


@pytest.mark.processes
@pytest.mark.parametrize(("dies_at", "sent"), [(0, 0), (7, 7)])
def test_a_killed_worker_leaves_each_message_in_its_true_state(
    now: datetime, tmp_path: Path, dies_at: int, sent: int
) -> None:
    for _ in range(12):
        making.subscriber(now=now)

    assert run_worker(tmp_path, dies_at) == -signal.SIGKILL
    assert messages.recover(now=now) == 12

    states = list(Message.objects.order_by("pk").values_list("state", "reason"))
    assert states == [
        *[("sent", "")] * sent,
        ("in_doubt", "worker_lost"),
        *[("failed", "never_handed_over")] * (11 - sent),
    ]
