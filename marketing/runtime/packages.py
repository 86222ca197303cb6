"""Makes a virtual environment and fills it: by uv where there is one, else by pip."""

import ast
import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from marketing.runtime.problems import RuntimeProblem

UV = "uv==0.13.9"
# Half of all code is only read by trainings, by a shell, or by nobody: Python compiles that when
# it is asked for. The rest is compiled at once, as each process would do it for itself otherwise.
SELDOM_READ = (
    "/site-packages/(numpy|scipy|sklearn|skops|joblib|narwhals|prompt_toolkit|wcwidth|valkey)/"
    "|/tests?/"
)
SETTING = re.compile(r"^(:env:|[a-z]+)\.([a-z-]+)=(.*)$")
# What pip is told about the places to install from, and how uv wants to hear it.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
}
NO_PIP = (
    "This Python has neither pip nor ensurepip, so nothing can be installed with it: install its "
    "venv package first (Debian and Ubuntu: apt install python3-venv), or put uv on the PATH."
)


def make_venv(venv: Path) -> None:
    """Make an empty virtual environment; pip comes into it only where nobody else can install."""
    bare = shutil.which("uv") is not None or _python_with_pip() is not None
    if not bare and importlib.util.find_spec("ensurepip") is None:
        raise RuntimeProblem(NO_PIP)
    command = [_base_python(), "-m", "venv", "--clear", *(["--without-pip"] if bare else [])]
    _run([*command, str(venv)], os.environ, "make a virtual environment")


def install(venv: Path, files: Sequence[Path], *, say: Callable[[str], None]) -> None:
    """Install requirement files: by uv, and by pip where uv cannot be had or fails."""
    python = venv / "bin" / "python"
    wanted = [part for file in files for part in ("-r", str(file))]
    environment = {**os.environ, **uv_environment(pip_settings(venv), os.environ)}
    if not os.access(Path.home(), os.W_OK):
        environment["UV_NO_CACHE"] = "1"
    try:
        uv = _uv(venv)
        command = [*uv, "pip", "install", "--quiet", "--python", str(python)]
        _run([*command, *wanted], environment, "install the requirements")
        _compile(venv)
    except RuntimeProblem as problem:
        if _out_of_space(str(problem)):
            raise
        say("uv could not do it, pip is trying (slower)")
        command = [*pip(venv), "install", "--quiet", "--disable-pip-version-check"]
        _run([*command, *wanted], os.environ, "install the requirements")


def _compile(venv: Path) -> None:
    """Compile what is read at every start; a file that cannot be is nobody's loss."""
    command = [str(venv / "bin" / "python"), "-m", "compileall", "-q", "-j", "0", "-x", SELDOM_READ]
    subprocess.run([*command, str(venv / "lib")], check=False, capture_output=True)


def pip(venv: Path) -> list[str]:
    """The pip command that installs into this environment."""
    python = str(venv / "bin" / "python")
    other = _python_with_pip()
    if other is not None:
        return [other, "-m", "pip", "--python", python]
    if not _has_pip(python):
        raise RuntimeProblem(NO_PIP)
    return [python, "-m", "pip"]


def _base_python() -> str:
    """The interpreter below the environment that runs now, if it is one."""
    return getattr(sys, "_base_executable", None) or sys.executable


@cache
def _python_with_pip() -> str | None:
    """The running interpreter, or the one below it, if it has pip."""
    return next(filter(_has_pip, (sys.executable, _base_python())), None)


def _has_pip(python: str) -> bool:
    try:
        asked = subprocess.run([python, "-c", "import pip"], check=False, capture_output=True)
    except OSError:
        return False
    return asked.returncode == 0


def pip_settings(venv: Path) -> dict[str, str]:
    """What pip's files and environment say; the environment wins, as it does for pip."""
    try:
        command = [*pip(venv), "config", "list"]
    except RuntimeProblem:
        return {}
    listing = subprocess.run(command, check=False, capture_output=True, text=True).stdout
    return parse_pip_settings(listing)


def parse_pip_settings(listing: str) -> dict[str, str]:
    """Read `pip config list`: the general section, then that of `install`, then the environment."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for match in filter(None, map(SETTING.match, listing.splitlines())):
        section, name, value = match.groups()
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {**found["global"], **found["install"], **found[":env:"]}


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The same places for uv, except where its own variables already speak."""
    told = {
        variable: ("," if name == "find-links" else " ").join(settings[name].split())
        for name, variable in UV_NAMES.items()
        if settings.get(name)
    }
    # pip takes the best version of all its indexes; uv would stop at the first that has any.
    told["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in told.items() if name not in environment}


def _uv(venv: Path) -> list[str]:
    """The uv command: the one on the PATH, or a wheel fetched into the environment by pip."""
    on_path = shutil.which("uv")
    if on_path:
        return [on_path]
    own = venv / "bin" / "uv"
    if not own.exists():
        command = [*pip(venv), "install", "--quiet", "--disable-pip-version-check"]
        _run([*command, "--only-binary", ":all:", UV], os.environ, "install uv")
    return [str(own)]


def _run(command: Sequence[str], environment: Mapping[str, str], purpose: str) -> None:
    done = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, errors="replace"
    )
    if done.returncode == 0:
        return
    said = done.stderr + done.stdout
    if _out_of_space(said):
        raise RuntimeProblem(f"The disk is full: make room to {purpose}, then start again.")
    reason = _reason(said)
    raise RuntimeProblem(
        f"Could not {purpose} ({reason}): check that this machine reaches the package index that "
        "pip is configured for, then start again; what is done so far is kept or repaired."
    )


def _out_of_space(text: str) -> bool:
    return os.strerror(errno.ENOSPC) in text or "The disk is full" in text


def _reason(said: str) -> str:
    """The line of a tool's output that most likely says why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "failed" in line.lower()]
    return (telling or lines or ["no word why"])[-1][:300]
