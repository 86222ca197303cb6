"""A worker killed at any line leaves the truth behind."""

import os
import signal
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from crm import messages
from crm.channels import journal as states
from crm.channels.journal import HandOverJournal
from crm.messages import Draft
from crm.models import Customer, Event, Message

from .letters import draft, write

pytestmark = pytest.mark.django_db

_DIE = """
import os, signal, sys
from pathlib import Path
from crm.channels.journal import HandOverJournal
journal = HandOverJournal(Path(sys.argv[1]), owner=sys.argv[2])
ids = [int(one) for one in sys.argv[3].split(",")]
journal.begin(ids)
for index, state in enumerate(sys.argv[4].split(",")):
    journal.mark(index, int(state))
os.kill(os.getpid(), signal.SIGKILL)
"""


def die_with(folder: Path, owner: str, letters: list[Draft], marks: list[int]) -> None:
    """A real process that begins a batch, marks it and is killed."""
    ids = ",".join(str(letter.message_id) for letter in letters)
    told = ",".join(map(str, marks))
    done = subprocess.run(
        [sys.executable, "-c", _DIE, str(folder / "journals"), owner, ids, told],
        check=False,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert done.returncode == -signal.SIGKILL


def found() -> list[tuple[str, str]]:
    """State and reason of every message in order."""
    return list(Message.objects.order_by("pk").values_list("state", "reason"))


def test_the_journal_of_a_killed_worker_tells_how_far_each_message_was(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    letters = [draft(ada) for _ in range(5)]
    letters.append(draft(ada, source_kind="", purpose="conversation"))
    write(*letters, now=now, owner="dead:1:a")
    marks = [
        states.CLAIMED,
        states.HANDING_OVER,
        states.HANDED_OVER,
        states.CONFIRMED,
        states.REFUSED,
        states.CLAIMED,
    ]
    die_with(tmp_path, "dead:1:a", letters, marks)

    recovered = messages.recover(now=now)

    assert recovered == 6
    assert found() == [
        ("failed", "never_handed_over"),
        ("in_doubt", "worker_lost"),
        ("in_doubt", "worker_lost"),
        ("sent", ""),
        ("failed", "rejected"),
        ("queued", ""),
    ]
    assert messages.recover(now=now) == 0


def test_a_worker_that_lives_keeps_its_messages(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    letter = draft(ada)
    journal = HandOverJournal(tmp_path / "journals", owner="alive:1:a")
    journal.begin([letter.message_id])
    write(letter, now=now, owner="alive:1:a")

    assert messages.recover(now=now) == 0
    assert found() == [("sending", "")]
    journal.end()
    journal.close()


def test_a_message_that_another_worker_took_over_is_left_alone(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    letter = draft(ada)
    write(letter, now=now, owner="second:1:b")
    die_with(tmp_path, "first:1:a", [letter], [states.CLAIMED])

    assert messages.recover(now=now) == 0
    assert found() == [("sending", "")]


def test_what_nobody_can_tell_of_is_shown_as_a_doubt(ada: Customer, now: datetime) -> None:
    write(draft(ada), now=now, owner="elsewhere:1:a")

    assert messages.recover(now=now + timedelta(minutes=5)) == 0
    assert messages.recover(now=now + timedelta(minutes=11)) == 1
    assert found() == [("in_doubt", "worker_lost")]


@pytest.mark.django_db(transaction=True)
def test_two_recoveries_at_once_do_no_harm(ada: Customer, now: datetime, tmp_path: Path) -> None:
    letters = [draft(ada) for _ in range(50)]
    write(*letters, now=now, owner="dead:1:a")
    die_with(tmp_path, "dead:1:a", letters, [states.CONFIRMED] * 25 + [states.HANDING_OVER] * 25)
    counts: list[int] = []

    def sweep() -> None:
        counts.append(messages.recover(now=now))
        connection.close()

    sweeps = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in sweeps:
        thread.start()
    for thread in sweeps:
        thread.join()

    assert sum(counts) == 50
    assert found() == [("sent", "")] * 25 + [("in_doubt", "worker_lost")] * 25
    assert Event.objects.filter(name="message.sent").count() == 25


def test_what_was_written_but_never_begun_is_free_again_at_once(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    begun, written = draft(ada), draft(ada)
    write(begun, written, now=now, owner="dead:1:a")
    die_with(tmp_path, "dead:1:a", [begun], [states.CONFIRMED])

    messages.recover(now=now)

    assert found() == [("sent", ""), ("failed", "never_handed_over")]


def test_an_owner_of_this_machine_without_a_journal_is_lost() -> None:
    living = messages.owner()
    here = living.split(":")[0]

    lost = messages.lost_owners(owners={living, f"{here}:1:gone", "elsewhere:1:gone"})

    assert lost == {f"{here}:1:gone"}
