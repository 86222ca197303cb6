"""An address is closed on proof: when a server said that there is nobody, and who says so."""

import pytest

from crm.bounces import Kind, Outcome, phases, read
from tests.crm.bounces.samples import ADA
from tests.crm.bounces.test_reports import group, status_report

US = "hello@rapport.example"


def _outcome(diagnostic: str, status: str = "5.0.0", words: str = "It came back.") -> Outcome:
    (outcome,) = read(status_report(group(ADA, status, diagnostic), words=words)).outcomes
    return outcome


@pytest.mark.parametrize(
    ("told", "command"),
    [
        ("host mx said: 550 no (in reply to RCPT TO command)", "RCPT"),
        ("host mx said: 550 no (in reply to DATA command)", "DATA"),
        ("host mx said: 550 no (in reply to end of DATA command)", "DATA"),
        ("host mx said: 550 no (in reply to MAIL FROM command)", "MAIL"),
        ("SMTP error from remote mail server after RCPT TO:<a@b>: host mx: 550 no", "RCPT"),
        ("SMTP error from remote mail server after pipelined end of data: host mx: 550", "DATA"),
        ("SMTP error from remote mail server after DATA: host mx: 550 no", "DATA"),
        ("192.0.2.1 does not like recipient. Remote host said: 550 no", "RCPT"),
        ("192.0.2.1 failed after I sent the message. Remote host said: 550 no", "DATA"),
        ("192.0.2.1 failed on DATA command. Remote host said: 550 no", "DATA"),
        ("Connected to 192.0.2.1 but sender was rejected. Remote host said: 550 no", "MAIL"),
        ("The error that the other server returned was: 550 no (state 14).", "RCPT"),
        ("The error that the other server returned was: 550 no (state 18).", "DATA"),
        ("com.sun.mail.smtp.SMTPAddressFailedException: 550 no", "RCPT"),
        ("mx.example [192.0.2.1] did not like our MAIL FROM:\n550 no", "MAIL"),
        ("mx.example [192.0.2.1] did not like our RCPT TO:\n550 no", "RCPT"),
        ("mx.example [192.0.2.1] did not like our final DATA:\n550 no", "DATA"),
        (">>> RCPT To:<a@b>\n<<< 550 no", "RCPT"),
        (">>> RCPT TO:<a@b>\n<<< 250 ok\n>>> DATA\n<<< 550 no", "DATA"),
        ("--> RCPT TO:<a@b>\n<-- 250 ok\n--> DATA\n<-- 354 go\n<-- 550 no", "DATA"),
        ("Sent <<< RCPT TO:<a@b>\nReceived >>> 550 no", "RCPT"),
        (">>> DATA\n<<< 550 no\n550 <a@b>... User unknown\n<<< 503 Need RCPT", "RCPT"),
        (">>> DATA\n<<< 554 no", "DATA"),
        ("550 no", ""),
    ],
)
def test_every_make_of_server_tells_its_own_way_which_command_was_refused(
    told: str, command: str
) -> None:
    assert phases.command_in(told) == command


@pytest.mark.parametrize(
    ("status", "diagnostic", "kind"),
    [
        ("5.1.1", "550 No such user", Kind.HARD),
        ("5.0.0", f"550 <{ADA}>: no such user", Kind.HARD),
        ("5.0.0", "550 No such user", Kind.BLOCK),
        ("5.0.0", "The account that you tried to reach does not exist.", Kind.BLOCK),
        ("5.0.0", "550 No such user (in reply to RCPT TO command)", Kind.HARD),
        ("5.0.0", f"550 <{ADA}>: no such user (in reply to end of DATA command)", Kind.BLOCK),
        ("5.7.1", f"550 5.7.1 <{ADA}>: no such user", Kind.BLOCK),
        ("5.7.1", "550 5.7.1 Recipient rejected (in reply to RCPT TO command)", Kind.BLOCK),
        ("5.7.1", "550 5.7.1 No such user (in reply to RCPT TO command)", Kind.HARD),
        ("5.7.17", "550 5.7.17 Mailbox owner has changed", Kind.HARD),
        ("5.0.0", "553 no such user", Kind.HARD),
        ("5.0.0", "551 user not local", Kind.HARD),
    ],
)
def test_a_quoted_reply_closes_an_address_by_its_code_its_command_or_its_name(
    status: str, diagnostic: str, kind: Kind
) -> None:
    assert _outcome(diagnostic, status).kind is kind


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (f"The name {ADA} is not listed in our directory.", Kind.HARD),
        (f"{ADA}: this account does not exist.", Kind.HARD),
        (f"{ADA} [User unknown]", Kind.BLOCK),
        (f"{ADA}\n  Recipient not found", Kind.BLOCK),
        (f"Unknown user: {ADA}", Kind.HARD),
        (f"{ADA} Invalid Address, ERROR_CODE :550, ERROR_CODE :No such user", Kind.BLOCK),
        (f"{ADA} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 No such user", Kind.HARD),
    ],
)
def test_a_server_is_believed_in_a_sentence_of_its_own_and_not_in_a_catchword(
    words: str, kind: Kind
) -> None:
    raw = (
        "From: MAILER-DAEMON@mx.example\nTo: bounce@rapport.example\n"
        f"Subject: Undelivered Mail\n\nYour mail was not delivered.\n\n{words}\n"
    )

    assert read(raw.encode()).kind is kind


@pytest.mark.parametrize(
    ("category", "diagnostic", "kind"),
    [
        ("bad-mailbox", "550 No such user", Kind.HARD),
        ("bad-mailbox", "550 No such user (in reply to end of DATA command)", Kind.BLOCK),
        ("bad-mailbox", "550 OU812", Kind.HARD),
        ("bad-domain", "", Kind.HARD),
        ("quota-issues", "550 OU812", Kind.FULL),
        ("spam-related", "550 OU812", Kind.BLOCK),
        ("other", "550 No such user", Kind.BLOCK),
    ],
)
def test_what_the_sending_server_calls_a_refusal_vouches_for_words_and_stands_for_none(
    category: str, diagnostic: str, kind: Kind
) -> None:
    fields = f"{group(ADA, '5.0.0', diagnostic)}\nX-PowerMTA-BounceCategory: {category}"

    assert read(status_report(fields, words="It came back.")).kind is kind


def test_a_reply_that_names_only_the_sender_is_about_the_sender() -> None:
    quoted = f"host mx said:\n550 <{US}>: user unknown"

    assert _outcome("", words=f"<{ADA}>: {quoted}").kind is Kind.BLOCK
    assert _outcome("", words=f"<{ADA}>: {quoted.replace(US, ADA)}").kind is Kind.HARD
