"""The tracking API as a client meets it: keys, encodings, limits, and words when it says no."""

import gzip
import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from django.db import OperationalError

from crm import keys, spool
from crm.api import tracking
from crm.choices import ApiScope
from crm.ingest import receipt, wire, write_keys
from crm.models import ApiKey, Event, RejectedEvent

pytestmark = pytest.mark.django_db(transaction=True)


def nothing_else(environ: Any, start_response: Any) -> list[bytes]:
    """What stands behind the tracking API."""
    start_response("404 Not Found", [])
    return [b"somebody else's"]


@pytest.fixture
def client(spool_folder: Any, write_key: keys.NewKey) -> Iterator[httpx.Client]:
    """A client with the write key."""
    transport = httpx.WSGITransport(app=tracking.before(nothing_else))
    auth = (write_key.secret, "")
    with httpx.Client(transport=transport, base_url="http://rapport.test", auth=auth) as client:
        yield client


def track(event: str = "Tea Brewed", **more: Any) -> dict[str, Any]:
    return {"userId": "C-1", "event": event, **more}


def test_an_event_is_acknowledged_and_then_recorded(
    client: httpx.Client, drained: Callable[[], int]
) -> None:
    answer = client.post("/v1/track", json=track(properties={"pot": "blue"}))

    drained()

    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert Event.objects.get().properties == {"pot": "blue"}


@pytest.mark.parametrize("path", sorted(tracking.PATHS))
def test_every_address_takes_its_kind(
    path: str, client: httpx.Client, drained: Callable[[], int]
) -> None:
    call = {**track(), "anonymousId": "a", "previousId": "b", "groupId": "G", "type": "page"}
    body = {"batch": [call]} if tracking.PATHS[path] == wire.BATCH else call

    answer = client.post(path, json=body)

    drained()
    assert answer.status_code == 200
    assert Event.objects.count() == 1


def test_other_addresses_are_somebody_else_s(client: httpx.Client) -> None:
    assert client.post("/v1/other", json={}).text == "somebody else's"


def test_a_browser_sends_its_key_in_the_body_as_plain_text(
    client: httpx.Client, write_key: keys.NewKey
) -> None:
    body = json.dumps({**track(), "writeKey": write_key.secret})

    answer = client.post(
        "/v1/t", content=body, headers={"Content-Type": "text/plain"}, auth=lambda request: request
    )

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_browser_may_ask_first(client: httpx.Client) -> None:
    answer = client.options("/v1/batch", headers={"Origin": "https://shop.example"})

    assert answer.status_code == 204
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("secret", ["", "rk_unknown", "x" * 5000, "rk_\u00fc", "a\0b"])
def test_nobody_sends_with_a_wrong_key(client: httpx.Client, secret: str) -> None:
    basic = b64encode(f"{secret}:".encode()).decode()

    answer = client.post("/v1/track", json=track(), headers={"Authorization": f"Basic {basic}"},
        auth=lambda request: request)  # fmt: skip

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "bad_write_key"


def test_a_key_for_reading_does_not_send(client: httpx.Client, now: datetime) -> None:
    reader = keys.create(name="Reader", scopes=[ApiScope.READ], now=now)

    assert client.post("/v1/track", json=track(), auth=(reader.secret, "")).status_code == 401


def test_a_revoked_key_stops_within_seconds(
    client: httpx.Client, write_key: keys.NewKey, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = client.post("/v1/track", json=track())
    keys.revoke(key_id=write_key.key.pk, now=now)
    monkeypatch.setattr(write_keys, "REMEMBERED_SECONDS", 0.0)

    after = client.post("/v1/track", json=track())

    assert (before.status_code, after.status_code) == (200, 401)


def test_a_key_has_a_limit_of_its_own(client: httpx.Client, write_key: keys.NewKey) -> None:
    ApiKey.objects.filter(pk=write_key.key.pk).update(rate=60)

    answers = [client.post("/v1/track", json=track()) for _ in range(12)]

    assert [answer.status_code for answer in answers[:10]] == [200] * 10
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_known_keys_go_on_while_the_database_is_away(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/v1/track", json=track())
    monkeypatch.setattr(write_keys, "REMEMBERED_SECONDS", 0.0)

    def away(**_: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(keys, "recognise", away)
    known = client.post("/v1/track", json=track())
    unknown = client.post("/v1/track", json=track(), auth=("rk_new", ""))

    assert known.status_code == 200
    assert unknown.status_code == 503
    assert "Retry-After" in unknown.headers


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_packed_body_is_unpacked(
    client: httpx.Client, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = pack(json.dumps(track()).encode())

    answer = client.post("/v1/track", content=body, headers={"Content-Encoding": encoding})

    assert answer.status_code == 200


def test_a_bomb_is_never_unpacked_whole(client: httpx.Client) -> None:
    bomb = gzip.compress(b" " * 50_000_000)

    answer = client.post("/v1/batch", content=bomb, headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 413
    assert "500 kB" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"batch": 3}', 400),
        (b"[" * 100_000, 400),
        (b'{"batch": [' + b"[" * 50_000 + b"]" * 50_000 + b"]}", 400),
        (b'{"batch": [], "x": "' + b"x" * 600_000 + b'"}', 400),
        (json.dumps({"batch": [{}] * 2501}).encode(), 400),
        (b'{"batch": []}', 200),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_in_words(
    client: httpx.Client, body: bytes, status: int
) -> None:
    answer = client.post("/v1/batch", content=body)

    assert answer.status_code == status
    assert answer.json()["success"] is (status == 200)
    assert status == 200 or answer.json()["error"]["message"]


def test_an_event_that_is_too_large_is_named_and_the_others_are_kept(
    client: httpx.Client, drained: Callable[[], int]
) -> None:
    large = track(messageId="m-2", properties={"x": "x" * 33_000})
    calls = [track(messageId="m-1"), large, track(messageId="m-3")]

    answer = client.post("/v1/batch", json={"batch": [{**c, "type": "track"} for c in calls]})

    drained()
    assert answer.status_code == 200
    assert [(one["index"], one["reason"]) for one in answer.json()["rejected"]] == [
        (1, "too_large")
    ]
    assert "32 kB" in answer.json()["rejected"][0]["message"]
    assert Event.objects.count() == 2
    assert RejectedEvent.objects.get().reason == "too_large"


@pytest.mark.parametrize("name", ["order.placed", "message.opened", "consent.granted"])
def test_what_we_record_ourselves_cannot_be_told(
    client: httpx.Client, drained: Callable[[], int], name: str
) -> None:
    answer = client.post("/v1/track", json=track(name))

    drained()
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "reserved_name"
    assert RejectedEvent.objects.get().reason == "reserved_name"


def test_nothing_is_acknowledged_that_the_disk_does_not_take(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Any, payload: bytes) -> None:
        raise spool.SpoolUnwritable(28, "No space left on device")

    monkeypatch.setattr(spool.Writer, "append", full)

    answer = client.post("/v1/track", json=track())

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert receipt.writer


def test_half_characters_and_nul_are_mended(
    client: httpx.Client, drained: Callable[[], int]
) -> None:
    body = rb'{"userId": "C\u0000-1", "event": "\ud800 Tea", "properties": {"a": "\u0000\udfff"}}'

    answer = client.post("/v1/track", content=body)

    drained()
    assert answer.status_code == 200
    assert Event.objects.get().name == "\ufffd Tea"


def test_another_charset_is_read(client: httpx.Client, drained: Callable[[], int]) -> None:
    body = json.dumps(track("Thé infusé"), ensure_ascii=False).encode("latin-1")
    headers = {"Content-Type": "application/json; charset=ISO-8859-1"}

    client.post("/v1/track", content=body, headers=headers)

    drained()
    assert Event.objects.get().name == "Thé infusé"


def test_the_snippet_is_small_and_is_asked_for_once(client: httpx.Client) -> None:
    first = client.get("/t.js")
    again = client.get("/t.js", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Type"].startswith("text/javascript")
    assert 1000 < len(first.content) < 5000
    assert (again.status_code, again.content) == (304, b"")
