"""`manage.py status`: what runs, since when, and how much memory each process answers for."""

import os
from collections import Counter
from pathlib import Path

from marketing.runtime import environment, processes, programs, session
from marketing.runtime.places import Places

SUPERVISOR = "runtime"


def main() -> int:
    """Print one line per process of the running set; 1 where none runs."""
    here = environment.load()
    supervisor = running_supervisor(here)
    if not supervisor:
        print(f"Nothing runs on {here.var}: manage.py start starts it.")
        return 1
    used = memory_by_name(supervisor)
    for name, size in used.items():
        print(f"{name:<10} {size / 1e6:7.1f} MB")
    print(f"{'together':<10} {sum(used.values()) / 1e6:7.1f} MB")
    return 0


def running_supervisor(here: Places) -> int:
    """The process that holds the lock of this folder, or 0."""
    if not here.lock.exists():
        return 0
    with session.locked(here.lock) as free:
        return 0 if free else int(here.lock.read_text(encoding="utf-8") or 0)


def memory_by_name(supervisor: int) -> Counter[str]:
    """Bytes for each named process, those that it has forked included."""
    used = Counter({SUPERVISOR: processes.memory(supervisor)})
    for child in processes.children(supervisor):
        # PostgreSQL writes its titles over the environment of what it forks: the child knows.
        name = _name(child)
        for pid in (child, *processes.descendants(child)):
            title = processes.title(pid)
            used[title if title in programs.PARTS else name] += processes.memory(pid)
    return used


def _name(pid: int) -> str:
    try:
        variables = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return "other"
    prefix = f"{environment.PROCESS}=".encode()
    named = (word.removeprefix(prefix) for word in variables if word.startswith(prefix))
    return os.fsdecode(next(named, b"other"))
