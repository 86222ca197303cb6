"""What must have been done once for this code and this data before the applications start."""

import hashlib
import json
import os
from pathlib import Path

from marketing.runtime import places
from marketing.runtime.bootstrap import BASE_DIR
from marketing.runtime.places import Places

APPS = ("crm", "marketing", "campaigns")


def code_mark() -> str:
    """Changes whenever a migration or a requirement does."""
    names = [path for app in APPS for path in sorted((BASE_DIR / app / "migrations").glob("*.py"))]
    parts = [path.name.encode() + path.read_bytes() for path in names]
    parts.append((BASE_DIR / "requirements.txt").read_bytes())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def data_mark(here: Places) -> str:
    """Changes whenever the embedded database is another one; external ones are always prepared."""
    try:
        found = (here.postgres / "PG_VERSION").stat()
    except OSError:
        return os.urandom(8).hex()
    return f"{found.st_ino}-{found.st_mtime_ns}"


def is_done(here: Places, *, embedded: bool) -> bool:
    """Whether the database is known to be up to date."""
    return embedded and _read(here.prepared) == _marks(here)


def is_first(here: Places) -> bool:
    """Whether no start has ever come this far with this data."""
    return _read(here.prepared).get("data") != data_mark(here)


def note_done(here: Places) -> None:
    """Remember, so that the next start may skip it."""
    places.write_private(here.prepared, json.dumps(_marks(here)))


def _marks(here: Places) -> dict[str, str]:
    return {"code": code_mark(), "data": data_mark(here)}


def _read(path: Path) -> dict[str, str]:
    try:
        marks: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return marks
