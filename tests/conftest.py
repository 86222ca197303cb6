"""What all tests share: a Valkey database per worker, the clock, the browser, the corpora."""

import os
import shutil
import time
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from pathlib import Path

import pytest
from django.conf import settings

# scikit-learn then runs its checks of array input too.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
_tests = count(int(time.time() * 1000))
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def _own_valkey_database() -> None:
    """Give every xdist worker a database number of its own, before anything connects."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return
    address, _, _ = settings.REDIS_URL.partition("?")
    number = int(worker.removeprefix("gw")) + 1
    settings.REDIS_URL = os.environ["REDIS_URL"] = f"{address}?db={number}"
    settings.CACHES["default"]["LOCATION"] = settings.REDIS_URL
    broker, _, _ = settings.CELERY_BROKER_URL.partition("?")
    settings.CELERY_BROKER_URL = f"{broker}?virtual_host={number}"


_own_valkey_database()


@pytest.hookimpl(trylast=True)
def pytest_configure() -> None:
    """Load the addresses, and the admin with them, as the web process does."""
    import_module(settings.ROOT_URLCONF)


def chromium() -> str | None:
    """The Chromium of this machine, or the one that CHROMIUM names."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stories come first, as they take longest; without Chromium browser tests say so."""
    items.sort(key=lambda item: "stories" not in item.path.parts)
    if chromium():
        return
    reason = "no Chromium found: install it, or name it in CHROMIUM"
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _accounts_are_read_anew() -> None:
    """What another test kept of accounts and limits was rolled back with it."""
    from crm import accounts, signatures
    from crm.pacing import buckets, warming

    accounts.forget()
    signatures.forget()
    warming.forget()
    buckets.prefix = f"{next(_tests)}:"


@pytest.fixture
def now() -> datetime:
    """A moment for operations that take one: a Tuesday in spring, noon."""
    return datetime(2026, 4, 14, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The corpora and data sets that are too large for the checkout."""
    beside = Path(settings.BASE_DIR).parent / "shared"
    folder = Path(os.environ.get("RAPPORT_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"no shared corpora in {folder}: name their folder in RAPPORT_SHARED")
    return folder


@pytest.fixture
def shared_corpora(shared_folder: Path) -> Path:
    """Real-world inputs: addresses, bounces, attacks, segments."""
    return shared_folder / "corpora"


@pytest.fixture
def shared_data(shared_folder: Path) -> Path:
    """Real data sets, the Online Retail file among them."""
    return shared_folder / "data"
