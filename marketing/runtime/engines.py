"""PostgreSQL and Valkey of our own: how they are prepared, started and addressed."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from marketing.runtime import binaries, launch, probes
from marketing.runtime.places import Places
from marketing.runtime.problems import RuntimeProblem

USER = "app"
DATABASE = "rapport"
ROOM_NEEDED = 200 * 1024 * 1024
LAUNCHER = str(Path(launch.__file__).resolve())

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "40",
    "shared_buffers": "24MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_wal_size": "1GB",
    "autovacuum_max_workers": "2",
    "max_parallel_workers": "2",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# Care is of no use to data that is thrown away a minute later; many tests at once connect often.
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Engine:
    """One server program, ready to be started by `launched`."""

    name: str
    command: tuple[str, ...]
    stop_signal: signal.Signals
    identity: str
    sockets: Path

    def answers(self) -> bool:
        """Whether clients can be let in."""
        if self.name == "valkey":
            return probes.valkey(self.sockets / "valkey.sock") == probes.READY
        # Any SQLSTATE of its own means it takes questions, except "still starting up".
        said = probes.postgres(self.sockets, database="postgres", user=USER)
        return said == probes.READY


def launched(command: tuple[str, ...], death: signal.Signals, identity: str) -> list[str]:
    """The command line that runs a program so that it dies with this very process."""
    shim = [sys.executable, "-I", "-S", LAUNCHER]
    return [*shim, str(os.getpid()), str(int(death)), identity, *command]


def database_url(sockets: Path) -> str:
    """How Django and psql reach the embedded PostgreSQL."""
    return f"postgresql://{USER}@/{DATABASE}?host={quote(str(sockets), safe='/')}"


def redis_url(sockets: Path) -> str:
    """How Celery and the cache reach the embedded Valkey."""
    return f"unix://{quote(str(sockets / 'valkey.sock'), safe='/')}?db=0"


def postgres(places: Places, *, durable: bool = True) -> Engine:
    """PostgreSQL on this data folder, which is made where there is none."""
    programs = binaries.postgres()
    identity = _identity(places, programs)
    _wait_for_leftover(places.postgres / "postmaster.pid", "postgres")
    if (places.postgres / "PG_VERSION").exists():
        _check_version(places.postgres, programs)
        _own(places.postgres, identity)
    else:
        _initialise(places.postgres, programs, identity)
    sockets = places.sockets()
    settings = {**POSTGRES_SETTINGS, "unix_socket_directories": str(sockets)}
    if binaries.postgres_major(programs) >= "18":
        settings["io_method"] = "sync"
    if not durable:
        settings |= THROW_AWAY
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = (str(programs / "postgres"), "-D", str(places.postgres), *options)
    return Engine("postgres", command, signal.SIGINT, identity, sockets)


def valkey(places: Places, *, durable: bool = True) -> Engine:
    """Valkey on this data folder, writing every command down within a second."""
    sockets = places.sockets()
    pidfile = places.valkey / "valkey.pid"
    _wait_for_leftover(pidfile, "valkey-server")
    settings = {
        "port": "0",
        "unixsocket": str(sockets / "valkey.sock"),
        "unixsocketperm": "700",
        "dir": str(places.valkey),
        "pidfile": str(pidfile),
        "appendonly": "yes" if durable else "no",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "databases": "64",
        "daemonize": "no",
        "set-proc-title": "no",
        "loglevel": "warning",
        "logfile": "",
    }
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    return Engine("valkey", (str(binaries.valkey()), *options), signal.SIGTERM, "plain", sockets)


def ensure_database(sockets: Path) -> None:
    """Make the database where PostgreSQL does not have it yet."""
    if probes.postgres(sockets, database=DATABASE, user=USER) != probes.NO_DATABASE:
        return
    createdb = binaries.postgres() / "createdb"
    subprocess.run([createdb, "-h", sockets, "-U", USER, DATABASE], check=True)


def _identity(places: Places, programs: Path) -> str:
    """As whom PostgreSQL may run here: it refuses root."""
    if os.geteuid() != 0 and _has_name():
        return "plain"
    if _namespace_works(places, programs):
        return "namespace"
    if os.geteuid() == 0:
        return "nobody"
    raise RuntimeProblem(
        f"User id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL needs one: "
        "add it, or set DATABASE_URL to a PostgreSQL of your own."
    )


def _has_name() -> bool:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        return False
    return True


def _namespace_works(places: Places, programs: Path) -> bool:
    """Whether a process in a user namespace of its own reaches the programs and the data."""
    if sys.platform != "linux" or os.environ.get("RAPPORT_USER_NAMESPACE") == "off":
        return False
    test = f"test -x {_word(programs / 'postgres')} && test -w {_word(places.var)}"
    command = launched(("/bin/sh", "-c", test), signal.SIGKILL, "namespace")
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _word(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"


def _initialise(data: Path, programs: Path, identity: str) -> None:
    free = shutil.disk_usage(data.parent).free
    if free < ROOM_NEEDED:
        raise RuntimeProblem(
            f"Only {free // 1024**2} MB are free for {data}, and a new database needs "
            f"{ROOM_NEEDED // 1024**2} MB: make room or set RAPPORT_VAR to another disk."
        )
    # What an interrupted first start left has no PG_VERSION yet and holds nobody's data.
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    _own(data, identity)
    locale = ("--locale-provider=builtin", "--locale=C.UTF-8", "-E", "UTF8")
    program = (str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", *locale)
    command = launched((*program, "--no-instructions"), signal.SIGKILL, identity)
    done = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        shutil.rmtree(data, ignore_errors=True)
        raise RuntimeProblem(why_not("PostgreSQL's data folder could not be made", done.stderr))


def why_not(what: str, said: str) -> str:
    """One sentence out of a program's last words."""
    if "No space left on device" in said:
        return f"{what} because the disk is full: make room, then start again."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "FATAL" in line]
    return f"{what} ({(telling or lines or ['it said nothing'])[-1]}): see to that and start again."


def _check_version(data: Path, programs: Path) -> None:
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = binaries.postgres_major(programs)
    if found != ours:
        raise RuntimeProblem(
            f"{data} was made by PostgreSQL {found} and this is PostgreSQL {ours}: dump it with "
            f"version {found} and load it into a new data folder, or set RAPPORT_VAR to another."
        )


def _own(data: Path, identity: str) -> None:
    """Give the data to whom PostgreSQL will run as; it refuses a folder of anybody else."""
    wanted = launch.ordinary_user() if identity == "nobody" else os.geteuid()
    if data.stat().st_uid == wanted:
        return
    for path in (data, *data.rglob("*")):
        os.lchown(path, wanted, wanted if identity == "nobody" else os.getegid())


def _wait_for_leftover(pidfile: Path, program: str) -> None:
    """Let an engine that is still shutting down finish; a stale file of a dead one is removed."""
    deadline = time.monotonic() + 15
    while (pid := _read_pid(pidfile)) and _is_program(pid, program):
        if time.monotonic() > deadline:
            raise RuntimeProblem(
                f"Another {program} (process {pid}) works on {pidfile.parent}: "
                "stop it first, or set RAPPORT_VAR to another folder."
            )
        time.sleep(0.05)
    pidfile.unlink(missing_ok=True)


def _read_pid(pidfile: Path) -> int:
    try:
        return int(pidfile.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def _is_program(pid: int, program: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip() == program
    except OSError:
        return sys.platform != "linux"
