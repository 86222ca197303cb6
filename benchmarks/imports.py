"""How fast customers come in from a file, beside a bare COPY of the rows that they become."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from benchmarks import crowd, scratch
from crm import imports
from crm.models import Customer, ImportRun

MOST_RATIO = 3.0
MOST_MEGABYTES = 300

_EMPTY = (
    "TRUNCATE crm_customer, crm_identity, crm_consent, crm_consentdecision, crm_event,"
    " crm_eventbatch, crm_importrun CASCADE"
)
# As it came in: columns that are computed cannot be copied.
_COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'crm_customer'::regclass AND attnum > 0 AND NOT attisdropped
      AND attgenerated = ''
"""


@dataclass(frozen=True, slots=True)
class Round:
    """One import, and the bare COPY right after it of the customers it made."""

    rows: int
    seconds: float
    copy_seconds: float
    ratio: float
    cpu_seconds: float
    peak_megabytes: float


def run(*, rows: int, rounds: int) -> dict[str, Any]:
    """Import the same file several times into an empty record, and report."""
    with tempfile.TemporaryDirectory(prefix="rapport-bench-") as folder:
        settings.VAR_DIR = Path(folder)
        path = Path(folder) / "people.csv"
        crowd.write(path=path, rows=rows)
        with scratch.database() as address:
            measured = [_round(path, address, rows) for _ in range(rounds)]
        size = path.stat().st_size
    return _report(measured, {"rows": rows, "file_megabytes": round(size / 2**20, 1)})


def _round(path: Path, address: str, rows: int) -> Round:
    _run(_EMPTY)
    run = _receive(path)
    _run("CHECKPOINT")
    told = _import(address)
    _check(run, rows)
    copied = Path(settings.VAR_DIR) / "customers.copy"
    columns = _write_copy(copied)
    _run("CHECKPOINT")
    taken = _bare_copy(copied, columns)
    return Round(
        rows=rows,
        seconds=told["seconds"],
        copy_seconds=taken,
        ratio=told["seconds"] / taken,
        cpu_seconds=told["cpu_seconds"],
        peak_megabytes=told["peak_kilobytes"] / 1024,
    )


def _receive(path: Path) -> ImportRun:
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(1 << 20), b"")
        run = imports.receive(chunks=chunks, filename=path.name, by=None, now=timezone.now())
    imports.start(run_id=run.pk)
    return run


def _import(address: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.importer"],
        cwd=Path(__file__).resolve().parent.parent,
        env={**os.environ, "DATABASE_URL": address, "RAPPORT_VAR": str(settings.VAR_DIR)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _check(run: ImportRun, rows: int) -> None:
    """A time counts only if everybody came in."""
    run.refresh_from_db()
    known = Customer.objects.count()
    if not run.rows == run.created == known == rows:
        raise RuntimeError(f"Of {rows} people {run.created} came in: {run.error or run.report}")


def _write_copy(path: Path) -> str:
    """The rows of the import as a file for COPY; gives their columns."""
    with connection.cursor() as cursor, path.open("wb") as file:
        cursor.execute(_COLUMNS)
        columns = str(cursor.fetchone()[0])
        with cursor.copy(f"COPY crm_customer ({columns}) TO STDOUT") as copy:
            for block in copy:
                file.write(block)
    return columns


def _bare_copy(path: Path, columns: str) -> float:
    """How long the same rows take into an empty table with the same columns and indexes."""
    _run("DROP TABLE IF EXISTS bare_copy; CREATE TABLE bare_copy (LIKE crm_customer INCLUDING ALL)")
    started = time.perf_counter()
    with (
        connection.cursor() as cursor,
        path.open("rb") as file,
        cursor.copy(f"COPY bare_copy ({columns}) FROM STDIN") as copy,
    ):
        while block := file.read(1 << 18):
            copy.write(block)
    return time.perf_counter() - started


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _report(measured: list[Round], setting: dict[str, Any]) -> dict[str, Any]:
    def middle(name: str) -> float:
        return round(median(getattr(one, name) for one in measured), 2)

    ratio, peak = middle("ratio"), round(max(one.peak_megabytes for one in measured), 1)
    return {
        "bench": "import",
        **setting,
        "rows_per_second": round(setting["rows"] / middle("seconds")),
        "seconds": middle("seconds"),
        "copy_seconds": middle("copy_seconds"),
        "ratio": ratio,
        "cpu_seconds": middle("cpu_seconds"),
        "peak_megabytes": peak,
        "rounds": [asdict(one) for one in measured],
        "limit": {"ratio": MOST_RATIO, "peak_megabytes": MOST_MEGABYTES},
        "is_within_limit": ratio <= MOST_RATIO and peak < MOST_MEGABYTES,
    }
