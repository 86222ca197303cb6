"""Signatures and payloads as the providers publish them, in documents and libraries' tests."""

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest

from crm.channels import aliyun_sms, plivo, proofs, sinch, tencent_sms, twilio
from crm.channels.base import Account, CallbackRefused, CallbackRequest, Inbound
from crm.channels.http_wire import Answer
from crm.channels.messagebird import MessageBirdAdapter
from crm.channels.vonage import VonageAdapter
from tests.contracts import NOW, outgoing

URL = "https://shop.example/callbacks/mine/"


@pytest.fixture
def vectors(shared_corpora):
    return json.loads((shared_corpora / "webhook_signatures" / "vectors.json").read_text())


def account(provider="x", **told):
    secrets = {name: said for name, said in told.items() if name in SECRETS}
    options = {name: said for name, said in told.items() if name not in SECRETS}
    return Account(
        provider, options=tuple(options.items()), secrets=tuple(secrets.items()), callback_url=URL
    )


SECRETS = {"auth_token", "webhook_secret", "access_key_secret", "secret_key", "private_key"}


def read(adapter_class, body, url=URL, **told):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return adapter_class(account(**told)).read_callback(CallbackRequest({}, body, url, NOW))


# --- Twilio -------------------------------------------------------------------------------------


def test_signatures_of_twilios_own_tests_are_right(vectors):
    token, found = vectors["twilio"]["auth_token"], vectors["twilio"]["vectors"]
    adapter = twilio.TwilioAdapter(account(auth_token=token))

    for one in found:
        told = one.get("params_list", one.get("params", {}).items())
        fields = [tuple(pair) for pair in told]
        body = one["body"].encode() if "body" in one else urlencode(fields).encode()
        headers = {"x-twilio-signature": one["signature"]}
        adapter.verify_callback(CallbackRequest(headers, body, one["url"], NOW))
        with pytest.raises(CallbackRefused):
            adapter.verify_callback(CallbackRequest(headers, body + b"&x=y", one["url"], NOW))

    assert len(found) == 7


def test_a_status_callback_of_twilio_is_read():
    fields = {
        "SmsSid": "SM1234567890abcdef",
        "SmsStatus": "undelivered",
        "MessageStatus": "undelivered",
        "To": "+15558675310",
        "MessageSid": "SM1234567890abcdef",
        "AccountSid": "ACXXXXXXXXXXXXXXXX",
        "From": "+15017122661",
        "ApiVersion": "2010-04-01",
        "ErrorCode": "30003",
    }

    (news,) = read(twilio.TwilioAdapter, urlencode(fields).encode(), f"{URL}?key=delivery-1-1")

    assert (news.kind, news.reason, news.key) == ("failed", "30003", "delivery-1-1")


# --- Plivo --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "fields", "signed"),
    [
        ("https://x.example/a/", {"b": "2", "a": "1"}, "https://x.example/a/?a1b2.n"),
        ("https://x.example/a/?z=1&k=0", {"b": "2"}, "https://x.example/a/?k=0&z=1.b2.n"),
        ("https://x.example/a/?k=0", {}, "https://x.example/a/?k=0.n"),
        ("https://x.example/a/", {}, "https://x.example/a/.n"),
    ],
)
def test_plivo_signs_address_query_fields_and_nonce(url, fields, signed):
    import hmac

    wanted = base64.b64encode(hmac.digest(b"token", signed.encode(), "sha256")).decode()

    assert plivo.signature(url, fields.items(), nonce="n", token="token") == wanted


def test_a_report_of_plivo_is_about_the_message_that_was_sent():
    fields = {
        "Status": "undelivered",
        "ErrorCode": "70",
        "MessageUUID": "part-2",
        "ParentMessageUUID": "fd2d8c04-4c2a-11e6-9dc4-0242ac110003",
        "PartInfo": "2 of 2",
        "To": "14155551234",
        "DeliveryReportTime": "2026-11-22 11:59:00",
    }

    (news,) = read(plivo.PlivoAdapter, urlencode(fields).encode())

    assert news.provider_message_id == "fd2d8c04-4c2a-11e6-9dc4-0242ac110003"
    assert (news.reason, news.recipient) == ("undeliverable", "+14155551234")
    assert news.occurred_at == datetime(2026, 11, 22, 11, 59, tzinfo=UTC)


# --- Sinch --------------------------------------------------------------------------------------

SINCH_BODY = (
    '{"app_id":"","accepted_time":"2021-10-18T17:49:13.813615Z","project_id":'
    '"e2df3a34-a71b-4448-9db5-a8d2baad28e4","contact_create_notification":{"contact":{"id":'
    '"01FJA8B466Y0R2GNXD78MD9SM1","channel_identities":[{"channel":"SMS","identity":'
    '"48123456789","app_id":""}],"display_name":"New Test Contact","email":'
    '"new.contact@email.com","external_id":"","metadata":"","language":"EN_US"}},'
    '"message_metadata":""}'
)


@pytest.mark.parametrize("minutes", [0, 6])
def test_the_signature_of_sinchs_own_tests_is_right(minutes):
    headers = {
        "x-sinch-webhook-signature-nonce": "01FJA8B4A7BM43YGWSG9GBV067",
        "x-sinch-webhook-signature-timestamp": "1634579353",
        "x-sinch-webhook-signature": "6bpJoRmFoXVjfJIVglMoJzYXxnoxRujzR4k2GOXewOE=",
    }
    at = datetime.fromtimestamp(1634579353, UTC) + timedelta(minutes=minutes)
    adapter = sinch.SinchAdapter(account(webhook_secret="foo_secret1234"))
    request = CallbackRequest(headers, SINCH_BODY.encode(), URL, at)

    if minutes:
        with pytest.raises(CallbackRefused, match="too old"):
            adapter.verify_callback(request)
    else:
        adapter.verify_callback(request)


def test_a_signature_by_an_unknown_method_is_none():
    assert not sinch.signature(b"", nonce="", timestamp="", secret="s", algorithm="none")


# --- Aliyun and Tencent -------------------------------------------------------------------------


def test_the_example_of_aliyuns_signature_comes_out_the_same():
    headers = {
        "host": "ecs.cn-shanghai.aliyuncs.com",
        "x-acs-action": "RunInstances",
        "x-acs-content-sha256": proofs.sha256(b""),
        "x-acs-date": "2023-10-26T10:22:32Z",
        "x-acs-signature-nonce": "3156853299f313e23d1673dc12e1703d",
        "x-acs-version": "2014-05-26",
    }
    query = "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"

    found = aliyun_sms.authorization(
        headers, query, key_id="YourAccessKeyId", secret="YourAccessKeySecret"
    )

    assert found.endswith("06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0")


def test_the_example_of_tencents_signature_comes_out_the_same():
    limited = '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], '
    body = (limited + '"Name": "instance-name"}]}').encode()

    found = tencent_sms.authorization(
        body,
        host="cvm.tencentcloudapi.com",
        action="DescribeInstances",
        at=datetime.fromtimestamp(1551113065, UTC),
        key_id="AKID" + "*" * 32,
        secret="*" * 32,
    )

    assert found.endswith("10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f")


def test_aliyun_tells_of_many_at_once_in_the_time_of_china():
    report = {
        "phone_number": "13900001234",
        "send_time": "2017-01-01 00:00:00",
        "report_time": "2017-01-01 00:00:00",
        "success": True,
        "err_code": "DELIVERED",
        "err_msg": "用户接收成功",
        "sms_size": "1",
        "biz_id": "12345",
        "out_id": "67890",
    }
    lost = report | {"success": False, "err_code": "MOBILE_NOT_ON_SERVICE"}

    good, bad = read(aliyun_sms.AliyunSmsAdapter, [report, lost])

    assert (good.kind, good.reason, good.key) == ("delivered", "", "67890")
    assert good.occurred_at == datetime(2016, 12, 31, 16, tzinfo=UTC)
    assert good.recipient == "+8613900001234"
    assert (bad.kind, bad.reason) == ("failed", "undeliverable")


@pytest.mark.parametrize(
    ("number", "written"), [("+8613900001234", "13900001234"), ("+85264001234", "85264001234")]
)
def test_aliyun_is_given_numbers_without_the_code_of_china(number, written):
    adapter = aliyun_sms.AliyunSmsAdapter(account(sign_name="n", template_code="t"))

    call = adapter.write(outgoing(1, number))

    assert f"PhoneNumbers={written}&" in call.url


def test_a_report_of_tencent_is_read():
    report = {
        "user_receive_time": "2015-10-17 08:03:04",
        "nationcode": "86",
        "mobile": "13900001234",
        "report_status": "SUCCESS",
        "errmsg": "DELIVRD",
        "description": "用户短信送达成功",
        "sid": "xxxxxxx",
    }

    (news,) = read(tencent_sms.TencentSmsAdapter, [report])

    assert (news.kind, news.provider_message_id) == ("delivered", "xxxxxxx")
    assert news.occurred_at == datetime(2015, 10, 17, 0, 3, 4, tzinfo=UTC)
    assert news.recipient == "+8613900001234"


# --- Vonage and MessageBird ---------------------------------------------------------------------


def test_a_status_of_vonage_is_read():
    status = {
        "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "to": "447700900000",
        "from": "447700900001",
        "timestamp": "2026-11-22T11:00:00.000Z",
        "status": "rejected",
        "error": {
            "type": "https://developer.nexmo.com/api-errors/messages-olympus#1000",
            "title": "Throttled",
            "detail": "You have exceeded the submission capacity allowed on this account.",
            "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf",
        },
        "usage": {"currency": "EUR", "price": "0.0333"},
        "client_ref": "abc123",
        "channel": "sms",
    }

    (news,) = read(VonageAdapter, status)

    assert (news.kind, news.reason, news.key) == ("failed", "1000", "abc123")
    assert news.occurred_at == datetime(2026, 11, 22, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "reason"), [("1170", "undeliverable"), ("1190", "undeliverable"), ("1180", "1180")]
)
def test_vonage_closes_numbers_that_are_dead_and_none_that_are_off(number, reason):
    error = {"type": f"https://developer.nexmo.com/api-errors/messages-olympus#{number}"}

    (news,) = read(VonageAdapter, {"message_uuid": "1", "status": "undeliverable", "error": error})

    assert (news.kind, news.reason) == ("failed", reason)


@pytest.mark.parametrize(
    ("number", "reason"),
    [("1120", "sender_refused"), ("1420", "sender_refused"), ("1430", "invalid_address")],
)
def test_refusals_of_vonage_are_read_by_their_number(number, reason):
    said = {"type": f"https://developer.nexmo.com/api-errors/messages-olympus#{number}"}
    answer = Answer(422, {}, json.dumps(said).encode())

    outcome = VonageAdapter(account()).read(outgoing(1, "+44"), answer)

    assert (outcome.state, outcome.reason) == ("failed", reason)


def test_with_a_private_key_vonage_is_shown_a_token(rsa_key):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    adapter = VonageAdapter(account(application_id="app", private_key=rsa_key.pem))

    kind, token = dict(adapter.write(outgoing(1, "+44")).headers)["Authorization"].split()
    head, claims, signature = token.split(".")

    raw = base64.urlsafe_b64decode(signature + "==")
    signed = f"{head}.{claims}".encode()
    rsa_key.public.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert (kind, said["application_id"]) == ("Bearer", "app")
    assert said["exp"] > said["iat"]


@pytest.mark.parametrize("algorithm", ["none", "RS256", "HS1", None])
def test_a_token_by_another_method_proves_nothing(algorithm):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    token = f"{part({'alg': algorithm})}.{part({'iat': NOW.timestamp()})}."

    with pytest.raises(CallbackRefused):
        proofs.claims_of(token, secret="secret")


def test_a_report_of_messagebird_comes_in_the_address():
    query = (
        "id=efa6405d518d4c0c88cce11f7db775fb&mccmnc=20404&ported=0&recipient=31612345678"
        "&reference=the-customers-reference&status=delivery_failed&statusErrorCode=1"
        "&statusReason=unknown+subscriber&statusDatetime=2017-09-01T10:00:05%2B00:00"
    )

    (news,) = read(MessageBirdAdapter, b"", f"{URL}?{query}")

    assert (news.kind, news.reason) == ("failed", "undeliverable")
    assert news.key == "the-customers-reference"
    assert news.occurred_at == datetime(2017, 9, 1, 10, 0, 5, tzinfo=UTC)


def test_a_message_to_messagebird_as_json_is_read():
    said = {"id": "1", "recipient": "31612345678", "originator": "31687654321", "body": "Hi"}

    (inbound,) = read(MessageBirdAdapter, said)

    assert isinstance(inbound, Inbound)
    assert (inbound.sender, inbound.body) == ("+31687654321", "Hi")
