"""A mail server says it in its own language, and its words are all there is."""

from pathlib import Path

import pytest

from crm.bounces import read
from tests.crm.bounces.samples import ADA

NOTICES = [
    line.split("|")
    for line in Path(__file__).with_name("tongues.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("kind", "subject", "above", "below"), NOTICES)
def test_a_notice_is_understood_by_its_words(
    kind: str, subject: str, above: str, below: str
) -> None:
    mail = (
        "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\n"
        f"To: bounce@rapport.example\nSubject: {subject}\n"
        "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
        f"{above}\n\n  {ADA}\n{below}\n"
    )

    report = read(mail.encode())

    assert [(one.address, one.kind.value) for one in report.outcomes] == [(ADA, kind)]
