"""The hand-over journal: what a killed process leaves behind is read exactly."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from crm.channels import journal
from crm.channels.journal import HandOverJournal, left_behind

KILLED = """
import os, sys
from pathlib import Path
from crm.channels.journal import HandOverJournal
notes = HandOverJournal(Path(sys.argv[1]))
notes.begin([101, 102, 103, 104, 105])
for index, state in enumerate([0, 1, 2, 3, 5]):
    notes.mark(index, state)
print("ready", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def recovering(folder):
    """Every journal of a folder whose owner is dead, held."""
    with contextlib.ExitStack() as held:
        found = [held.enter_context(journal.recovering(path)) for path in left_behind(folder)]
        yield [left for left in found if left is not None]


@pytest.fixture
def killed(tmp_path):
    """A folder in which a process noted five messages and was killed with -9."""
    process = start(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    return tmp_path


def start(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_killed_process_leaves_word_of_every_message(killed):
    with recovering(killed) as found:
        (left,) = found

    assert left.untouched == (101,)
    assert left.doubtful == (102, 103)
    assert left.confirmed == (104,)
    assert left.refused == (105,)


def test_what_was_settled_is_not_found_again(killed):
    with recovering(killed):
        pass

    with recovering(killed) as again:
        assert again == []
    assert list(killed.iterdir()) == []


def test_what_could_not_be_settled_is_found_again(killed):
    with pytest.raises(RuntimeError), recovering(killed):
        raise RuntimeError("the database is down")

    with recovering(killed) as again:
        assert [left.confirmed for left in again] == [(104,)]


def test_two_sweepers_never_settle_the_same_journal(killed):
    with recovering(killed) as first, recovering(killed) as second:
        assert len(first) == 1
        assert second == []


def test_a_living_process_keeps_its_journal_to_itself(tmp_path):
    process = start(tmp_path)

    with recovering(tmp_path) as found:
        assert found == []

    process.communicate()
    with recovering(tmp_path) as found:
        assert len(found) == 1


def test_what_a_machine_wrote_before_it_lost_its_power_is_not_believed(killed, monkeypatch):
    monkeypatch.setattr(journal, "_boot", lambda: b"another start...")

    with recovering(killed) as (left,):
        assert not left.is_trusted
        assert (left.untouched, left.confirmed) == ((), ())


def test_a_journal_cut_short_is_not_believed(killed):
    (path,) = left_behind(killed)
    os.truncate(path, 100)

    with recovering(killed) as (left,):
        assert not left.is_trusted


def test_a_sweep_that_comes_while_a_journal_is_opened_does_not_take_it_away(tmp_path, monkeypatch):
    lock, swept = fcntl.flock, []

    def sweep_first(descriptor, operation):
        if not swept:
            swept.append(True)
            with recovering(tmp_path):
                pass
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    notes = HandOverJournal(tmp_path, owner="worker")

    assert left_behind(tmp_path) == [notes.path]
    with recovering(tmp_path) as found:
        assert found == []
    notes.close()


def test_a_journal_that_was_left_is_found_even_without_a_batch(tmp_path):
    HandOverJournal(tmp_path, owner="worker").leave()

    with recovering(tmp_path) as (left,):
        assert (left.owner, left.is_trusted) == ("worker", True)


def test_a_settled_batch_leaves_nothing(tmp_path):
    notes = HandOverJournal(tmp_path)
    notes.begin([1, 2])
    notes.mark(0, journal.CONFIRMED)
    notes.end()
    notes.close()

    assert list(tmp_path.iterdir()) == []


def test_a_journal_is_reused_batch_after_batch(tmp_path):
    notes = HandOverJournal(tmp_path, owner="worker")
    notes.begin([1, 2, 3])
    notes.mark(2, journal.CONFIRMED)
    notes.end()
    notes.begin([4])
    notes.close()

    with recovering(tmp_path) as (left,):
        assert (left.untouched, left.confirmed) == ((4,), ())


def test_a_batch_beyond_the_capacity_is_refused(tmp_path):
    notes = HandOverJournal(tmp_path)

    with pytest.raises(ValueError, match="at most"):
        notes.begin(range(journal.CAPACITY + 1))

    notes.close()


def test_nobody_else_may_read_the_journals(tmp_path):
    folder = tmp_path / "journals"
    notes = HandOverJournal(folder)

    assert os.stat(notes.path).st_mode & 0o077 == 0
    notes.close()
