"""Drives the API by its own OpenAPI document, in this process, and tells what does not conform."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from threading import Thread
from typing import Any

import schemathesis
from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, connections
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from marketing.wsgi import application
from tests import making
from tests.crm.api.callers import CALLERS

# In the suite a few examples of every address, and many where RAPPORT_LONG asks for them.
LONG = bool(os.environ.get("RAPPORT_LONG"))
EXAMPLES = int(os.environ.get("RAPPORT_API_EXAMPLES", "60" if LONG else "2"))
JSON = {"accept": "application/json"}
# The description is open to all, and a write key opens nothing of this API.
NOBODY = ("anonymous", "track")
_SHOWN = 40
_numbers = count()


class _Quiet(WSGIRequestHandler):
    """Calls are not logged."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def assert_conforms(name: str, now: datetime, settings: Any) -> None:
    """Let somebody call everything, with a shop that has a customer, an order and a product."""
    making.order(now=now, customer=making.subscriber(now=now))
    settings.API_RATE = "100000000/min"
    settings.ALLOWED_HOSTS = ["*"]

    found, answers = failures(CALLERS[name]())

    print(f"{name}: {sum(answers.values())} calls, {dict(answers)}")
    assert not found, "\n\n".join(found)
    assert sum(answers.values()) > 100
    # Whoever has rights used them; only nobody is told to sign in first and always.
    assert (2 in {status // 100 for status in answers}) == (name not in NOBODY)


def failures(headers: dict[str, str]) -> tuple[list[str], Counter[int]]:
    """What the API does against its document when somebody calls, and how calls were answered."""
    found: dict[str, str] = {}
    answers: Counter[int] = Counter()
    with _served() as address:
        for event in engine.from_schema(_document(address, headers)).execute():
            if isinstance(event, events.NonFatalError | events.FatalError):
                found[repr(event)] = repr(getattr(event, "value", event))
            if isinstance(event, events.ScenarioFinished):
                told = event.recorder.interactions.values()
                answers.update(one.response.status_code for one in told if one.response)
                found |= _failed(event)
    return list(found.values())[:_SHOWN], answers


def _document(address: str, headers: dict[str, str]) -> Any:
    """The document as a caller reads it, and how calls are made of it."""
    config = SchemathesisConfig.from_dict(
        {
            "headers": headers,
            "seed": 20,
            "workers": 1,
            "continue-on-failure": True,
            "generation": {
                "max-examples": EXAMPLES,
                "deterministic": True,
                "database": "none",
                # NUL is refused in every text, which a schema cannot say of free objects.
                "allow-x00": False,
                # Who calls is the test's to say.
                "with-security-parameters": False,
            },
            "phases": _phases(),
            # 422 is for what is well-formed and cannot be done, such as an unknown product.
            "checks": {
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "409", "422"]
                }
            },
        }
    )
    return schemathesis.openapi.from_url(address, config=config, headers=JSON)


def _phases() -> dict[str, Any]:
    """Examples of the document always; the systematic and the chained calls in the long run."""
    return {
        "examples": {"enabled": True},
        "coverage": {"enabled": LONG},
        "fuzzing": {"enabled": True},
        "stateful": {"enabled": LONG, "max-steps": 6},
    }


def _failed(event: events.ScenarioFinished) -> dict[str, str]:
    nodes: Iterable[Any] = (
        (call, node) for call, all_ in event.recorder.checks.items() for node in all_
    )
    found = {}
    for call, node in nodes:
        if node.failure_info is None:
            continue
        failure = node.failure_info.failure
        key = f"{event.label} {node.name} {failure.title}"
        told = f"{event.phase.value}: {key}\n{failure.message}\n{node.failure_info.code_sample}"
        found[key] = f"{told[:2000]}\n{_answer(event, call)}"
    return found


def _answer(event: events.ScenarioFinished, call: str) -> str:
    made: Any = event.recorder.interactions.get(call)
    answer = made.response if made else None
    return answer.content.decode("utf-8", "replace")[:1000] if answer else "no answer"


def _call_anew(environ: dict[str, Any]) -> None:
    """A good Idempotency-Key is told once only: else the first call would answer for the next."""
    key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
    if re.fullmatch(r"[A-Za-z0-9_.:-]{1,255}", key, re.ASCII):
        environ["HTTP_IDEMPOTENCY_KEY"] = f"{key[:200]}.{next(_numbers)}"


@contextmanager
def _served() -> Iterator[str]:
    """The API on a free port of this machine, in the transaction of the test."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    name, shared = connection.alias, connections[connection.alias]
    shared.inc_thread_sharing()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        connections[name] = shared
        _call_anew(environ)
        return application(environ, start_response)

    server = WSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(app)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/schema/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        shared.dec_thread_sharing()
        for signal in signals:
            signal.connect(close_old_connections)
