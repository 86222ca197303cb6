"""What the providers of e-mail by HTTP say in their documents, and what we make of it."""

import base64
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from crm.channels import braces
from crm.channels.base import Account, CallbackRefused, CallbackRequest
from crm.channels.http_wire import Answer
from crm.channels.mailers import scaleway
from crm.channels.mailers.brevo import BrevoAdapter
from crm.channels.mailers.mailersend import MailerSendAdapter
from crm.channels.mailers.mailtrap import MailtrapAdapter
from crm.channels.mailers.postal import PostalAdapter
from crm.channels.mailers.resend import ResendAdapter
from crm.channels.mailers.scaleway import ScalewayAdapter
from crm.channels.mailers.unisender_go import UnisenderGoAdapter
from tests.contracts import NOW, outgoing

URL = "https://shop.example/callbacks/mine/"


def adapter(adapter_class, options=(), secrets=()):
    return adapter_class(Account("x", options=tuple(options), secrets=tuple(secrets), name="mine"))


def read(adapter_class, said):
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    return adapter(adapter_class).read_callback(CallbackRequest({}, body, URL, NOW))


def composed(adapter_class, options=(), **changes):
    return json.loads(adapter(adapter_class, options).write(outgoing(1, **changes)).body)


# --- Braces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["{{ x }}", "{{{{ x", "{% x %}", "{$x}", "{{{%{$", "a {b} c"])
def test_no_template_of_a_provider_is_left_in_what_a_person_wrote(text):
    for written in (braces.plain(text), braces.html(text)):
        assert not [one for one in ("{{", "{%", "{$") if one in written]
    assert braces.plain(text).replace("\u2060", "") == text


@pytest.mark.parametrize(
    ("adapter_class", "names"),
    [
        (BrevoAdapter, ("subject", "textContent", "htmlContent")),
        (MailerSendAdapter, ("subject", "text", "html")),
    ],
)
def test_a_name_with_braces_is_never_a_variable_of_the_provider(adapter_class, names):
    name = "{{ contact.EMAIL }}"

    data = composed(adapter_class, subject=name, text=name, html=f"<p>{name}</p>")

    assert not [one for one in names if "{{" in data[one]]


# --- Brevo --------------------------------------------------------------------------------------


def test_a_mail_that_brevo_has_taken_before_is_sent():
    said = {"code": "duplicate_parameter", "message": "idempotencyKey was used"}

    outcome = adapter(BrevoAdapter).read(outgoing(1), Answer(400, {}, json.dumps(said).encode()))

    assert (outcome.state, bool(outcome.provider_message_id)) == ("sent", True)


def test_brevo_is_asked_twice_with_one_uuid_and_tells_the_moment_in_thousandths():
    first, second = (composed(BrevoAdapter)["headers"]["idempotencyKey"] for _ in range(2))
    (news,) = read(BrevoAdapter, [{"event": "delivered", "ts_epoch": 1520363423000}])

    assert first == second
    assert news.occurred_at == datetime(2018, 3, 6, 19, 10, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "kind", "reason"),
    [
        ("invalid_email", "bounced", "hard_bounce"),
        ("blocked", "failed", "rejected"),
        ("error", "failed", "rejected"),
        ("request", "sent", ""),
        ("unique_proxy_open", "opened", ""),
        ("teleported", "unknown", ""),
    ],
)
def test_what_brevo_says_in_our_words(event, kind, reason):
    (news,) = read(BrevoAdapter, {"event": event})

    assert (news.kind, news.reason) == (kind, reason)


# --- MailerSend ---------------------------------------------------------------------------------


def test_mailersend_is_told_the_way_out_in_its_own_field():
    headers = (("List-Unsubscribe", "<https://x.example/u>"), ("List-Id", "<a.b>"))

    data = composed(MailerSendAdapter, headers=headers)
    larger = composed(MailerSendAdapter, (("plan_headers", "yes"),), headers=headers)

    assert data["list_unsubscribe"] == "https://x.example/u"
    assert "headers" not in data
    assert {"name": "List-Id", "value": "<a.b>"} in larger["headers"]


def test_a_mail_to_nobody_but_the_closed_is_refused_by_mailersend():
    said = {"warnings": [{"type": "ALL_SUPPRESSED", "recipients": [{"email": "a@b.example"}]}]}

    outcome = adapter(MailerSendAdapter).read(
        outgoing(1), Answer(202, {}, json.dumps(said).encode())
    )

    assert (outcome.state, outcome.reason) == ("failed", "rejected")


# --- Mailtrap -----------------------------------------------------------------------------------


def test_events_of_mailtrap_may_come_one_a_line():
    first = {"event": "delivery", "message_id": "1", "timestamp": 1498093527}
    second = {"event": "bounce", "message_id": "2", "bounce_category": "mailbox_full"}
    body = f"{json.dumps(first)}\n{json.dumps(second)}\n".encode()

    found = read(MailtrapAdapter, body)

    assert [(one.provider_message_id, one.kind, one.reason) for one in found] == [
        ("1", "delivered", ""),
        ("2", "bounced", "soft_bounce"),
    ]
    assert found[0].occurred_at == datetime(2017, 6, 22, 1, 5, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stream", "host"), [("transactional", "send.api"), ("bulk", "bulk.api"), ("", "send.api")]
)
def test_each_stream_of_mailtrap_has_its_host(stream, host):
    call = adapter(MailtrapAdapter, (("stream", stream),)).write(outgoing(1))

    assert call.url == f"https://{host}.mailtrap.io/api/send"


# --- Postal -------------------------------------------------------------------------------------


def posted(event, **payload):
    mail = {"id": 1563, "direction": "outgoing", "tag": "key-1", "to": "ann@example.com"}
    said = {"event": event, "timestamp": 1606753101.354368, "uuid": "58e8d7ee"}
    return said | {"payload": {"message": mail} | payload}


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        (posted("MessageSent", output="250 2.0.0 OK"), "delivered", ""),
        (posted("MessageDelayed", output="451 4.7.1 later"), "deferred", ""),
        (posted("MessageDeliveryFailed", output="550 5.1.1 no"), "bounced", "hard_bounce"),
        (posted("MessageDeliveryFailed", output="550 5.7.1 no"), "bounced", "block"),
        (posted("MessageDeliveryFailed", details="Too many attempts"), "bounced", "soft_bounce"),
        (posted("MessageHeld", details="Credential is held"), "sent", ""),
        (posted("MessageLoaded"), "opened", ""),
        (posted("DomainDNSError"), "unknown", ""),
    ],
)
def test_what_postal_says_in_our_words(said, kind, reason):
    (news,) = read(PostalAdapter, said)

    assert (news.kind, news.reason, news.key) == (kind, reason, "key-1")
    assert news.provider_message_id == "1563"


def test_a_bounce_that_postal_took_is_about_the_original():
    said = {"event": "MessageBounced", "payload": {"original_message": {"id": 7, "tag": "key-1"}}}

    (news,) = read(PostalAdapter, said)

    assert (news.kind, news.provider_message_id, news.key) == ("bounced", "7", "key-1")


def test_what_became_of_a_mail_to_us_is_no_news():
    assert read(PostalAdapter, {"payload": {"message": {"direction": "incoming"}}}) == []


@pytest.mark.parametrize("header", ["x-postal-signature", "x-postal-signature-256"])
def test_either_signature_of_postal_is_checked_with_its_key(rsa_key, header):
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    private = serialization.load_pem_private_key(rsa_key.pem.encode(), None)
    algorithm = hashes.SHA256() if header.endswith("256") else hashes.SHA1()
    signed = base64.b64encode(private.sign(b"{}", padding.PKCS1v15(), algorithm)).decode()
    public = rsa_key.public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    request = CallbackRequest({header: signed}, b"{}", URL, NOW)
    ours = adapter(PostalAdapter, secrets=(("public_key", public),))

    ours.verify_callback(request)
    for wrong in (replace(request, body=b"[]"), replace(request, headers={header: "%%"})):
        with pytest.raises(CallbackRefused):
            ours.verify_callback(wrong)


# --- Resend -------------------------------------------------------------------------------------


def bounced(**bounce):
    return {"type": "email.bounced", "data": {"email_id": "e", "bounce": bounce}}


@pytest.mark.parametrize(
    ("said", "kind", "reason"),
    [
        (bounced(type="Permanent", subType="General", message="no"), "bounced", "hard_bounce"),
        (bounced(type="Permanent", subType="Suppressed", message="x"), "bounced", "block"),
        (bounced(type="Transient", subType="MailboxFull", message="x"), "bounced", "soft_bounce"),
        (bounced(type="Undetermined", message="x"), "bounced", "soft_bounce"),
        (bounced(message="sent a hard bounce message"), "bounced", "hard_bounce"),
        ({"type": "email.failed", "data": {"failed": {"reason": "quota"}}}, "failed", "rejected"),
        ({"type": "email.delivery_delayed", "data": {}}, "deferred", ""),
        ({"type": "domain.updated", "data": {}}, "unknown", ""),
    ],
)
def test_what_resend_says_in_our_words(said, kind, reason):
    (news,) = read(ResendAdapter, said)

    assert (news.kind, news.reason) == (kind, reason)


@pytest.mark.parametrize("tags", [{"rapport_key": "k"}, [{"name": "rapport_key", "value": "k"}]])
def test_our_key_is_found_in_either_shape_of_tags(tags):
    (news,) = read(ResendAdapter, {"type": "email.sent", "data": {"tags": tags}})

    assert news.key == "k"


@pytest.mark.parametrize(("key", "tagged"), [("delivery-12-1", True), ("a@b.example", False)])
def test_resend_is_given_no_tag_that_it_would_refuse(key, tagged):
    assert ("tags" in composed(ResendAdapter, key=key)) == tagged


@pytest.mark.parametrize("minutes", [0, 6])
def test_a_secret_of_standard_webhooks_is_base64_and_one_of_several_signatures_is_enough(minutes):
    raw = b"0123456789abcdef"
    moment, body = str(int(NOW.timestamp())), b'{"type":"email.sent"}'
    signed = base64.b64encode(hmac.digest(raw, f"msg_1.{moment}.".encode() + body, "sha256"))
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": moment,
        "svix-signature": f"v1,bm8= v1,{signed.decode()}",
    }
    secret = "whsec_" + base64.b64encode(raw).decode()
    ours = adapter(ResendAdapter, secrets=(("signing_secret", secret),))
    request = CallbackRequest(headers, body, URL, NOW + timedelta(minutes=minutes))

    if not minutes:
        ours.verify_callback(request)
        return
    with pytest.raises(CallbackRefused, match="too old"):
        ours.verify_callback(request)


# --- Scaleway -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "message", "ours"),
    [
        ("email_dropped", 550, "5.1.1 unknown", ("bounced", "hard_bounce")),
        ("email_dropped", 452, "over quota", ("bounced", "soft_bounce")),
        ("email_mailbox_not_found", 550, "", ("bounced", "hard_bounce")),
        ("email_spam", 554, "5.7.1 spam", ("bounced", "block")),
        ("email_blocklisted", None, "", ("failed", "rejected")),
        ("email_deferred", 451, "", ("deferred", "")),
    ],
)
def test_what_scaleway_says_in_our_words(kind, code, message, ours):
    said = {"type": kind, "email_response_code": code, "email_response_message": message}

    (bare,) = read(ScalewayAdapter, said)
    (wrapped,) = read(ScalewayAdapter, {"Type": "Notification", "Message": json.dumps(said)})

    assert (bare.kind, bare.reason) == (wrapped.kind, wrapped.reason) == ours


def test_what_scaleway_says_of_no_mail_is_no_news():
    assert read(ScalewayAdapter, {"type": "blocklist_created"}) == []
    assert read(ScalewayAdapter, {"Type": "SubscriptionConfirmation", "Message": "visit …"}) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        "https://sns.mnq.fr-par.scaleway.com.evil.example/",
        "http://[::1/",
        "",
    ],
)
def test_a_topic_is_confirmed_at_scaleways_address_only(url):
    body = json.dumps({"Type": "SubscriptionConfirmation", "SubscribeURL": url}).encode()

    with pytest.raises(CallbackRefused, match="none"):
        adapter(ScalewayAdapter).confirm(CallbackRequest({}, body, URL, NOW))


def test_a_topic_of_scaleway_is_confirmed_once_it_asks(monkeypatch):
    visited = []

    class Visitor:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def get(self, url):
            visited.append(url)
            return httpx.Response(200)

    monkeypatch.setattr(scaleway, "guarded_client", Visitor)
    url = "https://sns.mnq.fr-par.scaleway.com/?Action=ConfirmSubscription&Token=t"
    for kind in ("Notification", "SubscriptionConfirmation"):
        body = json.dumps({"Type": kind, "SubscribeURL": url}).encode()
        adapter(ScalewayAdapter).confirm(CallbackRequest({}, body, URL, NOW))

    assert visited == [url]


# --- Unisender Go -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "ours"),
    [
        ("hard_bounced", "err_user_unknown", ("bounced", "hard_bounce")),
        ("hard_bounced", "err_mailbox_full", ("bounced", "soft_bounce")),
        ("hard_bounced", "err_spam_rejected", ("bounced", "block")),
        ("soft_bounced", "err_will_retry", ("deferred", "")),
        ("spam", "err_spam_rejected", ("complained", "")),
    ],
)
def test_what_unisender_says_in_our_words(status, code, ours):
    said = {"event_name": "transactional_email_status", "status": status, "email": "a@b.example"}

    (news,) = read(UnisenderGoAdapter, said | {"delivery_info": {"delivery_status": code}})

    assert (news.kind, news.reason) == ours


def test_a_long_key_is_one_mail_to_unisender_too():
    keys = ("delivery-1-1", "x" * 80, "x" * 79 + "y")

    given = [composed(UnisenderGoAdapter, key=key)["message"]["idempotence_key"] for key in keys]

    assert given[0] == "delivery-1-1"
    assert len(set(given)) == 3
    assert max(map(len, given)) == 64


def test_events_of_unisender_that_are_about_no_mail_are_passed_over():
    block = {"event_name": "transactional_spam_block", "event_data": {"block_type": "x"}}

    assert read(UnisenderGoAdapter, {"events_by_user": [{"events": [block]}]}) == []


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("invalid", "invalid_address"),
        ("permanent_unavailable", "invalid_address"),
        ("temporary_unavailable", "deferred"),
        ("unsubscribed", "rejected"),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_an_address_that_unisender_does_not_write_to_is_refused(status, word, reason):
    said = {"status": "success", "job_id": "1", "emails": [], "failed_emails": {"a@b.c": word}}

    outcome = adapter(UnisenderGoAdapter).read(
        outgoing(1), Answer(status, {}, json.dumps(said).encode())
    )

    assert (outcome.state, outcome.reason) == ("failed", reason)


@pytest.mark.parametrize("auth", ["", "x", "0" * 31, None, 7])
def test_a_fingerprint_that_is_none_proves_nothing(auth):
    ours = adapter(UnisenderGoAdapter, secrets=(("api_key", "key"),))
    request = CallbackRequest({}, json.dumps({"auth": auth}).encode(), URL, NOW)

    with pytest.raises(CallbackRefused):
        ours.verify_callback(request)
