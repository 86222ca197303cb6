"""PostgreSQL and Valkey of the benchmark's own, which it may stop, kill and start again."""

import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import environ
from django.core.management import call_command
from django.db import connection

from marketing.runtime import engines, places
from marketing.runtime.engines import Engine

_PATIENCE = 60.0


class Server:
    """One server program, durable as in production."""

    def __init__(self, engine: Engine, log: Path) -> None:
        self.engine = engine
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        engine = self.engine
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                engines.launched(engine.command, engine.stop_signal, engine.identity),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not engine.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{engine.name} does not start: {self._log.read_text()[-500:]}")
            time.sleep(0.02)

    def stop(self, number: signal.Signals) -> None:
        """Stop it by this signal and wait until it has gone."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_PATIENCE)
            self._process = None


@dataclass(frozen=True, slots=True)
class Servers:
    """The two, and how other processes reach them."""

    postgres: Server
    valkey: Server
    environment: dict[str, str]


@contextmanager
def running() -> Iterator[Servers]:
    """Make both in a temporary folder, point Django at the database, fill in its tables."""
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="rapport-crash-"))
        here = places.Places(Path(folder).resolve() / "var")
        places.make(here)
        postgres = Server(engines.postgres(here), here.var / "postgres.log")
        valkey = Server(engines.valkey(here), here.var / "valkey.log")
        for server, number in ((postgres, signal.SIGINT), (valkey, signal.SIGTERM)):
            server.start()
            held.callback(server.stop, number)
        sockets = here.sockets()
        engines.ensure_database(sockets)
        address = engines.database_url(sockets)
        with _pointed_at(address):
            call_command("migrate", verbosity=0, skip_checks=True)
            names = {"DATABASE_URL": address, "REDIS_URL": engines.redis_url(sockets)}
            yield Servers(postgres, valkey, names)


@contextmanager
def _pointed_at(address: str) -> Iterator[None]:
    used = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(environ.Env.db_url_config(address) | {"ENGINE": used["ENGINE"]})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(used)
