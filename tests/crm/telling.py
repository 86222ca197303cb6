"""A spool of the test's own, a write key, and the drain that empties it."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crm import ingest, keys
from crm.choices import ApiScope
from crm.ingest import drain, receipt, write_keys


@pytest.fixture
def spool_folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A spool that is this test's alone."""
    settings.SPOOL_DIR = tmp_path / "spool"
    receipt.writer.cache_clear()
    write_keys.forget()
    yield settings.SPOOL_DIR
    receipt.writer().close()
    receipt.writer.cache_clear()
    write_keys.forget()


@pytest.fixture
def write_key(db: None, now: datetime) -> keys.NewKey:
    """A key that may send events."""
    return keys.create(name="Shop", scopes=[ApiScope.TRACK], now=now)


@pytest.fixture
def tell(
    spool_folder: Path, write_key: keys.NewKey, now: datetime
) -> Callable[..., ingest.Receipt]:
    """Take a batch of calls in, as the tracking API does."""

    def tell(*calls: dict[str, Any], at: datetime = now, **around: Any) -> ingest.Receipt:
        body = json.dumps({"batch": calls, **around}).encode()
        return ingest.receive(kind="batch", body=body, key_id=write_key.key.pk, now=at)

    return tell


@pytest.fixture
def drained(spool_folder: Path, now: datetime) -> Callable[[], int]:
    """Record everything that is on the spool."""
    return lambda: drain.empty(folder=spool_folder, clock=lambda: now)
