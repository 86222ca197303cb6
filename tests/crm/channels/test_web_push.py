"""Web push as the RFCs say, and webhooks to customers: encrypted, signed, only to public hosts."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crm.channels import web_push
from crm.channels.base import Account, CallbackRefused, CallbackRequest
from crm.channels.web_push import Subscription, WebPushAdapter, padless, unpadded
from crm.channels.webhook import WebhookAdapter, signature
from tests.contracts import NOW, RememberingJournal, SendingContract, outgoing

# The example of RFC 8291, section 5.
PLAIN = b"When I grow up, I want to be a watermelon"
BROWSER_KEY = (
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
)
BROWSER_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
BROWSER_SECRET = "BTBZMqHH6r4Tts7J_aSIgg"
OUR_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
ENCRYPTED = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
    "lcy4a-fN"
)


class Service(BaseHTTPRequestHandler):
    """Answers with the status that the path names, and keeps what it is told."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append(({k.lower(): v for k, v in self.headers.items()}, body))
        code = int(self.path.rpartition("/")[2])
        self.send_response(code)
        self.send_header("Content-Length", "0")
        if code == 429:
            self.send_header("Retry-After", "7")
        if code == 201:
            self.send_header("Location", "/message/1")
        self.end_headers()

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def _service():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.daemon_threads = True
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def service(_service, monkeypatch):
    _service.seen.clear()
    _service.url = f"http://127.0.0.1:{_service.server_port}"
    for adapter in (WebPushAdapter, WebhookAdapter):
        monkeypatch.setattr(adapter, "allowed_hosts", ("127.0.0.1",))
    return _service


def line(service, code):
    return f"{service.url}/{code} {BROWSER_KEY} {BROWSER_SECRET}"


@pytest.fixture
def adapter(service):
    account = Account(
        "web_push",
        options=(("subject", "mailto:shop@rapport.example"),),
        secrets=(("private_key", OUR_PRIVATE),),
    )
    adapter = WebPushAdapter(account)
    yield adapter
    adapter.close()


@pytest.fixture
def webhook(service):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    adapter = WebhookAdapter(Account("webhook", secrets=(("signing_secret", secret),)))
    yield adapter
    adapter.close()


CODES = (201, 404, 410, 413, 429, 500, 403)
OUTCOMES = ("", "invalid_address", "invalid_address", "rejected", "deferred", "deferred")


class TestWebPushAdapterKeepsTheContract(SendingContract):
    @pytest.fixture
    def adapter(self, adapter):
        return adapter

    @pytest.fixture
    def batch(self, service):
        return [outgoing(n, line(service, code)) for n, code in enumerate(CODES, 1)]


class TestWebhookAdapterKeepsTheContract(SendingContract):
    @pytest.fixture
    def adapter(self, webhook):
        return webhook

    @pytest.fixture
    def batch(self, service):
        return [outgoing(n, f"{service.url}/{code}") for n, code in enumerate(CODES, 1)]


def send(adapter, recipient, **changes):
    message = outgoing(1, recipient, **changes)
    (outcome,) = adapter.send_many([message], journal=RememberingJournal())
    return outcome


def decrypted(body):
    """What the browser of the example reads."""
    private = web_push.private_key(BROWSER_PRIVATE)
    salt, sender = body[:16], body[21:86]
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    derive = web_push._derived
    info = b"WebPush: info\0" + unpadded(BROWSER_KEY) + sender
    shared = private.exchange(ec.ECDH(), theirs)
    secret = derive(shared, salt=unpadded(BROWSER_SECRET), info=info, length=32)
    key = derive(secret, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = derive(secret, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    return AESGCM(key).decrypt(nonce, body[86:], None).removesuffix(b"\2")


def test_the_example_of_the_rfc_comes_out_the_same():
    subscription = Subscription.of(f"https://push.example/1 {BROWSER_KEY} {BROWSER_SECRET}")

    body = web_push.encrypted(
        PLAIN, subscription, ours=web_push.private_key(OUR_PRIVATE), salt=unpadded(SALT)
    )

    assert padless(body) == ENCRYPTED
    assert decrypted(body) == PLAIN


def test_only_the_browser_can_read_what_is_sent_in_our_name(adapter, service):
    outcome = send(adapter, line(service, 201), text="New 你好 https://shop.example/a?b=1 !")

    (headers, body), said = service.seen[0], {}
    said = json.loads(decrypted(body))
    assert (outcome.state, outcome.provider_message_id) == ("sent", "/message/1")
    assert said == {
        "title": "Hello",
        "body": "New 你好  !",
        "url": "https://shop.example/a?b=1",
        "tag": "key-1",
    }
    assert (headers["ttl"], headers["content-encoding"]) == ("86400", "aes128gcm")
    assert len(headers["topic"]) == 32
    _check_token(headers["authorization"], service.url)


def _check_token(header, origin):
    kind, shown, key = header.replace(",", "").split(" ")
    signed, _, proof = shown.removeprefix("t=").rpartition(".")
    raw = unpadded(proof)
    numbers = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), unpadded(key.removeprefix("k="))
    )
    public.verify(encode_dss_signature(*numbers), signed.encode(), ec.ECDSA(hashes.SHA256()))
    claims = json.loads(unpadded(signed.partition(".")[2]))
    assert (kind, claims["aud"], claims["sub"]) == (
        "vapid",
        origin,
        "mailto:shop@rapport.example",
    )


@pytest.mark.parametrize(("code", "reason"), list(zip(CODES[:6], OUTCOMES, strict=True)))
def test_what_a_push_service_answers_is_told_in_our_words(adapter, service, code, reason):
    outcome = send(adapter, line(service, code))

    assert outcome.reason == reason
    assert outcome.retry_after == {429: 7.0, 500: 30.0}.get(code)


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "https://push.example/1",
        f"ftp://push.example/1 {BROWSER_KEY} {BROWSER_SECRET}",
        f"https://push.example/1 {BROWSER_SECRET} {BROWSER_KEY}",
        "https://push.example/1 a b",
        # As long as a key, and no point of the curve.
        f"https://push.example/1 {padless(bytes([4]) * 65)} {BROWSER_SECRET}",
    ],
)
def test_what_is_no_subscription_is_an_address_that_does_not_exist(adapter, recipient):
    assert send(adapter, recipient).reason == "invalid_address"


def test_what_no_service_takes_is_not_sent(adapter, service):
    assert send(adapter, line(service, 201), text="x" * 4000).reason == "rejected"
    assert not service.seen


def test_a_key_that_is_drawn_can_be_used():
    drawn = web_push.draw_private_key()

    assert len(unpadded(drawn)) == 32
    assert len(unpadded(web_push.public_text(drawn))) == 65


def test_a_webhook_is_signed_so_that_receivers_can_check_it(webhook, service):
    outcome = send(webhook, f"{service.url}/200", text="Grüße")

    headers, body = service.seen[0]
    at = headers["webhook-timestamp"]
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert headers["webhook-id"] == "key-1"
    assert headers["webhook-signature"] == signature(secret, key="key-1", at=at, body=body)
    assert json.loads(body)["data"]["text"] == "Grüße"
    assert json.loads(body)["type"] == "message"
    assert outcome.state == "sent"


def test_a_test_of_staff_says_to_the_receiver_that_it_is_one(webhook, service):
    send(webhook, f"{service.url}/200", is_test=True)

    assert json.loads(service.seen[0][1])["type"] == "test"


def test_the_signature_is_that_of_standard_webhooks(shared_corpora):
    found = json.loads((shared_corpora / "webhook_signatures" / "vectors.json").read_text())

    for one in found["standard_webhooks"]["vectors"]:
        ours = signature(
            one["secret"], key=one["id"], at=str(one["timestamp"]), body=one["body"].encode()
        )
        assert (ours == one["signature"]) is one["valid"]


@pytest.mark.parametrize(
    ("code", "reason"), [(410, "invalid_address"), (404, "rejected"), (429, "deferred")]
)
def test_what_a_receiver_answers_is_told_in_our_words(webhook, service, code, reason):
    assert send(webhook, f"{service.url}/{code}").reason == reason


@pytest.mark.parametrize("kind", [WebPushAdapter, WebhookAdapter])
def test_private_addresses_are_not_called(adapter, webhook, service, monkeypatch, kind):
    monkeypatch.setattr(kind, "allowed_hosts", ())
    known = {WebPushAdapter: adapter, WebhookAdapter: webhook}[kind]
    strict = kind(replace(known.account, name="strict"))
    recipient = line(service, 201) if kind is WebPushAdapter else f"{service.url}/200"

    outcome = send(strict, recipient)
    strict.close()

    assert outcome.reason == "rejected"
    assert not service.seen


def test_nobody_calls_back(adapter, webhook):
    for one in (adapter, webhook):
        for ask in (one.verify_callback, one.read_callback):
            with pytest.raises(CallbackRefused):
                ask(CallbackRequest({}, b"{}", "", NOW))


def test_a_secret_that_is_none_is_said_to_be():
    with pytest.raises(ValueError, match="base64"):
        signature("whsec_ä", key="", at="", body=b"")
