"""Mails that providers post to us are read, whatever shape they come in."""

import base64
import json
from urllib.parse import urlencode

import pytest

from crm import bounces
from crm.channels import posted
from crm.channels.base import CallbackRefused, CallbackRequest
from tests.contracts import NOW
from tests.crm.channels.test_recorded_callbacks import RECORDED, recordings

MAIL = (
    "From: Ann <ann@people.example>\r\nTo: shop@rapport.example\r\nSubject: Grüße\r\n"
    "In-Reply-To: <key-1@rapport.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    "Ist das noch da? 你好\r\n"
)
PACKED = base64.b64encode(MAIL.encode()).decode()
TO = "shop@rapport.example"
APART = {"From": "Ann <ann@people.example>", "Subject": "Grüße", "Received": ["a", "b"]}


def request(body, kind="application/json"):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CallbackRequest({"content-type": kind}, body, "", NOW)


def form(**fields):
    return request(urlencode(fields).encode(), "application/x-www-form-urlencoded")


def multipart(**fields):
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in fields.items()
    )
    return request(b"".join(parts) + b"--b--\r\n", "multipart/form-data; boundary=b")


RAW = {
    "a mail as it is": request(MAIL.encode(), "message/rfc822"),
    "our own JSON": request({"raw": MAIL, "recipient": TO}),
    "mailgun": multipart(**{"body-mime": MAIL, "recipient": TO, "signature": "x"}),
    "mailgun, encoded": form(**{"body-mime": MAIL, "recipient": TO}),
    "sendgrid": multipart(email=MAIL, envelope=json.dumps({"to": [TO], "from": "a@b.example"})),
    "postmark": request({"RawEmail": MAIL, "OriginalRecipient": TO, "FromFull": {}, "Headers": []}),
    "sparkpost": request(
        [{"msys": {"relay_message": {"rcpt_to": TO, "content": {"email_rfc822": MAIL}}}}]
    ),
    "mandrill": form(
        mandrill_events=json.dumps([{"event": "inbound", "msg": {"raw_msg": MAIL, "email": TO}}])
    ),
    "amazon_ses": request(
        {
            "Type": "Notification",
            "TopicArn": "arn",
            "Message": json.dumps(
                {
                    "notificationType": "Received",
                    "receipt": {"recipients": [TO], "action": {"encoding": "BASE64"}},
                    "content": PACKED,
                }
            ),
        }
    ),
    "mailersend": request(
        {
            "type": "inbound.message",
            "data": {"raw": MAIL, "recipients": {"rcptTo": [{"email": TO}]}},
        }
    ),
    "postal": request({"id": 1, "rcpt_to": TO, "message": PACKED, "base64": True}),
}
TAKEN_APART = {
    "mailjet": request(
        {"Sender": "a", "Recipient": TO, "Headers": APART, "Text-part": "你好", "Html-part": ""}
    ),
    "brevo": request({"items": [{"Headers": APART | {"Delivered-To": TO}, "RawTextBody": "你好"}]}),
    "postmark": request(
        {
            "FromFull": {},
            "OriginalRecipient": TO,
            "Headers": [{"Name": "X-A", "Value": "1"}],
            "TextBody": "你好",
            **{"From": APART["From"], "Subject": APART["Subject"]},
        }
    ),
    "mailgun": multipart(
        **{
            "message-headers": json.dumps([["From", APART["From"]], ["Subject", "Grüße"]]),
            "body-plain": "你好",
            "recipient": TO,
        }
    ),
    "sendgrid": multipart(
        headers=f"From: {APART['From']}\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n",
        text="你好".encode("gb18030"),
        charsets=json.dumps({"text": "gb18030"}),
        envelope=json.dumps({"to": [TO]}),
    ),
}


@pytest.mark.parametrize("shape", RAW)
def test_a_mail_is_what_it_was(shape):
    (mail,) = posted.mails_in(RAW[shape])

    assert mail.raw.replace(b"\r\n", b"\n") == MAIL.encode().replace(b"\r\n", b"\n")
    assert mail.recipient == ("" if shape == "a mail as it is" else TO)


@pytest.mark.parametrize("shape", TAKEN_APART)
def test_a_mail_that_was_taken_apart_is_one_again(shape):
    (mail,) = posted.mails_in(TAKEN_APART[shape])

    letter = bounces.letter_in(mail.raw)
    assert (letter.sender, letter.subject, letter.text) == ("ann@people.example", "Grüße", "你好")
    assert mail.recipient == TO


@pytest.mark.parametrize("charset", ["idna", "hex", "a\x00b", "\ud800", "no-such", ""])
def test_a_charset_that_is_none_loses_no_mail(charset):
    fields = {"headers": "From: ann@people.example\n", "text": "hello"}

    (mail,) = posted.mails_in(multipart(**fields, charsets=json.dumps({"text": charset})))

    assert bounces.letter_in(mail.raw).text == "hello"


def test_bytes_of_any_charset_stay_what_they_were():
    raw = b"From: a@b.example\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nGr\xfc\xdfe"

    (mail,) = posted.mails_in(multipart(**{"body-mime": raw}))

    assert bounces.letter_in(mail.raw).text == "Grüße"


def test_what_was_written_is_read_and_not_a_file_that_came_with_it():
    raw = (
        b'From: a@b.example\nContent-Type: multipart/mixed; boundary="b"\n\n'
        b"--b\nContent-Type: text/html\n\n<p>Please see the file.</p>\n"
        b"--b\nContent-Type: text/plain; name=log.txt\n\nline 1\n--b--\n"
    )

    assert bounces.letter_in(raw).text == "Please see the file."


def test_several_mails_may_come_at_once():
    one = {"msys": {"relay_message": {"content": {"email_rfc822": PACKED}}}}
    one["msys"]["relay_message"]["content"]["email_rfc822_is_base64"] = True

    assert len(posted.mails_in(request([one, one, {"msys": {}}]))) == 2


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'"x"', b"\xff", b'{"items": 7}', b'{"raw": ""}']
)
def test_what_holds_no_mail_is_refused(body):
    for kind in ("application/json", "text/plain", "multipart/form-data", "x"):
        if kind == "text/plain" and body == b"\xff":
            continue  # any bytes are a mail as it is
        with pytest.raises(CallbackRefused):
            posted.mails_in(request(body if kind != "text/plain" else b" [" + body, kind))


def test_no_header_is_made_of_a_value_or_a_name():
    hard = {"From": "ann@people.example\r\nBcc: eve@evil.example", "X\r\nCc": "c@d.example"}

    (mail,) = posted.mails_in(request({"items": [{"Headers": hard, "RawTextBody": "Hi"}]}))

    assert b"\nBcc:" not in mail.raw
    assert b"\nCc:" not in mail.raw


def test_every_mail_that_was_recorded_with_its_words_is_read(shared_corpora):
    without = {"resend"}  # it posts where a mail lies, not the mail
    only_files = {"test_filtered_attachment_filenames"}
    found = {}
    for provider in set(RECORDED) - without:
        for one in recordings(shared_corpora, provider):
            is_mail = any(event["kind"] == "inbound" for event in one.events)
            if one.status == 200 and is_mail and one.test not in only_files:
                found[provider, one.test] = posted.mails_in(one.request)

    assert len(found) >= 11
    assert all(mail.raw for mails in found.values() for mail in mails)
