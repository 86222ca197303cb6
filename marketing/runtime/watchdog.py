"""Finds a worker, a beat, a follower or an ingest that is alive but does no work any more."""

from dataclasses import dataclass, field
from typing import Any

OLDEST_HEARTBEAT = 60.0
# A pool that used less than this since its last heartbeat is not busy with a long task.
BUSY_CPU_SECONDS = 0.2
# Without a database they wait, as they should, and still give signs of life.
_LOOPS = {
    "ingest": "it has looked at the spool for {:.0f} s no more",
    "follow": "it has followed nothing for {:.0f} s",
    "post": "it has looked at the queue for {:.0f} s no more",
}


@dataclass
class Watchdog:
    """Judges heartbeat ages; knows how much the worker's pool has worked since the last one."""

    _cpu_at_heartbeat: float = field(default=0.0)

    def verdict(self, report: dict[str, Any], *, worker_cpu: float) -> tuple[str, str] | None:
        """Whom to restart and why, or nobody."""
        for name, why in _LOOPS.items():
            age = _age(report, name)
            if age is not None and age > OLDEST_HEARTBEAT:
                return name, why.format(age)
        beat, worker = _age(report, "beat"), _age(report, "worker")
        if worker is not None and worker < OLDEST_HEARTBEAT / 2:
            self._cpu_at_heartbeat = worker_cpu
        if beat is not None and beat > OLDEST_HEARTBEAT:
            return "beat", f"it has rung nothing for {beat:.0f} s"
        # Without a beat nobody asks the worker for a sign of life.
        if beat is None or worker is None or worker <= OLDEST_HEARTBEAT:
            return None
        if worker_cpu - self._cpu_at_heartbeat > BUSY_CPU_SECONDS:
            self._cpu_at_heartbeat = worker_cpu
            return None
        return "worker", f"it has answered nothing for {worker:.0f} s and is not busy"


def _age(report: dict[str, Any], name: str) -> float | None:
    age = report.get(name, {}).get("age_seconds")
    return None if age is None else float(age)
