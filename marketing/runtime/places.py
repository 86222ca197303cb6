"""Where the running set keeps its data, its sockets and its record."""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from marketing.runtime.bootstrap import BASE_DIR
from marketing.runtime.problems import RuntimeProblem

# A unix socket's path has room for 107 bytes on Linux and 103 on macOS; names need some of them.
LONGEST_FOLDER = 80


@dataclass(frozen=True)
class Places:
    """The folders of one installation."""

    var: Path

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data folder."""
        return self.var / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's data folder."""
        return self.var / "valkey"

    @property
    def run(self) -> Path:
        """Locks and the record of what runs."""
        return self.var / "run"

    @property
    def log(self) -> Path:
        """The log of the running set."""
        return self.var / "log" / "rapport.log"

    @property
    def static(self) -> Path:
        """Collected static files, where somebody collects them."""
        return self.var / "static"

    @property
    def lock(self) -> Path:
        """Held by whoever runs the engines of this installation."""
        return self.run / "lock"

    @property
    def record(self) -> Path:
        """The environment of the running set, for other commands to join it."""
        return self.run / "environment.json"

    @property
    def prepared(self) -> Path:
        """Says for which code and data the first start has been completed."""
        return self.run / "prepared.json"

    def sockets(self) -> Path:
        """A short private folder for sockets, the same one for this user and data each time."""
        name = hashlib.sha256(os.fsencode(self.var)).hexdigest()[:10]
        for parent in (tempfile.gettempdir(), "/tmp", "/var/tmp"):  # noqa: S108
            folder = Path(parent) / f"rapport-{os.getuid()}-{name}"
            if len(os.fsencode(folder)) <= LONGEST_FOLDER and os.access(parent, os.W_OK):
                return _private(folder)
        raise RuntimeProblem(
            "No short temporary folder can be written to, and sockets need one: "
            "set TMPDIR to a folder with a path of less than 60 bytes."
        )


def of_environment() -> Places:
    """The places of this checkout, or those that RAPPORT_VAR names."""
    return Places(Path(os.environ.get("RAPPORT_VAR") or BASE_DIR / "var").absolute())


def make(places: Places) -> None:
    """Make the folders; private, as they hold customers' data."""
    try:
        for folder in (places.var, places.run, places.log.parent, places.valkey, places.static):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise RuntimeProblem(
            f"The data folder {places.var} cannot be made ({error.strerror}): "
            "set RAPPORT_VAR to a folder you may write to."
        ) from error


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    half.replace(path)


def read_record(places: Places) -> dict[str, str]:
    """The environment the running set wrote down; empty where there is none."""
    try:
        record: dict[str, str] = json.loads(places.record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record


def write_record(places: Places, environment: dict[str, str]) -> None:
    """Write down the environment of what runs; addresses may hold passwords, so privately."""
    write_private(places.record, json.dumps(environment, indent=2))


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or not folder.is_dir() or folder.is_symlink():
        raise RuntimeProblem(
            f"{folder} belongs to somebody else, so sockets in it would not be private: "
            "remove it or set TMPDIR to another folder."
        )
    folder.chmod(0o700)
    return folder
