"""Answers `/healthz` and `/readyz` before anything else looks at the request."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from marketing import heartbeats

Answer = Callable[[HttpRequest], HttpResponse]


def answer_probes(get_response: Answer) -> Answer:
    """Stand before the other middleware: a probe knows no host name, session or language."""
    probes = {"/healthz": healthz, "/readyz": readyz}

    def middleware(request: HttpRequest) -> HttpResponse:
        return probes.get(request.path, get_response)(request)

    return middleware


def healthz(request: HttpRequest) -> HttpResponse:
    """This process is alive; nothing else is asked."""
    return JsonResponse({"ok": True})


def readyz(request: HttpRequest) -> HttpResponse:
    """Everything the work needs, each with its state; 503 while one is missing."""
    report = {"database": _database(), **_broker_and_heartbeats()}
    ready = all(part["ok"] for part in report.values())
    response = JsonResponse(report, status=200 if ready else 503)
    # The answer is the news; Django would log every 503 as an error of its own.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _database() -> dict[str, Any]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        connection.close()
        return {"ok": False}
    return {"ok": True}


def _broker_and_heartbeats() -> dict[str, dict[str, Any]]:
    try:
        ages = heartbeats.ages()
    except RedisError:
        ages = dict.fromkeys(heartbeats.NAMES)
        return {"broker": {"ok": False}, **{name: _sign(name, age) for name, age in ages.items()}}
    return {"broker": {"ok": True}, **{name: _sign(name, age) for name, age in ages.items()}}


def _sign(name: str, age: float | None) -> dict[str, Any]:
    if age is None:
        return {"ok": name in heartbeats.SPARED, "age_seconds": None}
    return {"ok": age <= heartbeats.OLDEST_SECONDS, "age_seconds": round(age, 1)}
