"""Reads from /proc what a tree of processes uses; elsewhere there is nothing to read."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def descendants(root: int) -> list[int]:
    """Every process below this one, nearest first."""
    parents = _parents()
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


def children(parent: int) -> list[int]:
    """The processes that this one has started itself."""
    return [child for child, its_parent in _parents().items() if its_parent == parent]


def title(pid: int) -> str:
    """What the process is called, by itself or by its program."""
    try:
        return (PROC / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def cpu_seconds(pids: list[int]) -> float:
    """The processor time that these processes have used so far."""
    return sum(_cpu(pid) for pid in pids) / TICKS


def memory(pid: int) -> int:
    """The bytes of memory a process answers for: what it shares is divided by the sharers."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _parents() -> dict[int, int]:
    folders = PROC.glob("[0-9]*") if PROC.is_dir() else ()
    return {int(folder.name): int(fields[1]) for folder in folders if (fields := _stat(folder))}


def _cpu(pid: int) -> int:
    fields = _stat(PROC / str(pid))
    return int(fields[11]) + int(fields[12]) if fields else 0


def _stat(folder: Path) -> list[str]:
    """The fields after the process's name, which may itself hold spaces and brackets."""
    try:
        text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()
