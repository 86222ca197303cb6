"""The probes say whether the process lives and whether the work can be done."""

from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from marketing import heartbeats, tasks


@pytest.fixture(autouse=True)
def _no_heartbeats(settings: Any, tmp_path: Path) -> None:
    cache.clear()
    settings.SPOOL_DIR = tmp_path / "spool"


def test_a_living_process_says_so_without_a_database(client: Client) -> None:
    response = client.get("/healthz")

    assert response.status_code == 200
    assert response.json() == {"ok": True}


@pytest.mark.django_db
def test_a_set_whose_worker_beat_and_ingest_are_alive_is_ready(client: Client) -> None:
    tasks.heartbeat()
    heartbeats.mark("beat")
    heartbeats.mark("ingest")

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["worker"]["age_seconds"] < 5


@pytest.mark.django_db
def test_a_set_without_a_worker_is_not_ready(client: Client) -> None:
    heartbeats.mark("beat")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["worker"] == {"ok": False, "age_seconds": None}
    assert response.json()["beat"]["ok"]


@pytest.mark.django_db
def test_a_set_without_an_ingest_is_not_ready(client: Client) -> None:
    tasks.heartbeat()
    heartbeats.mark("beat")

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["ingest"] == {"ok": False, "age_seconds": None}
    assert response.json()["worker"]["ok"]


@pytest.mark.django_db
def test_a_set_without_a_follower_is_ready_and_one_whose_follower_hangs_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("worker", "beat", "ingest"):
        heartbeats.mark(name)
    assert client.get("/readyz").json()["follow"] == {"ok": True, "age_seconds": None}

    heartbeats.mark("follow")
    monkeypatch.setattr(heartbeats, "OLDEST_SECONDS", -1.0)

    assert not client.get("/readyz").json()["follow"]["ok"]


@pytest.mark.django_db
def test_a_worker_silent_for_a_minute_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks.heartbeat()
    heartbeats.mark("beat")
    heartbeats.mark("ingest")
    monkeypatch.setattr(heartbeats, "OLDEST_SECONDS", -1.0)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert not response.json()["worker"]["ok"]


@pytest.mark.django_db
def test_a_broker_that_is_away_is_named(client: Client, settings: Any) -> None:
    away = {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": away}

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["broker"] == {"ok": False}
    assert response.json()["database"] == {"ok": True}


@pytest.mark.django_db
def test_a_probe_needs_no_host_name(client: Client, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    assert client.get("/healthz", headers={"host": "10.0.0.7"}).status_code == 200
    assert client.get("/admin/", headers={"host": "10.0.0.7"}).status_code == 400


@pytest.mark.parametrize("name", ["worker", "follow", "ingest"])
def test_whoever_ends_in_order_is_not_waited_for(name: str) -> None:
    heartbeats.mark(name)

    heartbeats.forget(name)

    assert heartbeats.ages()[name] is None
