"""`manage.py test`: pytest against engines that are made for it and thrown away."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from marketing.runtime import bootstrap, engines, environment, places, session

OF_THE_INSTALLATION = (
    *environment.SHARED,
    *("CELERY_BROKER_URL", "EMAIL_URL", "SMS_URL", "SECRET_KEY", "DEBUG", "ALLOWED_HOSTS"),
)
# Beside what pytest itself keeps from run to run; Git does not see it.
COMPILED = Path(".pytest_cache/compiled")
OWN_PARALLELISM = ("-n", "--numprocesses", "-p", "--pdb", "--dist")


def main(arguments: list[str]) -> int:
    """Run pytest with these arguments and return its exit code."""
    forget_the_installation()
    with ExitStack() as held:
        folder = held.enter_context(tempfile.TemporaryDirectory(prefix="rapport-test-"))
        os.environ["RAPPORT_VAR"] = str(Path(folder).resolve() / "var")
        keep_what_is_compiled(bootstrap.BASE_DIR / COMPILED)
        here = environment.load()
        places.make(here)
        wanted = environment.prepare_engines(here, durable=False)
        held.callback(_remove_sockets, here)
        held.enter_context(session.running(wanted, here.log))
        return _pytest(arguments)


def forget_the_installation() -> None:
    """Leave nothing in the environment by which a test could reach real data or real people."""
    for variable in OF_THE_INSTALLATION:
        os.environ.pop(variable, None)
        # Tests empty databases: one that exists must be named on purpose.
        if named := os.environ.get(f"TEST_{variable}"):
            os.environ[variable] = named
    os.environ[environment.ENV_FILE] = os.devnull


def keep_what_is_compiled(folder: Path) -> None:
    """Where Python is to leave nothing beside the code, let all tests share a folder.

    Each of their processes would compile every module that it imports otherwise. The folder stays
    for the next run: Python and pytest compile anew what has changed since.
    """
    if sys.dont_write_bytecode:
        os.environ["PYTHONDONTWRITEBYTECODE"] = ""
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder)


def parallel(arguments: list[str]) -> list[str]:
    """How many processes to use, where the caller does not say: one for a picked test.

    For all tests one more than there are cores: many a test waits for other processes.
    """
    if any(argument.startswith(OWN_PARALLELISM) for argument in arguments):
        return []
    files = [argument for argument in arguments if argument.split("::")[0].endswith(".py")]
    if files and len(files) <= 2:
        return []
    workers = (os.cpu_count() or 1) + 1
    return ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]


def _pytest(arguments: list[str]) -> int:
    command = (sys.executable, "-m", "pytest", *parallel(arguments), *arguments)
    # The terminal's Ctrl-C reaches pytest too: it ends with its own summary, we wait for that.
    interrupt = signal.signal(signal.SIGINT, _leave_it_to_pytest)
    terminate = signal.signal(signal.SIGTERM, _exit_in_order)
    launched = engines.launched(command, signal.SIGTERM, "plain")
    process = subprocess.Popen(launched, cwd=bootstrap.BASE_DIR)
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)


def _leave_it_to_pytest(number: int, frame: object) -> None:
    """Do nothing; unlike an ignored signal this is not inherited by pytest."""


def _exit_in_order(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


def _remove_sockets(here: places.Places) -> None:
    for path in here.sockets().iterdir():
        path.unlink()
    here.sockets().rmdir()
