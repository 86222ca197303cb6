"""A worker killed at any line leaves the truth behind."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from crm import messages
from crm.channels import journal as states
from crm.channels.journal import HandOverJournal
from crm.channels.memory import MemoryAdapter
from crm.messages import Draft, Settlement, journals, recovery, sending
from crm.models import Customer, Event, HandOver, Message

from .letters import draft, write

pytestmark = pytest.mark.django_db

_DIE = """
import os, signal, sys
from pathlib import Path
from crm.channels.journal import HandOverJournal
from crm.channels.memory import MemoryAdapter
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


def test_a_machine_that_lost_its_power_leaves_doubts_only(
    ada: Customer, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [draft(ada) for _ in range(3)]
    write(*letters, now=now, owner="dead:1:a")
    die_with(tmp_path, "dead:1:a", letters, [states.CLAIMED, states.CONFIRMED, states.REFUSED])
    monkeypatch.setattr(states, "_boot", lambda: b"another start...")

    messages.recover(now=now)

    assert found() == [("in_doubt", "worker_lost")] * 3


@pytest.mark.django_db(transaction=True)
def test_a_commit_that_is_on_its_way_when_its_worker_dies_is_waited_for(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    letter = draft(ada)
    written, looked = threading.Event(), threading.Event()
    die_with(tmp_path, "dead:1:a", [letter], [states.CLAIMED])

    def commit_late() -> None:
        with messages.writing_as(owner="dead:1:a"):
            messages.write_many(drafts=[letter], owner="dead:1:a", now=now)
            written.set()
            assert looked.wait(10)
        connection.close()

    backend = threading.Thread(target=commit_late)
    backend.start()
    assert written.wait(10)
    early = messages.recover(now=now)
    looked.set()
    backend.join()

    assert early == 0
    assert messages.recover(now=now) == 1
    assert found() == [("failed", "never_handed_over")]


def test_a_commit_of_which_nobody_knows_whether_it_held_is_left_to_the_recovery(
    ada: Customer, now: datetime
) -> None:
    owner, letter = messages.owner(), draft(ada)

    # What was written is kept, and the worker hears an error all the same.
    messages.write_many(drafts=[letter], owner=owner, now=now)
    with pytest.raises(ConnectionError), messages.writing_as(owner=owner):
        raise ConnectionError("the server went away while it was committing")

    assert messages.owner() != owner
    assert messages.recover(now=now) == 1
    assert found() == [("failed", "never_handed_over")]


def test_an_answer_whose_claim_may_have_been_committed_is_queued_again(
    ada: Customer, now: datetime
) -> None:
    owner, letter = messages.owner(), draft(ada, source_kind="", purpose="conversation")

    write(letter, now=now, owner=owner)
    journals.current().end()
    with pytest.raises(ConnectionError), messages.writing_as(owner=owner):
        raise ConnectionError("the server went away while it was committing")

    assert messages.recover(now=now) == 1
    assert found() == [("queued", "")]


def test_a_journal_that_cannot_be_settled_holds_up_no_other(
    ada: Customer, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = draft(ada), draft(ada)
    write(first, now=now, owner="dead:1:a")
    write(second, now=now, owner="dead:2:b")
    die_with(tmp_path, "dead:1:a", [first], [states.CONFIRMED])
    die_with(tmp_path, "dead:2:b", [second], [states.CONFIRMED])
    held = recovery._held

    def fail_for_one(owner: str, rows: Iterable[HandOver]) -> dict[int, str]:
        if owner == "dead:1:a":
            raise RuntimeError("something about it is odd")
        return held(owner, rows)

    monkeypatch.setattr(recovery, "_held", fail_for_one)

    with pytest.raises(ExceptionGroup, match="1 journals"):
        messages.recover(now=now)
    assert found() == [("sending", ""), ("sent", "")]


def test_a_worker_that_was_frozen_settles_what_was_put_in_doubt_meanwhile(
    ada: Customer, now: datetime
) -> None:
    letter = draft(ada)
    write(letter, now=now)
    messages.recover(now=now + timedelta(hours=3))
    assert found() == [("in_doubt", "worker_lost")]

    messages.send_many(drafts=[letter], now=now)

    assert found() == [("sent", "")]


def test_the_note_of_a_worker_that_was_killed_when_thawed_settles_a_doubt(
    ada: Customer, now: datetime, tmp_path: Path
) -> None:
    letter = draft(ada)
    write(letter, now=now, owner="dead:1:a")
    messages.settle_many(
        outcomes=[Settlement(letter.message_id, "in_doubt", "worker_lost")], now=now
    )
    die_with(tmp_path, "dead:1:a", [letter], [states.CONFIRMED])

    assert messages.recover(now=now) == 1
    assert found() == [("sent", "")]


def test_nothing_begins_while_the_database_cannot_be_asked_and_no_answer_is_lost(
    ada: Customer, now: datetime
) -> None:
    class Away(messages.Watch):
        def whole(self) -> messages.Stopped | None:
            raise OperationalError("the server closed the connection")

    letters = [draft(ada), draft(ada)]
    write(*letters, now=now)

    messages.send_many(drafts=letters, now=now, stop=Away(letters, now=now))

    assert found() == [("failed", "stopped")] * 2


def test_an_owner_of_this_machine_without_a_journal_is_lost() -> None:
    living = messages.owner()
    here = living.split(":")[0]

    lost = messages.lost_owners(owners={living, f"{here}:1:gone", "elsewhere:1:gone"})

    assert lost == {f"{here}:1:gone"}


def test_what_is_held_is_named_until_the_last_of_it_is_settled(
    ada: Customer, now: datetime, provider: MemoryAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = [draft(ada), draft(ada, channel="sms", address="+4915112345678")]
    write(*letters, now=now)
    (held,) = HandOver.objects.all()
    seen: list[bool] = []

    def adapter_for(account: object) -> MemoryAdapter:
        seen.append(HandOver.objects.exists())
        return provider

    monkeypatch.setattr(sending.registry, "adapter_for", adapter_for)

    messages.send_many(drafts=letters, now=now)

    assert held.message_ids == [letter.message_id for letter in letters]
    assert (seen, HandOver.objects.exists()) == ([True, True], False)


def test_what_a_sweep_settles_is_held_no_more(ada: Customer, now: datetime) -> None:
    letter = draft(ada)
    write(letter, now=now, owner="elsewhere:1:a")

    messages.recover(now=now + timedelta(minutes=9))
    before = HandOver.objects.count()
    messages.recover(now=now + timedelta(minutes=11))

    assert (before, HandOver.objects.count()) == (1, 0)


def test_what_another_worker_sends_by_now_is_not_settled_for_the_one_that_died(
    ada: Customer, now: datetime
) -> None:
    letter = draft(ada)
    write(letter, now=now, owner="elsewhere:1:a")
    Message.objects.update(owner="elsewhere:2:b")

    messages.recover(now=now + timedelta(minutes=11))

    assert found() == [("sending", "")]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_waits_for_no_worker_that_is_just_settling(ada: Customer, now: datetime) -> None:
    letters = [draft(ada), draft(ada)]
    write(*letters, now=now, owner="elsewhere:1:a")
    locked, free = (letter.message_id for letter in letters)

    def sweep_beside() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '5s'")
        messages.recover(now=now + timedelta(minutes=11))
        connection.close()

    with transaction.atomic():
        Message.objects.select_for_update().get(pk=locked)
        sweep = threading.Thread(target=sweep_beside)
        sweep.start()
        sweep.join()

    left = dict(Message.objects.values_list("pk", "state"))
    assert (left, HandOver.objects.count()) == ({locked: "sending", free: "in_doubt"}, 1)
