"""The plain SMTP pump that the sending is measured against, and the sink both fill."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks import ports

# Debian keeps Postfix's tools out of the way of ordinary users.
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_PATIENCE = 10.0


def tool(name: str) -> str | None:
    """Where one of Postfix's tools is, if it is installed."""
    return shutil.which(name, path=_PATH)


class Running(NamedTuple):
    """A sink that runs: what it is called, its port and its process."""

    name: str
    port: int
    process: int


@contextmanager
def sink() -> Iterator[Running]:
    """Run smtp-sink where it is installed, else our own."""
    program, port = tool("smtp-sink"), ports.free()
    if program:
        as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
        command = [program, *as_user, f"127.0.0.1:{port}", "1000"]
    else:
        command = [sys.executable, "-m", "benchmarks.sink", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=_root())
    try:
        _wait_for(port)
        yield Running(Path(program or "our own").name, port, process.pid)
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(processes: Iterable[int]) -> float:
    """The processor time that these processes took so far; 0 where the system does not tell."""
    total = 0.0
    for process in processes:
        try:
            total += int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0
    return total


def pump(*, port: int, mails: int, size: int, connections: int) -> float:
    """Send mails of this size as plainly as can be; gives mails a second."""
    program = tool("smtp-source")
    command = [sys.executable, "-m", "benchmarks.plain_pump", str(port), str(mails), str(size)]
    command.append(str(connections))
    if program:
        sizes = ["-s", str(connections), "-m", str(mails), "-l", str(size)]
        command = [program, "-d", *sizes, f"127.0.0.1:{port}"]
    started = time.perf_counter()
    subprocess.run(command, check=True, cwd=_root())
    return mails / (time.perf_counter() - started)


def _root() -> Path:
    return Path(__file__).resolve().parent.parent


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
