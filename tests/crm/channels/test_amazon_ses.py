"""Amazon SES beside the common promises: how requests are signed and who may call us."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from crm.channels import sns
from crm.channels.base import Account, CallbackRefused, CallbackRequest
from crm.channels.http_wire import Answer, Call
from crm.channels.mailers.amazon_ses import AmazonSesAdapter
from crm.channels.sigv4 import Signing, signed
from crm.simulator.mailers.amazon_ses import TOPIC, AmazonSes, signing_key
from crm.simulator.vendors.shapes import Keys
from tests.contracts import outgoing

URL = "https://shop.example/callbacks/mine/"


@pytest.mark.parametrize(
    ("method", "proof"),
    [
        ("GET", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_the_examples_of_amazons_own_suite_come_out_the_same(method, proof):
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    signing = Signing("AKIDEXAMPLE", secret, "us-east-1", "service")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)

    call = signed(Call("https://example.amazonaws.com/", method=method), signing, at=at)

    assert dict(call.headers)["Authorization"].endswith(f"Signature={proof}")


def test_a_request_is_signed_as_amazons_own_library_signs_it():
    """The proof is that of botocore 1.44.5 for the same request, key and moment."""
    place = "https://email.eu-central-1.amazonaws.com/v2/email/outbound-emails?b=2&a=1%20x"
    call = Call(place, (("Content-Type", "application/json"),), '{"x":"ü"}'.encode())
    signing = Signing("AKID", "secret/+x", "eu-central-1", "ses")

    found = dict(signed(call, signing, at=datetime(2026, 11, 22, 12, tzinfo=UTC)).headers)

    proof = "b0239d39486c75519b068fe0a0f8da9931ebd59f9dcb4cc13d27b60fa3ffb7f6"
    assert found["X-Amz-Date"] == "20261122T120000Z"
    assert found["Authorization"].endswith(
        f"SignedHeaders=content-type;host;x-amz-date, Signature={proof}"
    )


class Amazon:
    """SNS as the simulator plays it, met without a wire."""

    def __init__(self, monkeypatch):
        self.asked = []
        self.mailer = AmazonSes(Keys("key", "secret"))
        self.mailer._base = "https://sns.eu-central-1.amazonaws.com"
        monkeypatch.setattr(sns, "_fetched", self.fetched)
        sns._certificate.cache_clear()

    def fetched(self, url, trusted):
        self.asked.append(url)
        return signing_key()[1]

    def calls(self, message="{}", kind="Notification", **changes):
        posted = self.mailer.notified(URL, message, kind)
        data = json.loads(posted.body) | changes
        return CallbackRequest({}, json.dumps(data).encode(), URL, datetime.now(UTC))


@pytest.fixture
def amazon(monkeypatch):
    yield Amazon(monkeypatch)
    sns._certificate.cache_clear()


def ses(url="", **options):
    return AmazonSesAdapter(
        Account("x", url, options=tuple({"topic_arn": TOPIC, **options}.items()))
    )


def test_a_notification_of_our_topic_is_proven_and_its_certificate_fetched_once(amazon):
    for _ in range(3):
        ses().verify_callback(amazon.calls())

    assert amazon.asked == [
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem"
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"Message": "changed"},
        {"Subject": "changed"},
        {"Signature": ""},
        {"Signature": "!!"},
        {"SignatureVersion": "2"},
        {"SignatureVersion": "9"},
        {"Type": "Anything"},
        {"Type": ["Notification"]},
        {"TopicArn": "arn:aws:sns:eu-central-1:666:evil"},
        {"Timestamp": "2026-01-01T00:00:00.000Z"},
        {"Timestamp": "never"},
    ],
)
def test_what_sns_has_not_said_is_refused(amazon, changes):
    with pytest.raises(CallbackRefused):
        ses().verify_callback(amazon.calls(**changes))


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.eu-central-1.amazonaws.com/a.pem",
        "https://bucket.s3.amazonaws.com/a.pem",
        "http://sns.eu-central-1.amazonaws.com/a.pem",
        "https://sns.eu-central-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-central-1.amazonaws.com/a.txt",
        "http://127.0.0.1/a.pem",
        "https://[::1/a.pem",
        "",
    ],
)
def test_a_certificate_comes_from_sns_alone(amazon, url):
    with pytest.raises(CallbackRefused):
        ses().verify_callback(amazon.calls(SigningCertURL=url))

    assert amazon.asked == []


def test_without_a_topic_nobody_is_heard(amazon):
    with pytest.raises(CallbackRefused):
        ses(topic_arn="").verify_callback(amazon.calls())


def test_the_question_whether_our_topic_may_call_is_answered_once_it_is_proven(amazon):
    request = amazon.calls(kind="SubscriptionConfirmation")

    ses().verify_callback(request)
    ses().confirm(request)

    assert amazon.asked[-1].startswith("https://sns.eu-central-1.amazonaws.com/?Action=Confirm")
    assert ses().read_callback(request) == []


def test_nobody_is_led_elsewhere_by_that_question(amazon):
    request = amazon.calls(
        kind="SubscriptionConfirmation", SubscribeURL="https://10.0.0.1/?Action=x"
    )

    with pytest.raises(CallbackRefused):
        ses().confirm(request)

    ses().confirm(amazon.calls())
    assert amazon.asked == []


def test_an_amazon_that_is_away_proves_nothing(monkeypatch):
    class Gone:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def get(self, url):
            raise httpx.ConnectError("gone")

    monkeypatch.setattr(sns, "provider_client", lambda _: Gone())

    with pytest.raises(CallbackRefused, match="reached"):
        sns._fetched("https://sns.eu-central-1.amazonaws.com/a.pem", ())


def test_a_bounce_of_ses_is_about_each_recipient_and_knows_its_class(amazon):
    def news(kind, finer):
        people = [{"emailAddress": "a@x.example"}, {"emailAddress": "b@x.example"}]
        bounce = {"bounceType": kind, "bounceSubType": finer, "bouncedRecipients": people}
        mail = {"messageId": "1", "tags": {"rapport_key": ["key-1"]}}
        event = {"eventType": "Bounce", "mail": mail, "bounce": bounce}
        return ses().read_callback(amazon.calls(json.dumps(event)))

    first, second = news("Permanent", "General")

    assert (first.recipient, second.recipient) == ("a@x.example", "b@x.example")
    assert (first.kind, first.reason, first.key) == ("bounced", "hard_bounce", "key-1")
    assert news("Transient", "MailboxFull")[0].reason == "soft_bounce"
    assert news("Transient", "ContentRejected")[0].reason == "block"
    assert news("Permanent", "UnsubscribedRecipient")[0].kind == "unsubscribed"


@pytest.mark.parametrize("message", ["", "[]", "1", "Successfully validated SNS topic …", "null"])
def test_what_sns_says_of_itself_is_no_news(amazon, message):
    assert ses().read_callback(amazon.calls(message)) == []


def test_without_tags_a_notification_is_known_by_our_message_id(amazon):
    headers = [{"name": "Message-Id", "value": "<key-1@rapport.example>"}]
    mail = {"messageId": "1", "destination": ["a@x.example"], "headers": headers}
    event = {"notificationType": "Delivery", "mail": mail, "delivery": {}}

    (news,) = ses().read_callback(amazon.calls(json.dumps(event)))

    assert (news.kind, news.key) == ("delivered", "key-1@rapport.example")


@pytest.mark.parametrize(
    ("status", "kind", "said", "reason"),
    [
        (400, "MessageRejected", "Email address is not verified.", "sender_refused"),
        (400, "MailFromDomainNotVerifiedException", "", "sender_refused"),
        (400, "SendingPausedException", "", "unauthorized"),
        (403, "UnrecognizedClientException", "", "unauthorized"),
        (400, "LimitExceededException", "", "rate_limited"),
        (400, "BadRequestException", "Illegal address", "invalid_address"),
        (400, "BadRequestException", "Something else", "rejected"),
    ],
)
def test_errors_of_ses_are_told_by_their_kind(status, kind, said, reason):
    answer = Answer(status, {"x-amzn-errortype": kind}, json.dumps({"message": said}).encode())

    found = ses().read(outgoing(1), answer)

    assert (found.state, found.reason) == ("failed", reason)


def test_a_key_that_can_be_no_tag_is_left_out():
    known = {"region": "us-east-1", "access_key_id": "AKID"}
    plain = ses(**known).write(outgoing(1))
    odd = ses(**known).write(outgoing(1, key="key.1@rapport.example"))

    assert json.loads(plain.body)["EmailTags"] == [{"Name": "rapport_key", "Value": "key-1"}]
    assert "EmailTags" not in json.loads(odd.body)
    assert plain.url == "https://email.us-east-1.amazonaws.com/v2/email/outbound-emails"
