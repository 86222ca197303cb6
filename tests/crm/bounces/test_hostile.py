"""Mails that want to break or slow the reader: it always answers, and soon."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.mutants import mutate
from crm.bounces import Report, read
from tests.crm.bounces.samples import SAMPLES, mail_of

# On an idle machine these take 60 milliseconds at most; a busy one is given time.
LONGEST_SECONDS = 0.5
HEAD = b"From: MAILER-DAEMON@mx.example\nTo: b@rapport.example\nSubject: Undelivered mail\n"
REPORT = HEAD + b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
FIELDS = (
    b"Final-Recipient: rfc822; u%d@shop.example\nAction: failed\nDiagnostic-Code: smtp; 550 %d\n"
)
GIANTS = {
    "parts in parts, a thousand deep": HEAD
    + b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (i, i) for i in range(1000)
    ),
    "mails in mails, a thousand deep": HEAD + b"Content-Type: message/rfc822\n\n" * 1_000,
    "a hundred thousand parts": HEAD
    + b"Content-Type: multipart/mixed; boundary=b\n\n"
    + b"--b\n\nx\n" * 100_000,
    "fifty megabytes in one line": HEAD + b"\n" + b"x" * 50_000_000,
    "a million short lines": HEAD + b"\n" + b"a: b\n" * 1_000_000,
    "a giant header": b"Subject: " + b"=?utf-8?Q?" * 200_000 + b"\n\n",
    "a header folded without end": b"X-A:" + b"\n b" * 500_000,
    "many headers": b"".join(b"X-%d: y\n" % number for number in range(100_000)),
    "nothing but at signs": HEAD + b"\n" + b"@" * 1_000_000,
    "nothing but addresses": HEAD + b"\n" + b"a@b.example " * 100_000,
    "a list of addresses": HEAD
    + b"\n"
    + b"".join(b"<u%d@b.example>: mailbox user\n" % number for number in range(50_000)),
    "many recipients": REPORT
    + b"--b\nContent-Type: message/delivery-status\n\n"
    + b"\n".join(FIELDS % (number, number) for number in range(2_000))
    + b"--b--\n",
    "beginnings of phrases": HEAD + b"\n<a@b.example>\n" + b"user account mailbox ip " * 50_000,
    "open tags": HEAD + b"Content-Type: text/html\n\n" + b"<" * 1_000_000,
    "broken base64": HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"A=\0" * 400_000,
    "a slow charset": HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"a-b" * 100_000,
    "escapes": HEAD + b"\n" + b"\x1b$B" * 200_000,
}


@pytest.mark.parametrize("giant", GIANTS, ids=str)
def test_a_giant_is_read_in_no_time(giant: str) -> None:
    started = time.process_time()
    report = read(GIANTS[giant])
    taken = time.process_time() - started

    assert isinstance(report, Report)
    assert taken < LONGEST_SECONDS


@settings(deadline=None)  # other work on the machine is no fault of the reader
@given(st.binary(max_size=2_000))
def test_any_bytes_at_all_give_a_report(raw: bytes) -> None:
    report = read(raw)

    assert isinstance(report, Report)


@settings(deadline=None)  # other work on the machine is no fault of the reader
@given(st.randoms(use_true_random=False), st.sampled_from(SAMPLES))
def test_a_broken_notice_gives_a_report(draw: random.Random, sample: object) -> None:
    broken = mutate(mail_of(sample), draw)  # type: ignore[arg-type]

    report = read(broken)

    assert all(len(one.address) < 400 for one in report.outcomes)
