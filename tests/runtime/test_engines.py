"""PostgreSQL and Valkey run from wheels, wherever the data lies and whoever starts them."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from marketing.runtime import engines, launch, probes, session
from marketing.runtime.places import LONGEST_FOLDER, Places, make
from marketing.runtime.problems import RuntimeProblem

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Places]:
    places = Places(tmp_path / "var")
    make(places)
    yield places
    for path in places.sockets().iterdir():
        path.unlink()
    places.sockets().rmdir()


def ask(here: Places, question: str) -> object:
    address = engines.database_url(here.sockets())
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone() if cursor.description else None


def test_data_is_there_again_after_a_second_start(here: Places) -> None:
    with session.running([engines.postgres(here)], here.log):
        engines.ensure_database(here.sockets())
        ask(here, "CREATE TABLE kept AS SELECT '谢谢' AS word")

    with session.running([engines.postgres(here)], here.log):
        engines.ensure_database(here.sockets())

        assert ask(here, "SELECT word FROM kept") == ("谢谢",)
        assert ask(here, "SHOW fsync") == ("on",)


def test_chinese_can_be_searched_by_trigrams(here: Places) -> None:
    with session.running([engines.postgres(here, durable=False)], here.log):
        engines.ensure_database(here.sockets())
        ask(here, "CREATE EXTENSION pg_trgm")

        assert ask(here, "SELECT similarity('谢谢你', '谢谢你们') > 0.3") == (True,)


def test_valkey_keeps_what_it_was_told(here: Places) -> None:
    with session.running([engines.valkey(here)], here.log):
        assert probes._ask(here.sockets() / "valkey.sock", b"SET a 1\r\n") == b"+OK\r\n"

    with session.running([engines.valkey(here)], here.log):
        assert probes._ask(here.sockets() / "valkey.sock", b"GET a\r\n") == b"$1\r\n1\r\n"


def test_data_of_another_version_is_left_alone(here: Places) -> None:
    here.postgres.mkdir()
    (here.postgres / "PG_VERSION").write_text("12\n")

    with pytest.raises(RuntimeProblem, match=r"made by PostgreSQL 12 .* dump it with version 12"):
        engines.postgres(here)


def test_a_nearly_full_disk_is_said_before_anything_is_made(
    here: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "ROOM_NEEDED", 1 << 62)

    with pytest.raises(RuntimeProblem, match="make room or set RAPPORT_VAR"):
        engines.postgres(here)
    assert not here.postgres.exists()


def test_a_stale_lock_of_a_killed_postgres_does_not_stop_the_next(here: Places) -> None:
    engine = engines.postgres(here, durable=False)
    command = engines.launched(engine.command, signal.SIGINT, engine.identity)
    with here.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    deadline = time.monotonic() + 20
    while not engine.answers() and time.monotonic() < deadline:
        continue
    process.kill()
    process.wait()

    with session.running([engines.postgres(here)], here.log):
        assert engine.answers()


@root_only
def test_root_without_user_namespaces_runs_it_as_nobody_even_in_a_closed_folder(
    here: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAPPORT_USER_NAMESPACE", "off")
    here.var.parent.chmod(0o700)

    with session.running([engines.postgres(here, durable=False)], here.log):
        engines.ensure_database(here.sockets())

        assert ask(here, "SELECT 1") == (1,)
        assert here.postgres.stat().st_uid == launch.ordinary_user()


@root_only
def test_data_moves_between_nobody_and_root(here: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAPPORT_USER_NAMESPACE", "off")
    engines.postgres(here)
    monkeypatch.delenv("RAPPORT_USER_NAMESPACE")

    engine = engines.postgres(here)

    if engine.identity == "nobody":
        pytest.skip("this machine refuses user namespaces")
    with session.running([engine], here.log):
        assert here.postgres.stat().st_uid == 0


def test_sockets_lie_in_a_short_private_folder_however_deep_the_data(tmp_path: Path) -> None:
    deep = Places(tmp_path / ("x" * 200) / ("y" * 200))

    folder = deep.sockets()

    assert len(os.fsencode(folder)) <= LONGEST_FOLDER
    assert folder.stat().st_mode & 0o077 == 0
    assert folder == deep.sockets()
    folder.rmdir()


def test_an_address_survives_a_folder_with_odd_signs() -> None:
    url = engines.database_url(Path("/tmp/a b&c?d%"))

    assert psycopg.conninfo.conninfo_to_dict(url)["host"] == "/tmp/a b&c?d%"


def test_a_second_owner_of_the_data_is_refused_by_name(here: Places) -> None:
    with session.locked(here.lock) as first, session.locked(here.lock) as second:
        assert first
        assert not second
        assert str(os.getpid()) in session.busy(here)


def test_a_program_that_cannot_start_says_why(here: Places) -> None:
    engine = engines.Engine(
        "postgres", ("/bin/sh", "-c", "echo FATAL: no luck; exit 1"), signal.SIGINT, "plain",
        here.sockets(),
    )  # fmt: skip

    with (
        pytest.raises(RuntimeProblem, match=r"postgres does not start \(FATAL: no luck\)"),
        session.running([engine], here.log),
    ):
        pass
