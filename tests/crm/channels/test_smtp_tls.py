"""Mail over TLS with a password: nothing is ever said in the clear, and refusals are plain."""

from pathlib import Path
from urllib.parse import quote

import pytest

from crm.channels.base import Account, Outcome
from crm.channels.email import EmailAdapter
from crm.channels.smtp_server import Server
from tests.contracts import RememberingJournal, outgoing
from tests.crm.channels.secure_smtp import PASSWORD, USER, Certificate, SecureSmtp, self_signed
from tests.crm.channels.smtp_server import ScriptedSmtp

RIGHT = f"{quote(USER)}:{quote(PASSWORD, safe='')}"
BOTH_WAYS = pytest.mark.parametrize("scheme", ["smtp+tls", "smtps"])


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """A certificate for this machine that this process trusts, as an operator's own would be."""
    made = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    return made


def send(url: str, *, count: int = 1) -> list[Outcome]:
    adapter = EmailAdapter(Account("email", url, guarded_but=None))
    batch = [outgoing(number) for number in range(1, count + 1)]
    outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))
    adapter.close()
    return outcomes


@BOTH_WAYS
def test_mails_arrive_under_tls_after_signing_in_once(trusted: Certificate, scheme: str):
    with SecureSmtp(trusted, scheme) as server:
        outcomes = send(server.url(RIGHT), count=3)

    assert [outcome.state for outcome in outcomes] == ["sent"] * 3
    assert server.is_locked == [True] * 3
    assert server.sign_ins == [("PLAIN", USER, PASSWORD)]


@BOTH_WAYS
def test_login_is_used_where_the_server_knows_no_plain(trusted: Certificate, scheme: str):
    with SecureSmtp(trusted, scheme, excluded=("PLAIN",)) as server:
        (outcome,) = send(server.url(RIGHT))

    assert outcome.state == "sent"
    assert server.sign_ins == [("LOGIN", USER, PASSWORD)]


@BOTH_WAYS
def test_tls_works_without_a_password(trusted: Certificate, scheme: str):
    with SecureSmtp(trusted, scheme) as server:
        (outcome,) = send(server.url())

    assert outcome.state == "sent"
    assert (server.is_locked, server.sign_ins) == ([True], [])


# The challenge and its answer are those of RFC 2195, and the other words those of RFC 4616 and of
# the providers that have XOAUTH2.
CHALLENGE = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
PROOF = "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"
PLAIN = "AHRpbQB0YW5zdGFhZnRhbnN0YWFm"
BEARER = "dXNlcj10aW0BYXV0aD1CZWFyZXIgdGFuc3RhYWZ0YW5zdGFhZgEB"


@pytest.mark.parametrize(
    ("offered", "wanted", "answers", "commands"),
    [
        ("AUTH CRAM-MD5", "", {"AUTH": CHALLENGE}, ["AUTH CRAM-MD5", PROOF]),
        ("AUTH LOGIN CRAM-MD5", "cram-md5", {"AUTH": CHALLENGE}, ["AUTH CRAM-MD5", PROOF]),
        ("AUTH XOAUTH2", "", {"AUTH": "235 ok"}, [f"AUTH XOAUTH2 {BEARER}"]),
        ("AUTH PLAIN XOAUTH2", "xoauth2", {"AUTH": "334 e30="}, [f"AUTH XOAUTH2 {BEARER}", ""]),
        ("AUTH PLAIN", "", {"AUTH": "334 "}, [f"AUTH PLAIN {PLAIN}", PLAIN]),
        ("AUTH=LOGIN", "", {"AUTH": "334 VXNlcm5hbWU6"}, ["AUTH LOGIN", "dGlt"]),
    ],
)
def test_each_server_is_signed_in_to_in_a_way_that_it_knows(
    offered: str, wanted: str, answers: dict[str, str], commands: list[str]
):
    with ScriptedSmtp(features=(offered,), answers=answers) as server:
        url = server.url.replace("//", "//tim:tanstaaftanstaaf@") + f"&auth={wanted}"
        (outcome,) = send(url)

    assert outcome.state == "sent"
    assert server.commands[1 : 1 + len(commands)] == commands


@pytest.mark.parametrize("answer", ["504 unknown way", "535 no", "334 not base64!"])
def test_who_is_not_let_in_sends_nothing(answer: str):
    with ScriptedSmtp(features=("AUTH CRAM-MD5",), answers={"AUTH": answer}) as server:
        (outcome,) = send(server.url.replace("//", "//tim:tanstaaf@"))

    reason = "unreachable" if answer.startswith("3") else "unauthorized"
    assert (outcome.state, outcome.reason) == ("failed", reason)
    assert not any(command.startswith("MAIL") for command in server.commands)


@BOTH_WAYS
def test_a_refused_password_sends_nothing_and_says_so(trusted: Certificate, scheme: str):
    with SecureSmtp(trusted, scheme) as server:
        outcomes = send(server.url("shop%40example:wrong"), count=2)

    assert [(outcome.state, outcome.reason) for outcome in outcomes] == [
        ("failed", "unauthorized")
    ] * 2
    assert "535" in outcomes[0].detail
    assert "wrong" not in outcomes[0].detail
    assert not server.mails


@BOTH_WAYS
def test_the_light_of_an_account_knows_a_refused_password(trusted: Certificate, scheme: str):
    with SecureSmtp(trusted, scheme) as server:
        said = [
            EmailAdapter(Account("email", server.url(who), guarded_but=None)).check()
            for who in (RIGHT, "shop%40example:wrong")
        ]

    assert said[0] == ""
    assert "535" in said[1]
    assert "wrong" not in said[1]


@BOTH_WAYS
@pytest.mark.parametrize("fault", ["not trusted", "another host", "run out"])
def test_a_wrong_certificate_is_told_neither_password_nor_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, fault: str
):
    host = "mail.example" if fault == "another host" else "127.0.0.1"
    wrong = self_signed(tmp_path, host=host, days=-1 if fault == "run out" else 30)
    if fault != "not trusted":
        monkeypatch.setenv("SSL_CERT_FILE", str(wrong.certificate))

    with SecureSmtp(wrong, scheme) as server:
        (outcome,) = send(server.url(RIGHT))

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert "certificate verify failed" in outcome.detail
    assert not server.mails
    assert not server.sign_ins


def test_a_server_without_starttls_is_told_neither_password_nor_mail():
    with ScriptedSmtp() as server:
        (outcome,) = send(f"smtp+tls://{RIGHT}@127.0.0.1:{server.port}?timeout=5&hello=test")

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert "offers no STARTTLS" in outcome.detail
    assert server.commands == ["EHLO test"]
    assert not server.mails


def test_a_server_that_refuses_starttls_is_told_neither_password_nor_mail():
    refusing = {"STARTTLS": "454 not just now"}

    with ScriptedSmtp(features=("STARTTLS",), answers=refusing) as server:
        (outcome,) = send(f"smtp+tls://{RIGHT}@127.0.0.1:{server.port}?timeout=5&hello=test")

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert "454" in outcome.detail
    assert server.commands == ["EHLO test", "STARTTLS"]


def test_a_server_without_tls_from_the_first_byte_gets_nothing():
    with ScriptedSmtp() as server:
        (outcome,) = send(f"smtps://{RIGHT}@127.0.0.1:{server.port}?timeout=5&hello=test")

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert not server.mails
    assert not any(b"AUTH" in write for write in server.writes)


@pytest.mark.parametrize(
    ("url", "tls", "port"),
    [
        ("smtp://mail.example", "none", 25),
        ("smtp://me:secret@mail.example", "starttls", 25),
        ("smtp://me:secret@mail.example:587?tls=none", "none", 587),
        ("smtp://me:secret@127.0.0.1:2525", "none", 2525),
        ("smtp+tls://me:secret@mail.example", "starttls", 587),
        ("smtps://me:secret@mail.example", "implicit", 465),
    ],
)
def test_a_password_goes_under_tls_unless_somebody_asks_otherwise(url: str, tls: str, port: int):
    server = Server.from_url(url)

    assert (server.tls, server.port) == (tls, port)


@pytest.mark.parametrize(
    "url",
    [
        "imap://mail.example",
        "smtp://",
        "smtp://mail.example?tls=maybe",
        "smtp://mail.example?auth=ntlm",
        "smtp://mail.example?timeout=0",
        "smtp://mail.example?timeout=nan",
        "smtp://mail.example?connections=many",
        "smtp://mail.example?hello=shop%0d%0aMAIL",
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(url: str):
    with pytest.raises(ValueError, match=r"begins with|not known|above nought|one word"):
        Server.from_url(url)
