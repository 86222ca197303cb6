"""The outbox process, for real: mail over SMTP, SMS over HTTP, callbacks that prove themselves."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import httpx
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from crm.channels.base import Account, CallbackRequest
from crm.channels.email import EmailAdapter
from crm.channels.sms_http import SmsHttpAdapter
from crm.models.outbox import CaughtMessage
from tests.contracts import SECRET, RememberingJournal, outgoing

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
LIBPQ_WORDS = ("dbname", "user", "password", "host", "port")


class Web(BaseHTTPRequestHandler):
    """Takes callbacks as our web process would; the first of each path is met with a 503."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        refuse = self.path.endswith("flaky/") and self.path not in self.server.refused
        self.server.refused.add(self.path)
        self.send_response(503 if refuse else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if not refuse:
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = CallbackRequest(headers, body, self.path, datetime.now(UTC))
            self.server.callbacks.put(request)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    server.callbacks, server.refused = Queue(), set()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Outbox:
    """The running process and its two ports."""

    def __init__(self, process, smtp_port, http_port):
        self.process = process
        self.http = f"http://127.0.0.1:{http_port}"
        self.email = EmailAdapter(
            Account(
                "email",
                f"smtp://127.0.0.1:{smtp_port}?hello=test",
                callback_secret=SECRET,
                guarded_but=None,
            )
        )
        self.account = Account(
            "sms_http",
            f"{self.http}/sms/messages",
            "simulator",
            SECRET,
            "http://127.0.0.1:1/",
            guarded_but=None,
        )

    def post(self, path, data):
        headers = {"Authorization": "Bearer simulator"}
        return httpx.post(self.http + path, json=data, headers=headers, trust_env=False)


@pytest.fixture
def outbox(web):
    known = connection.get_connection_params()
    words = {name: known[name] for name in LIBPQ_WORDS if known.get(name)}
    environment = os.environ | {
        "DATABASE_URL": make_conninfo("", **words),
        "SMS_CALLBACK_SECRET": SECRET,
        "PUBLIC_URL": web.url,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "crm.simulator", "--smtp-port", "0", "--http-port", "0"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    ports = re.findall(r"127\.0\.0\.1:(\d+)", process.stderr.readline())
    running = Outbox(process, *map(int, ports))
    yield running
    running.email.close()
    process.send_signal(signal.SIGTERM)
    process.stderr.read()
    assert process.wait(10) == 0
    process.stderr.close()


def send_sms(outbox, *batch, callback_url="http://127.0.0.1:1/"):
    account = replace(outbox.account, callback_url=callback_url)
    adapter = SmsHttpAdapter(account)
    outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))
    adapter.close()
    return {outcome.message_id: outcome for outcome in outcomes}


def callback(web, adapter):
    request = web.callbacks.get(timeout=10)
    adapter.verify_callback(request)
    (read,) = adapter.read_callback(request)
    return read


def test_what_is_answered_with_250_is_in_the_outbox(outbox):
    batch = [outgoing(n, f"user{n}@example.com", subject=f"Grüße {n}") for n in range(1, 51)]

    outcomes = list(outbox.email.send_many(batch, journal=RememberingJournal()))

    assert {outcome.state for outcome in outcomes} == {"sent"}
    caught = CaughtMessage.objects.filter(channel="email")
    assert caught.count() == 50
    one = caught.get(key="key-7@rapport.example")
    assert (one.recipient, one.subject) == ("user7@example.com", "Grüße 7")
    assert b"Message-ID: <key-7@rapport.example>" in bytes(one.raw)


def test_addresses_that_ask_to_be_refused_are(outbox):
    batch = [
        outgoing(1, "bounce+ann@example.com"),
        outgoing(2, "ann@bounce.invalid"),
        outgoing(3, "defer+ann@example.com"),
        outgoing(4),
    ]

    outcomes = outbox.email.send_many(batch, journal=RememberingJournal())

    told = {outcome.message_id: outcome.reason for outcome in outcomes}
    assert told == {1: "invalid_address", 2: "invalid_address", 3: "deferred", 4: ""}
    assert CaughtMessage.objects.count() == 1


def test_an_sms_asked_twice_is_caught_once_with_the_same_answer(outbox):
    first = send_sms(outbox, outgoing(1, "+441134960100"))[1]
    again = send_sms(outbox, outgoing(1, "+441134960100"))[1]

    assert first.provider_message_id == again.provider_message_id
    assert CaughtMessage.objects.filter(channel="sms").count() == 1
    caught = CaughtMessage.objects.get(channel="sms")
    assert json.loads(bytes(caught.raw))["body"] == "Hello"


def test_numbers_meet_their_fates(outbox):
    outcomes = send_sms(
        outbox,
        outgoing(1, "+441134960003"),
        outgoing(2, "+441134960004"),
        outgoing(3, "+441134960100"),
    )

    assert (outcomes[1].reason, outcomes[2].reason) == ("invalid_address", "rate_limited")
    assert outcomes[2].retry_after == 2.0
    assert outcomes[3].state == "sent"


def test_a_number_that_was_put_off_is_taken_the_next_time(outbox):
    first = send_sms(outbox, outgoing(1, "+441134970004"))[1]
    second = send_sms(outbox, outgoing(2, "+441134970004"))[2]

    assert (first.reason, second.state) == ("rate_limited", "sent")


def test_a_wrong_api_key_is_refused(outbox):
    answer = httpx.post(f"{outbox.http}/sms/messages", json={}, trust_env=False)

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("number", "kind", "reason"),
    [("+441134960100", "delivered", ""), ("+441134960001", "failed", "undeliverable")],
)
def test_a_receipt_comes_back_signed(outbox, web, number, kind, reason):
    sent = send_sms(outbox, outgoing(1, number), callback_url=f"{web.url}/callbacks/sms_http/")[1]

    news = callback(web, SmsHttpAdapter(outbox.account))

    assert (news.kind, news.reason, news.recipient) == (kind, reason, number)
    assert news.provider_message_id == sent.provider_message_id
    assert news.key == "key-1"


def test_a_callback_is_tried_again_while_the_web_is_down(outbox, web):
    send_sms(outbox, outgoing(1, "+441134960100"), callback_url=f"{web.url}/flaky/")

    assert callback(web, SmsHttpAdapter(outbox.account)).kind == "delivered"


def test_a_person_can_answer_by_sms_and_by_mail(outbox, web):
    outbox.post("/sms/inbound", {"from": "+441", "to": "+442", "body": "STOP"})
    sms = callback(web, SmsHttpAdapter(outbox.account))
    mail = {"from": "a@b.example", "to": "s@c.example", "text": "Yes", "in_reply_to": "key-1@x"}
    outbox.post("/email/inbound", mail)
    email = callback(web, outbox.email)

    assert (sms.sender, sms.body) == ("+441", "STOP")
    assert (email.sender, email.body, email.in_reply_to) == ("a@b.example", "Yes", "key-1@x")
    assert sms.provider_message_id
    assert email.provider_message_id


@pytest.mark.parametrize(
    ("path", "kind"), [("/email/bounce", "bounced"), ("/email/complaint", "complained")]
)
def test_a_mail_can_bounce_and_annoy(outbox, web, path, kind):
    outbox.post(path, {"key": "key-1@rapport.example", "to": "ann@example.com"})

    news = callback(web, outbox.email)

    assert (news.kind, news.key) == (kind, "key-1@rapport.example")


def test_the_outbox_stays_light(outbox):
    with open(f"/proc/{outbox.process.pid}/status", encoding="ascii") as status:
        resident = int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    assert resident < 48_000
