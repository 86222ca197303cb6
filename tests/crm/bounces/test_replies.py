"""What providers document is understood, whichever server tells of it and in which form."""

import re
from pathlib import Path

import pytest

from crm.bounces import Kind, Reason, read
from tests.crm.bounces.samples import ADA, Sample, mail_of
from tests.crm.bounces.test_reports import status_report

US = "bounce@rapport.example"
REPLIES = [
    line.split("|", 3)
    for line in Path(__file__).with_name("replies.txt").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]
PROVIDERS = sorted({provider for provider, *_ in REPLIES})
CODE = re.compile(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])")
IN_REPLY = {"RCPT": "RCPT TO", "DATA": "end of DATA", "MAIL": "MAIL FROM"}
AFTER = {
    "RCPT": f"RCPT TO:<{ADA}>",
    "DATA": "end of data",
    "MAIL": f"MAIL FROM:<{US}>",
    "CONNECT": "initial connection",
}
QMAIL = {
    "RCPT": "192.0.2.1 does not like recipient.",
    "DATA": "192.0.2.1 failed after I sent the message.",
    "MAIL": "Connected to 192.0.2.1 but sender was rejected.",
    "CONNECT": "Connected to 192.0.2.1 but greeting failed.",
}


@pytest.mark.parametrize("form", ["its code", "a vague code", "no code", "Exim", "qmail"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_documented_reply_is_of_its_kind(provider: str, form: str) -> None:
    misread = []

    for _, kind, stage, reply in (one for one in REPLIES if one[0] == provider):
        said = reply.format(ada=ADA, us=US)
        report = read(_mail(form, stage, said))
        if [(one.address, one.kind.value) for one in report.outcomes] != [(ADA, kind)]:
            misread.append((report.kind.value, said))

    assert misread == []


def test_documented_replies_of_every_kind_are_kept() -> None:
    assert {kind for _, kind, *_ in REPLIES} == {Kind.HARD, Kind.SOFT, Kind.BLOCK, Kind.FULL}
    assert len(REPLIES) > 500
    assert len(PROVIDERS) > 50


def _mail(form: str, stage: str, said: str) -> bytes:
    if stage not in AFTER or form not in {"Exim", "qmail"}:
        return _report(form, stage, said)
    if form == "Exim":
        words = f"  {ADA}\n    SMTP error from remote mail server after {AFTER[stage]}:\n    {said}"
        body = f"A message that you sent could not be delivered.\n\n{words}\n"
    else:
        words = f"<{ADA}>:\n{QMAIL[stage]}\nRemote host said: {said}\nGiving up on 192.0.2.1."
        body = f"Hi. This is the qmail-send program.\nI've given up.\n\n{words}\n"
    return mail_of(
        Sample(form, "MAILER-DAEMON@mx.example", "failure notice", body, Reason.UNDEFINED)
    )


def _report(form: str, stage: str, said: str) -> bytes:
    found = CODE.search(said)
    vague = f"{said[0]}.0.0" if said[0] in "45" else "5.0.0"
    code = found[0] if found and form == "its code" else vague
    typed = said if said.startswith("X-") else f"smtp; {said}"
    told = f" (in reply to {IN_REPLY[stage]} command)" if stage in IN_REPLY else ""
    status = "" if form == "no code" else f"Status: {code}\n"
    return status_report(
        f"Final-Recipient: rfc822; {ADA}\nAction: failed\n{status}Diagnostic-Code: {typed}{told}"
    )
