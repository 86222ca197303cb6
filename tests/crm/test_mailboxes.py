"""Mailboxes are read over the real protocols: every mail once, none lost, one worker at a time."""

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from crm import mailboxes, messages, returned_mail, tasks
from crm.channels import oauth
from crm.models import Callback, Customer, Mailbox, Message, ReturnedMail
from tests.crm import mailserver
from tests.crm.messages.letters import draft, send
from tests.crm.test_returned_mail import UNKNOWN, returned

pytestmark = pytest.mark.django_db
HELLO = b"From: eve@other.example\nSubject: %d\n\nHello\n"
BROKEN = b"From: eve@other.example\nSubject: broken\n\nHello\n"


@pytest.fixture(autouse=True)
def _servers_of_ours_may_be_asked(settings: Any) -> None:
    settings.PROVIDER_ALLOWED_HOSTS = ["127.0.0.1"]


@pytest.fixture(params=["imap", "pop3"])
def store(request: pytest.FixtureRequest) -> Iterator[mailserver.Store]:
    with mailserver.serving(request.param) as served:
        served.protocol = request.param  # type: ignore[attr-defined]
        yield served


@pytest.fixture
def imap() -> Iterator[mailserver.Store]:
    with mailserver.serving("imap") as served:
        served.protocol = "imap"  # type: ignore[attr-defined]
        yield served


def mailbox(
    store: mailserver.Store,
    now: datetime,
    secrets: dict[str, str] | None = None,
    **changes: object,
) -> Mailbox:
    """A mailbox of ours at that server."""
    row = Mailbox(
        name="bounces",
        protocol=store.protocol,  # type: ignore[attr-defined]
        host="127.0.0.1",
        port=store.port,
        security="none",
        user="ada",
        **changes,
    )
    mailboxes.keep(
        mailbox=row, secrets={"password": mailserver.PASSWORD} | (secrets or {}), now=now
    )
    return row


def visit(now: datetime, owner: str = "worker") -> int:
    return mailboxes.read_due(owner=owner, clock=lambda: now)


def subjects() -> list[str]:
    return sorted(
        bytes(raw).partition(b"Subject: ")[2].partition(b"\n")[0].decode().strip()
        for raw in Callback.objects.values_list("body", flat=True)
    )


def test_every_mail_is_taken_once_and_stays(store: mailserver.Store, now: datetime) -> None:
    row = mailbox(store, now)
    for number in range(3):
        store.add(HELLO % number)

    visit(now)
    store.add(HELLO % 3)
    visit(now + timedelta(minutes=2))
    visit(now + timedelta(minutes=4))

    row.refresh_from_db()
    assert subjects() == ["0", "1", "2", "3"]
    assert len(store.inbox) == 4
    assert sorted(store.fetched) == [1, 2, 3, 4]
    assert (row.health, row.owner) == ("well", "")


def test_a_bounce_in_a_mailbox_closes_the_address(
    store: mailserver.Store, ada: Customer, now: datetime, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("provider")
    letter = draft(ada)
    send(letter, now=now)
    mailbox(store, now)
    store.add(returned(letter, UNKNOWN))

    visit(now)

    mail = ReturnedMail.objects.get()
    assert (mail.kind, mail.deed, mail.message_id) == (
        "hard_bounce",
        "address_closed",
        letter.message_id,
    )
    assert mail.address == letter.address
    assert Message.objects.get().state == "bounced"


def test_what_is_taken_is_deleted_where_staff_want_it(
    store: mailserver.Store, now: datetime
) -> None:
    mailbox(store, now, after="delete")
    store.add(HELLO % 1)

    visit(now)

    assert subjects() == ["1"]
    assert store.inbox == {}


@pytest.mark.parametrize("capabilities", ["IMAP4rev1 UIDPLUS MOVE", "IMAP4rev1 UIDPLUS"])
def test_what_is_taken_is_moved_where_staff_want_it(
    imap: mailserver.Store, now: datetime, capabilities: str
) -> None:
    imap.capabilities = capabilities
    mailbox(imap, now, after="move", moved_to="Done")
    uid = imap.add(HELLO % 1)

    visit(now)

    assert imap.inbox == {}
    assert list(imap.folders["Done"]) == [uid]


def test_nothing_is_lost_or_doubled_when_the_connection_breaks(
    store: mailserver.Store, now: datetime
) -> None:
    row = mailbox(store, now, after="delete")
    for number in range(4):
        store.add(HELLO % number)
    store.cuts_after = 2

    visit(now)
    row.refresh_from_db()
    assert row.health == "ailing"
    store.cuts_after = None
    visit(now + timedelta(minutes=5))

    assert subjects() == ["0", "1", "2", "3"]
    assert ReturnedMail.objects.count() == 4
    assert store.inbox == {}


def test_a_mail_that_cannot_be_read_is_put_aside_and_stays(
    store: mailserver.Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox(store, now, after="delete")
    uid = store.add(BROKEN)
    store.add(HELLO % 1)
    real = returned_mail.taking.follow

    def follow(**told: object) -> object:
        if b"broken" in told["raw"]:  # type: ignore[operator]
            raise ValueError("what is this?")
        return real(**told)  # type: ignore[arg-type]

    monkeypatch.setattr(returned_mail.taking, "follow", follow)
    visit(now)
    visit(now + timedelta(minutes=2))

    aside = ReturnedMail.objects.get(state="put_aside")
    assert aside.error == "ValueError: what is this?"
    assert list(store.inbox) == [uid]
    assert store.fetched.count(uid) == 1

    monkeypatch.undo()
    returned_mail.retry(returned_mail_id=aside.pk, now=now)
    visit(now + timedelta(minutes=4))

    assert set(ReturnedMail.objects.values_list("state", flat=True)) == {"taken"}
    assert store.inbox == {}


def test_a_mail_that_the_server_refuses_is_put_aside_and_asked_for_again(
    store: mailserver.Store, now: datetime
) -> None:
    mailbox(store, now)
    uid = store.add(HELLO % 1)
    store.refuses.add(uid)
    visit(now)
    visit(now + timedelta(minutes=2))
    aside = ReturnedMail.objects.get()
    assert (aside.state, aside.callback) == ("put_aside", None)
    assert "broken" in aside.error

    store.refuses.clear()
    assert returned_mail.retry(returned_mail_id=aside.pk, now=now) is None
    visit(now + timedelta(minutes=4))

    assert ReturnedMail.objects.get().state == "taken"
    assert subjects() == ["1"]


def test_a_folder_that_is_made_anew_is_read_again_and_nothing_done_twice(
    imap: mailserver.Store, now: datetime
) -> None:
    mailbox(imap, now)
    imap.add(HELLO % 1)
    visit(now)

    imap.validity += 1
    imap.add(HELLO % 2)
    visit(now + timedelta(minutes=2))

    assert subjects() == ["1", "2"]
    assert ReturnedMail.objects.count() == 2


def test_a_mailbox_is_read_by_one_worker_at_a_time(store: mailserver.Store, now: datetime) -> None:
    row = mailbox(store, now)
    Mailbox.objects.update(owner="other", lease_until_at=now + timedelta(minutes=1))

    assert visit(now) == 0
    assert visit(now + timedelta(minutes=2)) == 1

    row.refresh_from_db()
    assert row.owner == ""


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    store: mailserver.Store, now: datetime
) -> None:
    mailbox(store, now)
    store.add(HELLO % 1)
    moments = iter([now])

    def clock() -> datetime:
        at = next(moments, None)
        if at is None:
            Mailbox.objects.update(owner="other", lease_until_at=now + timedelta(hours=1))
        return at or now + timedelta(minutes=10)

    mailboxes.read_due(owner="worker", clock=clock)

    assert not ReturnedMail.objects.exists()
    assert Mailbox.objects.get().owner == "other"


def test_a_wrong_password_is_told_and_tried_ever_later(
    store: mailserver.Store, now: datetime
) -> None:
    row = mailbox(store, now)
    Mailbox.objects.update(password="")
    row.refresh_from_db()

    pauses = []
    for _ in range(3):
        visit(now)
        row.refresh_from_db()
        assert row.due_at
        pauses.append((row.due_at - now).total_seconds())
        now = row.due_at

    assert row.health == "ailing"
    assert "password" in row.health_detail
    assert pauses == [60, 120, 240]


BY_TOKEN = {"token_url": "https://login.example/token", "client_id": "rapport"}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[oauth.Grant]:
    """Who asked for a token; the first one is not taken by the server."""
    asked: list[oauth.Grant] = []
    monkeypatch.setattr(oauth, "_given", {})
    given = ["stale", mailserver.TOKEN, "never"]
    monkeypatch.setattr(
        oauth, "_asked", lambda grant: (asked.append(grant), (given.pop(0), 3e3))[1]
    )
    return asked


def test_a_mailbox_is_signed_in_to_by_a_token(
    store: mailserver.Store, now: datetime, tokens: list[oauth.Grant]
) -> None:
    row = mailbox(store, now, {"client_secret": "c", "refresh_token": "r"}, **BY_TOKEN)
    store.add(HELLO % 1)

    visit(now)
    row.refresh_from_db()
    refused = row.health, row.health_detail
    for later in (1, 2):
        visit(now + timedelta(hours=later))
    row.refresh_from_db()

    assert refused[0] == "ailing"
    assert "token" in refused[1]
    assert (row.health, row.health_detail) == ("well", "")
    assert subjects() == ["1"]
    assert [(one.client_secret, one.refresh_token) for one in tokens] == [("c", "r")] * 2


def test_a_mailbox_without_a_token_says_why(
    imap: mailserver.Store, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(grant: oauth.Grant) -> tuple[str, float]:
        raise oauth.NotGranted("No access token: invalid_grant")

    monkeypatch.setattr(oauth, "_asked", refuse)
    row = mailbox(imap, now, **BY_TOKEN)

    visit(now)

    row.refresh_from_db()
    assert (row.health, row.health_detail) == ("ailing", "No access token: invalid_grant")


def test_secrets_of_tokens_stay_unless_told_anew(imap: mailserver.Store, now: datetime) -> None:
    row = mailbox(imap, now, {"client_secret": "c", "refresh_token": "r"}, **BY_TOKEN)

    mailboxes.keep(mailbox=row, secrets={"client_secret": "new"}, now=now)

    row.refresh_from_db()
    assert (row.client_secret, row.refresh_token) == ("new", "r")


def test_a_password_is_no_plain_text_in_the_database(
    store: mailserver.Store, now: datetime
) -> None:
    row = mailbox(store, now)

    with connection.cursor() as cursor:
        cursor.execute("SELECT password FROM crm_mailbox")
        (kept,) = cursor.fetchone()
    assert kept.startswith("enc:")
    mailboxes.keep(mailbox=row, secrets={}, now=now)
    row.refresh_from_db()
    assert row.password == mailserver.PASSWORD


def test_giants_and_long_lines_are_read(store: mailserver.Store, now: datetime) -> None:
    mailbox(store, now)
    store.add((HELLO % 1) + b"x" * 9_000 + b"\n" + b"\n.dots\n" + b"y" * 60 + b"\n")

    visit(now)

    raw = bytes(Callback.objects.get().body)
    assert b"x" * 9_000 in raw
    assert b"\n.dots" in raw


def test_the_answers_name_the_folder_that_is_not_there(
    imap: mailserver.Store, now: datetime
) -> None:
    row = mailbox(imap, now, folder="Rückläufer")

    visit(now)

    row.refresh_from_db()
    assert row.health == "ailing"
    assert "Rückläufer" in row.health_detail
    assert messages.owner()


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mailbox_is_read_by_tls_and_its_certificate_checked(
    store: mailserver.Store,
    now: datetime,
    security: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificate = mailserver.certificate(tmp_path)
    store.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    store.tls.load_cert_chain(certificate)
    store.is_sealed = security == "tls"
    store.capabilities += " STARTTLS"
    row = mailbox(store, now)
    Mailbox.objects.update(security=security)
    store.add(HELLO % 1)

    visit(now)
    row.refresh_from_db()
    assert (row.health, ReturnedMail.objects.count()) == ("ailing", 0)
    assert "certificate" in row.health_detail.lower()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    visit(now + timedelta(minutes=5))

    assert subjects() == ["1"]


def test_the_bell_reads_every_mailbox_that_is_due(store: mailserver.Store, now: datetime) -> None:
    mailbox(store, now)
    store.add(HELLO % 1)
    Mailbox.objects.update(due_at=None)

    tasks.read_mailboxes()

    assert subjects() == ["1"]


def test_a_mailbox_in_a_private_network_is_not_kept(
    imap: mailserver.Store, now: datetime, settings: Any
) -> None:
    settings.PROVIDER_ALLOWED_HOSTS = ["127.0.0.1:1"]

    with pytest.raises(ValidationError, match="PROVIDER_ALLOWED_HOSTS"):
        mailbox(imap, now)

    assert not Mailbox.objects.exists()


def test_a_mailbox_whose_leave_was_taken_is_not_opened_any_more(
    imap: mailserver.Store, now: datetime, settings: Any
) -> None:
    row = mailbox(imap, now)
    settings.PROVIDER_ALLOWED_HOSTS = []

    visit(now)

    row.refresh_from_db()
    assert (row.health, imap.fetched) == ("ailing", [])
    assert "not a public address" in row.health_detail
