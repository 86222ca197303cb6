"""What all tests share: a Valkey database per worker, the clock, the browser, the corpora."""

import fcntl
import gc
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import TransactionTestCase
from whitenoise.middleware import WhiteNoiseMiddleware

from benchmarks import scratch
from tests import emptying, static_files

# scikit-learn then runs its checks of array input too.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# As in the processes of a running set: the threads of all workers only get in each other's way.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")
_tests = count(int(time.time() * 1000))
FAST_HASHER = "django.contrib.auth.hashers.MD5PasswordHasher"
# Names the database that the workers have copies of.
TABLES = "tables.name"
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
    # Nobody's password is guarded here, and each took longer to hash than most tests to run.
    settings.PASSWORD_HASHERS = [FAST_HASHER, *settings.PASSWORD_HASHERS]
    # What is loaded stays: to look through it again and again takes a tenth of the time.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    TransactionTestCase._fixture_teardown = emptying.after_a_test  # type: ignore[method-assign]
    WhiteNoiseMiddleware.add_files_from_finders = static_files.add_found


def chromium() -> str | None:
    """The Chromium of this machine, or the one that CHROMIUM names."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


# First, in this order: what begins last must not take long, or one worker waits. The stories wait
# for other processes, so that the canary is beside them.
LONG = (
    "stories/test_walk",
    "stories/test_kills",
    "crm/test_canary",
    "stories/test_uci",
    "stories/test_tracking",
    "tests/test_benchmarks",
    "runtime/test_start",
    "admin/test_segment_browser",
    "admin/test_builder_browser",
    "admin/test_builder_keys_browser",
    "admin/test_keyboard_browser",
    "crm/test_snippet_browser",
    "admin/test_hostile_rules",
    "marketing/test_training",
    "crm/test_imports",
    "crm/test_public",
    "api/test_openapi",
    "api/test_openapi_others",
    "segments/test_following",
    "admin/test_hostile_browser",
    "admin/test_launch_browser",
    "admin/test_inbox_browser",
    "marketing/test_estimators",
    "rules/test_meaning",
    "rules/test_injection",
    "tests/test_loops",
    "api/test_racing",
    "preferences/test_racing",
    "privacy/test_racing",
    "tests/test_demo",
    "tests/test_arrows",
    "tests/test_house",
    "runtime/test_engines",
    "api/test_naughty",
)


def _when(item: pytest.Item) -> int:
    """How early a file is to begin."""
    name = f"{item.path.parent.name}/{item.path.stem}"
    return LONG.index(name) if name in LONG else len(LONG)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first; without Chromium browser tests say so."""
    items.sort(key=_when)
    if chromium():
        return
    reason = "no Chromium found: install it, or name it in CHROMIUM"
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Tests with a browser that follow one another in a file have one driver of it."""
    from tests import browsers

    is_near = nextitem is not None and nextitem.path == item.path
    browsers.look_ahead(
        is_needed=is_near and nextitem.get_closest_marker("browser") is not None  # type: ignore[union-attr]
    )


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: Any,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Give the workers copies of one database with our tables: one migrates for all."""
    if not os.environ.get("PYTEST_XDIST_WORKER"):
        return
    folder = tmp_path_factory.getbasetemp().parent
    with (folder / "tables.lock").open("w") as lock, django_db_blocker.unblock():
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = folder / TABLES
        if not known.exists():
            known.write_text(scratch.make_tables(), encoding="utf-8")
        connection.settings_dict["TEST"]["TEMPLATE"] = known.read_text(encoding="utf-8")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whoever leads the workers takes away what they had copies of."""
    if hasattr(session.config, "workerinput"):
        return
    known = session.config._tmp_path_factory.getbasetemp() / TABLES
    if known.exists():
        with psycopg.connect(os.environ["DATABASE_URL"], dbname="postgres", autocommit=True) as own:
            own.execute(f"DROP DATABASE {known.read_text(encoding='utf-8')} WITH (FORCE)")  # type: ignore[call-overload]


@pytest.fixture(scope="session", autouse=True)
def _no_browser_is_left() -> Iterator[None]:
    """The one Chromium of all browser tests ends with them."""
    yield
    from tests import browsers

    browsers.end()


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
