"""A set that was started before: tables are made once for the stories that begin without a shop."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from tests.stories import running


@pytest.fixture
def var(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder of a set that was started once, without the demo, and stopped."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    kept, own = shared / "started", tmp_path / "var"
    with (shared / "started.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            with running.running(tmp_path / "first", "--no-demo") as first:
                (first.var / running.PASSWORD).write_text(first.password)
            first.var.rename(kept)
    # With its owners: PostgreSQL may run as somebody else.
    subprocess.run(["cp", "-a", kept, own], check=True)
    return own
