"""The most memory that this process took."""

import contextlib
import resource
from pathlib import Path


def peak_kilobytes() -> int:
    """The peak since this program began; what its parent took before does not count.

    Linux counts the parent's memory at the fork in `ru_maxrss`, so the kernel is asked for the
    peak of this address space where it tells.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def forget_peak() -> None:
    """Begin the peak anew with what is taken now, where the kernel lets us."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
