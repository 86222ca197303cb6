"""The spool: what was appended is read back whole, whatever tore at the file."""

import os
import threading
from pathlib import Path

import pytest

from crm import spool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def everything(folder: Path) -> list[bytes]:
    return [
        record
        for path in spool.segments(folder)
        for record in spool.read(path, 0, at_most=10**9)[0]
    ]


def test_what_was_appended_is_read_back_in_order(folder: Path) -> None:
    writer = spool.Writer(folder, durable=True)

    for number in range(100):
        writer.append(b"record %d" % number)

    assert everything(folder) == [b"record %d" % number for number in range(100)]


def test_many_threads_share_the_disk_and_lose_nothing(folder: Path) -> None:
    writer = spool.Writer(folder, durable=True)

    def append(thread: int) -> None:
        for number in range(50):
            writer.append(b"%d-%d" % (thread, number))

    threads = [threading.Thread(target=append, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    found = everything(folder)
    assert len(found) == len(set(found)) == 400


@pytest.mark.parametrize("cut", range(1, 21))
def test_a_torn_tail_is_left_and_what_is_before_it_is_read(folder: Path, cut: int) -> None:
    writer = spool.Writer(folder, durable=False)
    writer.append(b"whole record")
    writer.append(b"torn record!")
    writer.close()
    path = spool.segments(folder)[0]

    os.truncate(path, path.stat().st_size - cut)

    assert spool.read(path, 0, at_most=1000) == ([b"whole record"], 20)


@pytest.mark.parametrize("damage", [b"\0" * 40, b"\xff" * 40, b"\x04\0\0\0abcdefgh"])
def test_rubbish_after_the_last_record_is_no_record(folder: Path, damage: bytes) -> None:
    writer = spool.Writer(folder, durable=False)
    writer.append(b"whole record")
    writer.close()
    path = spool.segments(folder)[0]

    with path.open("ab") as file:
        file.write(damage)

    assert spool.read(path, 0, at_most=1000)[0] == [b"whole record"]


def test_a_record_larger_than_a_read_is_read_whole(folder: Path) -> None:
    writer = spool.Writer(folder, durable=False)
    writer.append(b"x" * 100_000)
    path = spool.segments(folder)[0]

    payloads, end = spool.read(path, 0, at_most=1000)

    assert payloads == [b"x" * 100_000]
    assert end == path.stat().st_size


def test_a_segment_is_finished_once_its_writer_lets_go(folder: Path) -> None:
    writer = spool.Writer(folder, durable=False)
    writer.append(b"record")
    path = spool.segments(folder)[0]

    before = spool.is_finished(path)
    writer.close()

    assert not before
    assert spool.is_finished(path)


def test_a_large_segment_is_followed_by_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 100)
    writer = spool.Writer(folder, durable=False)

    for _ in range(5):
        writer.append(b"x" * 101)

    assert len(spool.segments(folder)) == 5
    assert [spool.is_finished(path) for path in spool.segments(folder)] == [True] * 4 + [False]


def test_a_disk_that_fails_acknowledges_nothing_and_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = spool.Writer(folder, durable=True)
    writer.append(b"before")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(spool, "_sync", full)
        with pytest.raises(spool.SpoolUnwritable):
            writer.append(b"lost")
    with pytest.raises(spool.SpoolUnwritable):
        writer.append(b"too early")
    monkeypatch.setattr(spool, "_REST_SECONDS", 0.0)
    writer._rests_until = 0.0
    writer.append(b"after")

    assert {b"before", b"after"} <= set(everything(folder))
    assert b"too early" not in everything(folder)
    assert len(spool.segments(folder)) == 2


def test_one_reads_and_the_next_waits(folder: Path) -> None:
    with spool.sole_reader(folder) as first, spool.sole_reader(folder) as second:
        assert first
        assert not second

    with spool.sole_reader(folder) as third:
        assert third


def test_a_spool_that_was_never_written_is_empty(folder: Path) -> None:
    assert spool.segments(folder) == []
