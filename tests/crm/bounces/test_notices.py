"""Notices in free words: whoever writes them, Ada is found, and why her mail came back."""

from pathlib import Path

import pytest

from crm.bounces import Kind, Reason, read
from tests.crm.bounces.samples import ADA, SAMPLES, Sample, mail_of


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
def test_a_notice_says_to_whom_what_happened(sample: Sample) -> None:
    report = read(mail_of(sample))

    assert [(one.address, one.reason) for one in report.outcomes] == [(ADA, sample.reason)]
    assert report.is_bounce


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.server)
def test_a_notice_says_which_mail_came_back(sample: Sample) -> None:
    report = read(mail_of(sample))

    assert "m-17@rapport.example" in report.message_ids
    assert "bounce@rapport.example" in report.returned_to
    assert report.kind is not Kind.NOTHING


def _written_down() -> list[Sample]:
    text = Path(__file__).with_name("notices.txt").read_text("utf-8")
    found = []
    for block in text.split("===== ")[2:]:
        head, _, body = block.partition("\n")
        server, reason, sender, subject = head.split(" | ")
        found.append(Sample(server, sender, subject, body + "\n", Reason(reason)))
    return found


@pytest.mark.parametrize("sample", _written_down(), ids=lambda sample: sample.server)
def test_a_notice_of_a_server_that_nobody_tuned_for_is_read(sample: Sample) -> None:
    report = read(mail_of(sample))

    assert [(one.address, one.reason) for one in report.outcomes] == [(ADA, sample.reason)]


HEAD = "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\nTo: bounce@rapport.example\n"
FAILED = f"{HEAD}Subject: Returned mail: see transcript for details\n\n"


def test_in_a_transcript_the_session_stands_above_whom_it_is_about() -> None:
    words = (
        "   ----- Transcript of session follows -----\n"
        ">>> MAIL From:<hello@rapport.example>\n"
        "<<< 501 no access from mail server [192.0.2.9] which is an open relay.\n"
        f"554 <{ADA}>... Remote protocol error\n"
        "550 other.example (smtp)... 550 Host unknown\n"
        "554 <bob@other.example>... 550 Host unknown\n"
    )

    report = read(f"{FAILED}{words}".encode())

    kinds = {one.address: one.kind for one in report.outcomes}
    assert kinds == {ADA: Kind.BLOCK, "bob@other.example": Kind.HARD}


def test_an_alias_is_told_beside_the_address_that_it_led_to() -> None:
    words = (
        "A message that you sent could not be delivered. This is a permanent error.\n\n"
        f"  far@elsewhere.example\n    (generated from {ADA})\n    Unrouteable address\n"
    )

    (outcome,) = read(f"{FAILED}{words}".encode()).outcomes

    assert (outcome.address, outcome.original_address) == ("far@elsewhere.example", ADA)


def test_a_server_may_call_its_own_people_by_their_names_alone() -> None:
    words = "Your mail to the following recipients could not be delivered:\n\tada\n"

    (outcome,) = read(f"{FAILED}{words}".encode()).outcomes

    assert outcome.address == "ada@mx.example"


def test_a_notice_that_a_mail_arrived_is_no_bounce() -> None:
    words = (
        f"   ----- The following addresses had successful delivery notifications -----\n<{ADA}>\n"
    )
    raw = f"{HEAD}Subject: Return receipt\n\n{words}"

    report = read(raw.encode())

    assert (report.kind, report.outcomes[0].address) == (Kind.DELIVERED, ADA)


@pytest.mark.parametrize(("trace", "kind"), [("Received: by mx\n", Kind.HARD), ("", Kind.NOTHING)])
def test_a_mail_that_came_back_with_its_trace_is_a_bounce_whoever_sends_it(
    trace: str, kind: Kind
) -> None:
    raw = (
        "From: helpdesk@shop.example\nTo: bounce@rapport.example\nSubject: your letter\n\n"
        f"There is no such user here: {ADA}\n\n{trace}Message-ID: <m-17@rapport.example>\n"
        f"Date: Thu, 1 Jan 2026 10:00:00 +0000\nFrom: hello@rapport.example\nTo: {ADA}\n\nHi\n"
    )

    assert read(raw.encode()).kind is kind


def test_words_about_whom_it_was_for_stand_above_a_header_that_names_somebody_else() -> None:
    head = f"{HEAD}X-Failed-Recipients: bob@other.example\nSubject: Mail delivery failed\n\n"
    words = f"The following address failed:\n\n  {ADA}\n    Unrouteable address\n\n"
    original = f"------ This is a copy of the message. ------\n\nReceived: by mx\nTo: {ADA}\n\nHi\n"

    report = read(f"{head}{words}{original}".encode())

    assert [one.address for one in report.outcomes] == [ADA]


@pytest.mark.parametrize(
    "told", ["for RCPT TO command, host: mx.example reason:", "rejected command 'RCPT TO' with"]
)
def test_the_refused_command_is_read_however_it_is_told(told: str) -> None:
    words = f"could not be delivered:\n\n{ADA}:\nSMTP error {told} 550 mailbox unavailable\n"

    assert read(f"{FAILED}{words}".encode()).kind is Kind.HARD


def test_a_page_is_read_with_its_entities() -> None:
    head = f"{FAILED.rstrip()}\nContent-Type: text/html; charset=utf-8\n\n"
    page = f"<p>It couldn&#39;t be delivered to</p><p>{ADA}</p><p>Bo&icirc;te pleine</p>"

    report = read(f"{head}{page}".encode())

    assert [(one.address, one.kind) for one in report.outcomes] == [(ADA, Kind.FULL)]


def test_a_notice_without_the_accents_of_its_language_is_one() -> None:
    words = f"Votre message n'a pas ete distribue a {ADA} : le compte a ete desactive.\n"

    report = read(f"{HEAD}Subject: Avis\n\n{words}".encode())

    assert [(one.address, one.reason) for one in report.outcomes] == [(ADA, Reason.SUSPENDED)]
