"""Makes `.venv` with the pinned requirements on a bare Python; needs only the standard library."""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from marketing.runtime import packages
from marketing.runtime.problems import RuntimeProblem

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VENV = BASE_DIR / ".venv"
STAMP = "rapport-requirements"
UNFINISHED = "rapport-unfinished"
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)")


def requirement_files(*, tests: bool) -> list[Path]:
    """The files whose pins a command needs."""
    files = [BASE_DIR / "requirements.txt"]
    return [*files, BASE_DIR / "tests" / "requirements.txt"] if tests else files


def pins(files: Sequence[Path]) -> dict[str, str]:
    """Every pinned name with its version."""
    lines = (line for file in files for line in file.read_text(encoding="utf-8").splitlines())
    found = filter(None, map(PIN.match, lines))
    return {match[1]: match[2] for match in found}


def has_pins(wanted: dict[str, str]) -> bool:
    """Whether the running interpreter has every pin, in exactly that version."""
    return all(_version(name) == version for name, version in wanted.items())


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def digest(files: Sequence[Path]) -> str:
    """What the stamp in `.venv` must say for these files to be installed."""
    parts = [file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def stamped(venv: Path, *, tests: bool) -> bool:
    """Whether this `.venv` was finished with the requirements of today."""
    if not (venv / "bin" / "python").exists():
        return False
    try:
        lines = (venv / STAMP).read_text(encoding="utf-8").split()
    except OSError:
        return False
    return digest(requirement_files(tests=tests)) in lines


def ensure(*, tests: bool = False) -> None:
    """Go on in an interpreter that has the requirements, making it first where there is none."""
    if Path(sys.prefix) == VENV and stamped(VENV, tests=tests):
        return
    if Path(sys.prefix) != VENV and has_pins(pins(requirement_files(tests=tests))):
        return
    if not stamped(VENV, tests=tests):
        with _alone():
            if not stamped(VENV, tests=tests):
                _build(tests=tests)
    _continue_in(VENV)


def _continue_in(venv: Path) -> None:
    python = str(venv / "bin" / "python")
    # What a shell or an outer venv said about Python is not meant for this interpreter.
    for name in ("PYTHONHOME", "__PYVENV_LAUNCHER__"):
        os.environ.pop(name, None)
    os.execv(python, [python, str(BASE_DIR / "manage.py"), *sys.argv[1:]])  # noqa: S606


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock on the checkout itself, so that two first starts do not build at once."""
    handle = os.open(BASE_DIR, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another set-up in this folder")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _build(*, tests: bool) -> None:
    """Make or repair `.venv`; what an interrupted run left half made is made anew."""
    if not os.access(BASE_DIR, os.W_OK) and not VENV.exists():
        raise RuntimeProblem(
            f"{BASE_DIR} cannot be written to, so no .venv can be made in it: give yourself the "
            "right to write there, or run manage.py with a Python that has requirements.txt."
        )
    try:
        _build_steps(tests=tests)
    except OSError as error:
        raise RuntimeProblem(f"The .venv could not be made: {error}.") from error


def _build_steps(*, tests: bool) -> None:
    broken = not (VENV / "bin" / "python").exists() or (VENV / UNFINISHED).exists()
    if broken or not _runs(VENV / "bin" / "python"):
        _stage("making .venv", lambda: packages.make_venv(VENV))
    (VENV / UNFINISHED).touch()
    files = requirement_files(tests=tests)
    _stage(
        f"installing {len(pins(files))} pinned requirements",
        lambda: packages.install(VENV, files, say=_say),
    )
    # The files are stamped cumulatively, so that `start` after `test` finds its part done.
    done = [digest(requirement_files(tests=False))]
    if tests:
        done.append(digest(files))
    (VENV / STAMP).write_text("\n".join(done), encoding="utf-8")
    (VENV / UNFINISHED).unlink()


def _runs(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _stage(title: str, work: Callable[[], None]) -> None:
    began = time.monotonic()
    work()
    _say(f"{title}: {time.monotonic() - began:.1f} s")


def _say(line: str) -> None:
    print(f"set-up | {line}", file=sys.stderr, flush=True)
