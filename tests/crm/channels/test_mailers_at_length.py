"""What providers of e-mail do beside the common promises: refusals, classes, odd callbacks."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from crm.channels.base import Account, CallbackRefused, CallbackRequest
from crm.channels.http_wire import Answer
from crm.channels.mailers import mandrill
from crm.channels.mailers.mailgun import MailgunAdapter
from crm.channels.mailers.mailjet import MailjetAdapter
from crm.channels.mailers.mandrill import MandrillAdapter
from crm.channels.mailers.postmark import PostmarkAdapter
from crm.channels.mailers.sendgrid import SendGridAdapter
from crm.channels.mailers.sparkpost import SparkPostAdapter
from crm.channels.mailing import bounce_by_code, form_fields, prove_password
from crm.simulator.mailers.sendgrid import public_key
from crm.simulator.vendors.shapes import Keys
from tests.contracts import NOW, outgoing

URL = "https://shop.example/callbacks/mine/"


def adapter(which, secrets=(), **options):
    return which(Account("x", options=tuple(options.items()), secrets=tuple(dict(secrets).items())))


def read(which, body, headers=None, **options):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter(which, **options).read_callback(CallbackRequest(headers or {}, raw, URL, NOW))


def outcome(which, status, body, headers=None):
    raw = json.dumps(body).encode()
    return adapter(which).read(outgoing(1), Answer(status, headers or {}, raw))


# --- What all have alike ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("550 5.1.1 no such user", "hard_bounce"),
        ("smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound", "hard_bounce"),
        ("550-5.2.1 The account is disabled", "hard_bounce"),
        ("552 5.2.2 over quota", "soft_bounce"),
        ("451 4.7.1 greylisted", "soft_bounce"),
        ("550 5.7.1 [192.0.2.5] listed", "block"),
        ("554 5.7.26 unauthenticated", "block"),
        ("550 rejected by 5.9.1.2", "none"),
        ("550 no such user", "none"),
        ("version 15.1.1", "none"),
        ("", "none"),
    ],
)
def test_the_code_of_a_server_says_which_kind_of_bounce_it_is(said, kind):
    assert bounce_by_code(said, otherwise="none") == kind


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", ""])
@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n--x--", b"\xff\xfe--x\r\n", b"a=b&c"])
def test_a_broken_form_is_no_reason_to_fail(kind, body):
    request = CallbackRequest({"content-type": kind}, body, URL, NOW)
    try:
        found = form_fields(request)
    except CallbackRefused:
        return

    assert all(isinstance(value, str) for pair in found for value in pair)


def test_a_form_in_parts_is_read_without_its_files():
    body = (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nfile\r\n'
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nagain\r\n--x--\r\n'
    )
    request = CallbackRequest({"content-type": "multipart/form-data; boundary=x"}, body, URL, NOW)

    assert form_fields(request) == [("a", "Grüße"), ("a", "again")]


@pytest.mark.parametrize(
    ("header", "url", "is_proven"),
    [
        ("Basic cmFwcG9ydDp3b3Jk", URL, True),
        ("basic YW55Ym9keTp3b3Jk", URL, True),
        ("Basic cmFwcG9ydDpuby13b3Jk", f"{URL}?token=word", False),
        ("Basic !!!", URL, False),
        ("Basic", URL, False),
        ("Bearer word", URL, False),
        ("", f"{URL}?token=word", True),
        ("", f"{URL}?token=", False),
        ("", URL, False),
    ],
)
def test_the_password_of_callbacks_comes_by_either_way(header, url, is_proven):
    request = CallbackRequest({"authorization": header} if header else {}, b"", url, NOW)

    if is_proven:
        prove_password(request, "word")
    else:
        with pytest.raises(CallbackRefused):
            prove_password(request, "word")


def test_without_a_password_nobody_is_heard():
    for header in ("Basic Og==", "Basic cmFwcG9ydDo="):
        with pytest.raises(CallbackRefused):
            prove_password(CallbackRequest({"authorization": header}, b"", URL, NOW), "")


# --- Mailgun ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "code", "said", "kind", "why"),
    [
        ("bounce", 550, "5.1.1 nobody", "bounced", "hard_bounce"),
        ("bounce", 550, "5.7.1 listed", "bounced", "block"),
        ("bounce", 550, "nobody", "bounced", "hard_bounce"),
        ("suppress-bounce", 605, "", "bounced", "hard_bounce"),
        ("suppress-complaint", 607, "", "bounced", "block"),
        ("old", 602, "Too old", "bounced", "soft_bounce"),
        ("generic", 498, "No MX", "bounced", "soft_bounce"),
    ],
)
def test_a_failure_for_good_of_mailgun_has_its_class(reason, code, said, kind, why):
    data = {
        "event": "failed",
        "severity": "permanent",
        "reason": reason,
        "delivery-status": {"code": code, "message": said},
    }

    (news,) = read(MailgunAdapter, {"event-data": data})
    (later,) = read(MailgunAdapter, {"event-data": data | {"severity": "temporary"}})

    assert (news.kind, news.reason) == (kind, why)
    assert (later.kind, later.reason) == ("deferred", "")


def test_an_address_of_mailgun_that_is_wrong_is_no_success():
    answer = Answer(200, {}, b"Mailgun Magnificent API")

    found = adapter(MailgunAdapter).read(outgoing(1), answer)

    assert (found.state, found.reason) == ("failed", "rejected")


def test_a_callback_of_mailgun_that_is_a_day_old_is_no_proof():
    moment = str(int((NOW - timedelta(hours=26)).timestamp()))
    told = {"timestamp": moment, "token": "t"}
    told["signature"] = hmac.digest(b"key", f"{moment}t".encode(), "sha256").hex()
    request = CallbackRequest({}, json.dumps({"signature": told}).encode(), URL, NOW)
    mine = adapter(MailgunAdapter, {"webhook_signing_key": "key"})

    with pytest.raises(CallbackRefused, match="too old"):
        mine.verify_callback(request)
    mine.verify_callback(replace(request, received_at=NOW - timedelta(hours=2)))


# --- SendGrid -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "kind", "why"),
    [
        ({"event": "bounce", "type": "bounce", "status": "5.1.1"}, "bounced", "hard_bounce"),
        ({"event": "bounce", "type": "bounce", "status": "5.2.2"}, "bounced", "soft_bounce"),
        ({"event": "bounce", "type": "bounce", "status": "5.7.1"}, "bounced", "block"),
        ({"event": "bounce", "type": "bounce"}, "bounced", "hard_bounce"),
        ({"event": "bounce", "type": "blocked", "status": "5.1.1"}, "bounced", "block"),
        ({"event": "bounce", "type": "blocked", "status": "4.2.2"}, "bounced", "soft_bounce"),
        ({"event": "bounce", "type": "expired"}, "bounced", "soft_bounce"),
        ({"event": "dropped", "reason": "Bounced Address"}, "failed", "undeliverable"),
        ({"event": "dropped", "reason": "Unsubscribed Address"}, "failed", "rejected"),
        ({"event": "group_resubscribe"}, "unknown", ""),
        ({"event": "teleported"}, "unknown", ""),
    ],
)
def test_events_of_sendgrid_have_their_class(event, kind, why):
    (news,) = read(SendGridAdapter, [event])

    assert (news.kind, news.reason) == (kind, why)


def test_a_verification_key_may_be_pasted_as_a_file(simulator):
    from crm.simulator.mailers.sendgrid import SendGrid
    from crm.simulator.mailers.shapes import Fate, TakenMail

    posted = SendGrid(Keys("k", "s")).report(TakenMail("1", "k", "a", "b"), Fate.DELIVERED, URL)
    headers = {name.lower(): value for name, value in posted.headers}
    request = CallbackRequest(headers, posted.body, URL, datetime.now(UTC))
    bare = public_key("s")
    pem = f"-----BEGIN PUBLIC KEY-----\n{bare[:64]}\n{bare[64:]}\n-----END PUBLIC KEY-----\n"

    for key in (bare, pem):
        adapter(SendGridAdapter, {"verification_key": key}).verify_callback(request)
    for key in ("", "no key", public_key("other")):
        with pytest.raises(CallbackRefused):
            adapter(SendGridAdapter, {"verification_key": key}).verify_callback(request)


# --- SparkPost, Mandrill, Mailjet, Postmark -----------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind", "why"),
    [
        ("10", "bounced", "hard_bounce"),
        ("30", "bounced", "hard_bounce"),
        ("22", "bounced", "soft_bounce"),
        ("51", "bounced", "block"),
        ("90", "unsubscribed", ""),
        ("60", "unknown", ""),
        ("1", "bounced", "soft_bounce"),
    ],
)
def test_a_bounce_of_sparkpost_has_its_class(number, kind, why):
    event = {"type": "bounce", "bounce_class": number, "rcpt_meta": []}

    (news,) = read(SparkPostAdapter, [{"msys": {"message_event": event}}])

    assert (news.kind, news.reason) == (kind, why)


def test_a_request_of_sparkpost_that_is_wrong_closes_no_address():
    errors = [{"message": "required field is missing", "description": "recipients is required"}]

    found = outcome(SparkPostAdapter, 422, {"errors": errors})

    assert found.reason == "rejected"


def test_mandrill_tries_an_address_before_it_hands_out_the_key():
    fields = [("mandrill_events", "[]")]
    body = urlencode(fields).encode()
    proof = mandrill.signature(URL, fields, key="test-webhook")
    request = CallbackRequest({"x-mandrill-signature": proof}, body, URL, NOW)

    adapter(MandrillAdapter).verify_callback(request)

    more = [("mandrill_events", "[{}]")]
    forged = mandrill.signature(URL, more, key="test-webhook")
    with pytest.raises(CallbackRefused):
        adapter(MandrillAdapter).verify_callback(
            CallbackRequest({"x-mandrill-signature": forged}, urlencode(more).encode(), URL, NOW)
        )


@pytest.mark.parametrize(
    ("status", "body", "state", "reason"),
    [
        (200, [{"status": "sent", "_id": "1"}], "sent", ""),
        (200, [{"status": "queued", "_id": "1"}], "sent", ""),
        (200, [{"status": "invalid"}], "failed", "invalid_address"),
        (200, [{"status": "rejected", "reject_reason": "spam"}], "failed", "rejected"),
        (200, [{"status": "rejected", "reject_reason": "unsigned"}], "failed", "sender_refused"),
        (
            200,
            [{"status": "rejected", "reject_reason": "hard-bounce"}],
            "failed",
            "invalid_address",
        ),
        (200, {}, "in_doubt", "unanswered"),
        (500, {"status": "error", "name": "Invalid_Key"}, "failed", "unauthorized"),
        (500, {"status": "error", "name": "ValidationError"}, "failed", "rejected"),
        (500, {"status": "error", "name": "GeneralError"}, "in_doubt", "unanswered"),
        (503, {}, "failed", "deferred"),
    ],
)
def test_answers_of_mandrill_say_what_became_of_the_mail(status, body, state, reason):
    found = outcome(MandrillAdapter, status, body)

    assert (found.state, found.reason) == (state, reason)


@pytest.mark.parametrize(
    ("event", "kind", "why"),
    [
        (
            {"event": "bounce", "hard_bounce": True, "error": "user unknown"},
            "bounced",
            "hard_bounce",
        ),
        ({"event": "bounce", "hard_bounce": False, "error": "x"}, "bounced", "soft_bounce"),
        ({"event": "bounce", "hard_bounce": False, "error": "greylisted"}, "deferred", ""),
        ({"event": "blocked", "error": "user unknown"}, "failed", "undeliverable"),
        ({"event": "blocked", "error": "preblocked"}, "failed", "rejected"),
    ],
)
def test_events_of_mailjet_have_their_class(event, kind, why):
    (news,) = read(MailjetAdapter, event)

    assert (news.kind, news.reason) == (kind, why)


@pytest.mark.parametrize(
    ("record", "kind", "why"),
    [
        ({"RecordType": "Bounce", "Type": "HardBounce"}, "bounced", "hard_bounce"),
        ({"RecordType": "Bounce", "Type": "Blocked"}, "bounced", "block"),
        ({"RecordType": "Bounce", "Type": "SoftBounce"}, "bounced", "soft_bounce"),
        ({"RecordType": "Bounce", "Type": "BadEmailAddress"}, "failed", "undeliverable"),
        ({"RecordType": "Bounce", "Type": "Transient"}, "deferred", ""),
        ({"RecordType": "Bounce", "Type": "AutoResponder"}, "unknown", ""),
        ({"RecordType": "SubscriptionChange", "SuppressSending": False}, "unknown", ""),
        (
            {"RecordType": "SubscriptionChange", "SuppressionReason": "SpamComplaint"},
            "complained",
            "",
        ),
        ({}, "unknown", ""),
    ],
)
def test_records_of_postmark_have_their_class(record, kind, why):
    (news,) = read(PostmarkAdapter, record)

    assert (news.kind, news.reason) == (kind, why)
