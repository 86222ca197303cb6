"""django-post_office beside us: the same mail, queued in PostgreSQL, over the same sink.

It is no part of the project; benchmarks/requirements.txt has it. Without it there is no figure.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

SCHEMA = "peer"


class Told(NamedTuple):
    """How many mails a second it sends, and how large one is."""

    per_second: float
    mail_bytes: int


def rate(*, mails: int, port: int, workers: int) -> Told | None:
    """What it does; nothing where it is not installed."""
    if find_spec("post_office") is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    command = [sys.executable, "-m", "benchmarks.peer_sender", str(mails), str(port), str(workers)]
    run = subprocess.run(
        command,
        input=json.dumps(_database()).encode(),
        cwd=Path(__file__).resolve().parent.parent,
        stdout=subprocess.PIPE,
        check=True,
    )
    return Told(**json.loads(run.stdout))


def _database() -> dict[str, Any]:
    """The benchmark's database as another Django is told of it, with a schema of its own."""
    names = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT")
    told: dict[str, Any] = {name: str(connection.settings_dict[name]) for name in names}
    options = connection.settings_dict.get("OPTIONS", {})
    plain = {name: value for name, value in options.items() if isinstance(value, str | int)}
    return {**told, "OPTIONS": {**plain, "options": f"-c search_path={SCHEMA}"}}
