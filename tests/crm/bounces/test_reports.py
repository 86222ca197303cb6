"""Reports that machines write for machines: delivery status, complaints, receipts, answers."""

import base64
import quopri

import pytest

from crm.bounces import Kind, Reason, read
from tests.crm.bounces.samples import ADA

BOB = "bob@shop.example"
HEAD = "From: MAILER-DAEMON@mx.example\nTo: bounce+17-abc@rapport.example\nMIME-Version: 1.0\n"
ORIGINAL = (
    "Return-Path: <bounce+17-abc@rapport.example>\nMessage-ID: <m-17@rapport.example>\n"
    f"From: hello@rapport.example\nTo: {ADA}\nSubject: Spring\n\nSpring is here.\n"
)


def status_report(*groups: str, words: str = "Your mail could not be delivered.") -> bytes:
    """A delivery status notification with a group of fields for each recipient."""
    fields = "\n\n".join(("Reporting-MTA: dns; mx.example\nOriginal-Envelope-Id: e-17", *groups))
    return (
        f"{HEAD}Subject: Undelivered Mail Returned to Sender\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{words}\n"
        f"--b\nContent-Type: message/delivery-status\n\n{fields}\n"
        f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    ).encode()


def group(address: str, status: str, diagnostic: str, action: str = "failed") -> str:
    """What a report says of one recipient."""
    return (
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\n"
        f"Remote-MTA: dns; mx.shop.example\nDiagnostic-Code: smtp; {diagnostic}"
    )


def test_a_status_report_says_everything_of_its_recipient() -> None:
    report = read(status_report(group(ADA, "5.1.1", "550 5.1.1 No such user")))

    (outcome,) = report.outcomes
    assert (outcome.address, outcome.kind, outcome.reason) == (ADA, Kind.HARD, Reason.USER_UNKNOWN)
    assert (outcome.action, outcome.status, outcome.reply) == ("failed", "5.1.1", "550")
    assert outcome.diagnostic == "550 5.1.1 No such user"
    assert outcome.remote_host == "mx.shop.example"


def test_a_status_report_names_the_mail_it_is_about() -> None:
    report = read(status_report(group(ADA, "5.1.1", "550 No such user")))

    assert report.returned_to == ("bounce+17-abc@rapport.example",)
    assert report.message_ids == ("m-17@rapport.example",)
    assert report.envelope_id == "e-17"


def test_each_recipient_of_a_report_has_a_fate_of_its_own() -> None:
    report = read(
        status_report(
            group(ADA, "5.1.1", "550 5.1.1 User unknown"),
            group(BOB, "5.2.2", "552 5.2.2 Mailbox full"),
        )
    )

    fates = {one.address: one.kind for one in report.outcomes}
    assert fates == {ADA: Kind.HARD, BOB: Kind.FULL}
    assert report.kind is Kind.HARD


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "550 5.1.1 unknown", Kind.HARD),
        ("5.1.6", "550 5.1.6 gone", Kind.HARD),
        ("5.1.10", "556 5.1.10 null", Kind.HARD),
        ("5.2.2", "552 5.2.2 sorry", Kind.FULL),
        ("4.2.2", "452 4.2.2 sorry", Kind.FULL),
        ("5.0.0", "550 5.7.26 sorry", Kind.BLOCK),
        ("5.7.1", "554 5.7.1 Client host blocked using a DNSBL", Kind.BLOCK),
        ("5.7.1", "550 5.7.1 SPF check failed", Kind.BLOCK),
        ("5.3.4", "552 5.3.4 sorry", Kind.SOFT),
        ("4.4.1", "connect to mx.shop.example: Connection timed out", Kind.SOFT),
        ("4.7.1", "450 4.7.1 Greylisted, please try again later", Kind.SOFT),
        ("5.0.0", "", Kind.SOFT),
    ],
)
def test_words_and_codes_together_say_the_kind(status: str, diagnostic: str, kind: Kind) -> None:
    report = read(status_report(group(ADA, status, diagnostic)))

    assert report.kind is kind


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("utf-8; jos\\x{E9}@shop.example", "josé@shop.example"),
        ("utf-8; 李@shop.example", "李@shop.example"),
        ("utf-8; bad\\x{DFFF}@shop.example", "bad?@shop.example"),
        ("RFC822; <Ada+tea@shop.example>", "Ada+tea@shop.example"),
    ],
)
def test_addresses_beyond_ascii_are_read(written: str, read_as: str) -> None:
    fields = f"Final-Recipient: {written}\nAction: failed\nStatus: 5.1.1"

    report = read(status_report(fields))

    assert [one.address for one in report.outcomes] == [read_as]


def test_a_name_in_an_address_is_not_read_as_a_reason() -> None:
    teasing = "mailbox-full.spam.user-unknown@shop.example"

    report = read(status_report(group(teasing, "5.3.0", f"554 <{teasing}>: disk failure")))

    assert report.outcomes[0].address == teasing
    assert report.kind is Kind.SOFT


def test_a_refusal_of_the_sender_is_no_fault_of_the_recipient() -> None:
    refused = "550 <bounce+17-abc@rapport.example>: User unknown (in reply to MAIL FROM command)"

    report = read(status_report(group(ADA, "5.0.0", refused)))

    assert report.kind is Kind.BLOCK


def test_a_refusal_after_the_mail_was_sent_comes_from_a_filter() -> None:
    refused = "550 User unknown (in reply to end of DATA command)"

    report = read(status_report(group(ADA, "5.0.0", refused)))

    assert report.outcomes[0].reason is Reason.FILTERED


@pytest.mark.parametrize(
    ("status", "refused", "reason"),
    [
        ("5.0.0", "550 User unknown", Reason.FILTERED),
        ("5.7.1", "550 5.7.1 User unknown", Reason.FILTERED),
        ("5.0.0", f"550 <{ADA}>: User unknown", Reason.USER_UNKNOWN),
        ("5.7.1", "550 5.7.1 No such user (in reply to RCPT TO command)", Reason.USER_UNKNOWN),
    ],
)
def test_an_unknown_user_is_believed_where_something_vouches_for_it(
    status: str, refused: str, reason: Reason
) -> None:
    report = read(status_report(group(ADA, status, refused)))

    assert report.outcomes[0].reason is reason


def test_a_code_about_the_address_is_believed_even_after_the_mail_was_sent() -> None:
    refused = "550 5.1.1 User unknown (in reply to end of DATA command)"

    report = read(status_report(group(ADA, "5.1.1", refused)))

    assert report.outcomes[0].reason is Reason.USER_UNKNOWN


def test_what_is_explained_beside_user_unknown_tells_more() -> None:
    bare = f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.0.0"
    words = f"The account is disabled.\n\n<{ADA}>: 550 user unknown"

    report = read(status_report(bare, words=words))

    assert report.outcomes[0].reason is Reason.SUSPENDED


def test_a_server_that_refused_was_reached_whatever_the_code_says() -> None:
    bare = group(ADA, "5.4.1", "550 5.4.1 This is it")

    report = read(status_report(bare, words=f"<{ADA}>: Client host blocked using a blocklist"))

    assert report.kind is Kind.BLOCK


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        ("550 Tuesdays only", Reason.REJECTED),
        ("553 Timed out (in reply to MAIL FROM command)", Reason.REJECTED),
        ("554 Transaction failed", Reason.UNDEFINED),
        ("Tuesdays only", Reason.UNDEFINED),
    ],
)
def test_who_refuses_for_good_in_words_that_nobody_knows_does_not_want_us(
    refused: str, reason: Reason
) -> None:
    report = read(status_report(group(ADA, "5.0.0", refused)))

    assert report.outcomes[0].reason is reason


@pytest.mark.parametrize(
    ("code", "kind"), [("5.7.951", Kind.BLOCK), ("4.4.951", Kind.SOFT), ("5.1.951", Kind.BLOCK)]
)
def test_a_code_of_a_providers_own_belongs_to_its_subject(code: str, kind: Kind) -> None:
    report = read(status_report(group(ADA, code, f"550 {code} This is it", "failed"), words=""))

    assert report.kind is kind


def test_a_host_that_cannot_be_found_for_now_may_be_found_later() -> None:
    report = read(status_report(group(ADA, "4.4.4", "Host not found, try again")))

    assert report.kind is Kind.SOFT


def test_a_delay_is_soft_and_a_delivery_no_bounce() -> None:
    delayed = read(status_report(group(ADA, "4.0.0", "", "delayed"), words="Still trying."))
    delivered = read(status_report(group(ADA, "2.1.5", "250 Ok", "delivered")))

    assert delayed.kind is Kind.SOFT
    assert delivered.kind is Kind.DELIVERED
    assert not delivered.is_bounce


def test_a_report_without_diagnosis_is_read_by_the_words_beside_it() -> None:
    bare = f"Final-Recipient: rfc822; {ADA}\nAction: failed\nStatus: 5.0.0"

    report = read(status_report(bare, words=f"{ADA}: 552 5.2.2 Mailbox full"))

    assert report.kind is Kind.FULL


def test_the_words_of_a_notice_are_read_however_they_are_encoded() -> None:
    words = f"無法投递 您的邮件 could not be delivered:\n\n<{ADA}>: 用户不存在\n".encode()
    encoded = {
        "base64": base64.encodebytes(words),
        "quoted-printable": quopri.encodestring(words),
        "8bit": words,
    }

    kinds = {
        name: read(
            f"{HEAD}Subject: =?utf-8?B?6YCA5L+h?=\nContent-Type: text/plain; charset=utf-8\n"
            f"Content-Transfer-Encoding: {name}\n\n".encode()
            + body
        ).kind
        for name, body in encoded.items()
    }

    assert kinds == dict.fromkeys(encoded, Kind.HARD)


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("iso-2022-jp", "ユーザーが見つかりません"),
        ("shift_jis", "宛先不明"),
        ("gb18030", "用户不存在"),
        ("big5", "使用者不存在"),
        ("koi8-r", "Пользователь не найден"),
        ("iso-8859-1", "Empfänger unbekannt"),
        ("no-such-charset", "No such user"),
    ],
)
def test_notices_are_read_in_every_charset(charset: str, words: str) -> None:
    text = f"Your mail could not be delivered.\n\n<{ADA}>: {words}\n"
    body = text.encode("ascii" if charset == "no-such-charset" else charset)

    report = read(
        f"{HEAD}Subject: Undelivered Mail\nContent-Type: text/plain; charset={charset}\n\n".encode()
        + body
    )

    assert [(one.address, one.kind) for one in report.outcomes] == [(ADA, Kind.HARD)]


def test_a_notice_of_which_only_html_is_left_is_read() -> None:
    html = f"<html><body><p>Delivery failed:</p><b>&lt;{ADA}&gt;</b><br>No such user</body></html>"

    report = read(f"{HEAD}Subject: Undelivered\nContent-Type: text/html\n\n{html}".encode())

    assert [(one.address, one.kind) for one in report.outcomes] == [(ADA, Kind.HARD)]


def test_a_bounce_that_was_forwarded_is_read_inside() -> None:
    inner = status_report(group(ADA, "5.1.1", "550 User unknown"))
    outer = (
        b"From: staff@rapport.example\nTo: bounces@rapport.example\nSubject: Fwd: look\n"
        b'Content-Type: multipart/mixed; boundary="o"\n\n'
        b"--o\nContent-Type: text/plain\n\nPlease look.\n"
        b"--o\nContent-Type: message/rfc822\n\n" + inner + b"\n--o--\n"
    )

    report = read(outer)

    assert [(one.address, one.kind) for one in report.outcomes] == [(ADA, Kind.HARD)]
    assert report.message_ids == ("m-17@rapport.example",)


def test_a_complaint_names_who_complains_and_about_which_mail() -> None:
    mail = (
        "From: feedback@mail.example\nTo: abuse@rapport.example\nSubject: Abuse report\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is an abuse report.\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
        f"User-Agent: Loop/1\nOriginal-Rcpt-To: <{ADA}>\n"
        f"--b\nContent-Type: message/rfc822\n\n{ORIGINAL}\n--b--\n"
    )

    report = read(mail.encode())

    assert (report.kind, report.feedback_type) == (Kind.COMPLAINT, "abuse")
    assert [one.address for one in report.outcomes] == [ADA]
    assert "m-17@rapport.example" in report.message_ids


def test_a_complaint_that_hides_the_recipient_still_names_the_mail() -> None:
    hidden = ORIGINAL.replace(ADA, "undisclosed")
    mail = (
        "From: feedback@mail.example\nTo: abuse@rapport.example\nSubject: Abuse report\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n"
        f"--b\nContent-Type: message/rfc822\n\n{hidden}\n--b--\n"
    )

    report = read(mail.encode())

    assert report.kind is Kind.COMPLAINT
    assert "m-17@rapport.example" in report.message_ids
    assert "bounce+17-abc@rapport.example" in report.returned_to


def test_the_mail_itself_sent_back_by_a_junk_mail_program_is_a_complaint() -> None:
    mail = (
        "From: staff@mail.example\nTo: abuse@rapport.example\nSubject: complaint about message\n"
        f"X-HmXmrOriginalRecipient: {ADA}\n"
        f"Content-Type: message/rfc822\n\n{ORIGINAL}"
    )

    report = read(mail.encode())

    assert (report.kind, [one.address for one in report.outcomes]) == (Kind.COMPLAINT, [ADA])


def test_a_receipt_is_no_bounce() -> None:
    mail = (
        f"From: {ADA}\nTo: hello@rapport.example\nSubject: Read: Spring\n"
        'Content-Type: multipart/report; report-type=disposition-notification; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nYour message was displayed.\n"
        "--b\nContent-Type: message/disposition-notification\n\n"
        f"Final-Recipient: rfc822; {ADA}\n"
        "Disposition: manual-action/MDN-sent-manually; displayed\n--b--\n"
    )

    report = read(mail.encode())

    assert report.kind is Kind.RECEIPT
    assert not report.is_bounce


@pytest.mark.parametrize(
    "marks",
    [
        "Subject: Re: Spring\nAuto-Submitted: auto-replied\n",
        "Subject: Spring\nX-Autoreply: yes\n",
        "Subject: Spring\nPrecedence: auto_reply\n",
        "Subject: Out of office: Spring\n",
        "Subject: Automatische Antwort: Spring\n",
        "Subject: =?utf-8?B?6Ieq5Yqo5Zue5aSN?=: Spring\n",
    ],
)
def test_an_automatic_answer_is_no_bounce(marks: str) -> None:
    text = f"From: {ADA}\nTo: hello@rapport.example\n{marks}\nI am away; write to {BOB}.\n"

    report = read(text.encode())

    assert report.kind is Kind.AUTO_REPLY
    assert [one.address for one in report.outcomes] == [ADA]


def test_what_a_mail_server_sends_by_itself_is_no_answer_of_a_person() -> None:
    text = f"{HEAD}Subject: Notice\nAuto-Submitted: auto-replied\n\nThe server rests on Sunday.\n"

    assert read(text.encode()).kind is Kind.NOTHING


@pytest.mark.parametrize(
    "text",
    [
        f"From: {ADA}\nSubject: Re: Spring\n\nMy order was not delivered, user unknown or what?\n",
        f"From: {ADA}\nSubject: My delivery failed\n\nThe parcel for {BOB} came back.\n",
        "From: postmaster@mx.example\nSubject: Maintenance\n\nThe server rests on Sunday.\n",
        "Subject: nothing\n\n",
        "",
    ],
)
def test_what_people_write_is_no_bounce(text: str) -> None:
    report = read(text.encode())

    assert report.kind is Kind.NOTHING
    assert report.outcomes == ()
