"""SMS over HTTP: answers of a provider in our words."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crm.channels.base import Account, Inbound
from crm.channels.sms_http import SmsHttpAdapter
from tests.contracts import (
    SECRET,
    RememberingJournal,
    SendingContract,
    SignedCallbackContract,
    outgoing,
    signed_callback,
)


class Provider(BaseHTTPRequestHandler):
    """Answers as the last digits of the recipient say."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[dict, dict]]

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((dict(self.headers), data))
        code = int(data["to"][-3:])
        if code == 999:
            self.close_connection = True
            self.connection.close()
            return
        body = json.dumps({"id": f"p-{data['to']}", "error": "x"}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        if code == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    server.seen = []
    server.handle_error = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def adapter(provider):
    url = f"http://127.0.0.1:{provider.server_port}/sms/messages"
    back = "https://shop.example/callbacks/sms/"
    account = Account("sms_http", url, "api-key", SECRET, back, guarded_but=("127.0.0.1",))
    adapter = SmsHttpAdapter(account)
    yield adapter
    adapter.close()


class TestSmsHttpAdapterKeepsTheContract(SendingContract, SignedCallbackContract):
    @pytest.fixture
    def adapter(self, adapter):
        return adapter

    @pytest.fixture
    def batch(self):
        codes = (202, 400, 401, 429, 500, 999, 202)
        return [outgoing(n, f"+44113496{code}") for n, code in enumerate(codes, 1)]


def send(adapter, recipient):
    (outcome,) = adapter.send_many([outgoing(1, recipient)], journal=RememberingJournal())
    return outcome


def test_an_sms_goes_out_with_its_key_and_the_accounts(adapter, provider):
    outcome = send(adapter, "+44113496202")

    headers, data = provider.seen[0]
    assert outcome.provider_message_id == "p-+44113496202"
    assert headers["Idempotency-Key"] == "key-1"
    assert headers["Authorization"] == "Bearer api-key"
    assert data["callback_url"] == "https://shop.example/callbacks/sms/"
    assert data["body"] == "Hello"


@pytest.mark.parametrize(
    ("code", "reason", "retry_after"),
    [
        (400, "rejected", None),
        (401, "unauthorized", None),
        (429, "rate_limited", 7.0),
        (500, "deferred", 30.0),
    ],
)
def test_a_refusal_is_told_in_our_words(adapter, code, reason, retry_after):
    outcome = send(adapter, f"+44113496{code}")

    assert (outcome.state, outcome.reason, outcome.retry_after) == ("failed", reason, retry_after)


def test_no_answer_leaves_an_sms_in_doubt(adapter):
    assert send(adapter, "+44113496999").state == "in_doubt"


def test_a_provider_that_is_not_there_was_never_reached():
    adapter = SmsHttpAdapter(Account("sms_http", "http://127.0.0.1:1/sms", guarded_but=None))

    outcome = send(adapter, "+44113496202")

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    adapter.close()


def test_an_inbound_sms_is_read(adapter):
    data = {"type": "inbound", "from": "+441", "to": "+442", "body": "STOP", "id": "in-1"}

    (inbound,) = adapter.read_callback(signed_callback(data))

    assert isinstance(inbound, Inbound)
    assert (inbound.sender, inbound.recipient, inbound.body) == ("+441", "+442", "STOP")
