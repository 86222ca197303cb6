"""Staff see what came back, what was done, and what was put aside; and keep the mailboxes."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import mailboxes, returned_mail
from crm.models import Mailbox, ReturnedMail

LIST = "/admin/crm/returnedmail/"
RAW = b"From: eve@other.example\nSubject: <script>alert(1)</script>\n\nHello\n"
BOX = {
    "name": "Bounces",
    "protocol": "imap",
    "host": "imap.shop.example",
    "port": "",
    "security": "tls",
    "user": "bounces@shop.example",
    "new_password": "open sesame",
    "folder": "INBOX",
    "after": "keep",
    "moved_to": "",
    "every_seconds": "60",
    "is_active": "on",
}


@pytest.fixture
def mail(db: None, now: datetime) -> ReturnedMail:
    """A mail that is taken in, about somebody."""
    returned_mail.take(raw=RAW, recipient="", now=now)
    ReturnedMail.objects.update(
        kind="hard_bounce", reason="user_unknown", address="ada@shop.example"
    )
    return ReturnedMail.objects.get()


@pytest.fixture
def aside(db: None, now: datetime) -> ReturnedMail:
    """A mail that is put aside."""
    returned_mail.put_aside(raw=RAW, error="ValueError: what is this?", now=now, origin=None)
    return ReturnedMail.objects.get()


def reader(client: Client, *rights: str) -> Client:
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(user)
    return client


def test_returned_mail_is_listed_with_what_it_says(admin: Client, mail: ReturnedMail) -> None:
    page = admin.get(LIST).content.decode()
    of_a_kind = admin.get(f"{LIST}?kind__exact=complaint").content.decode()
    own = admin.get(f"{LIST}{mail.pk}/change/").content.decode()

    assert "Hard bounce" in page
    assert "ada@shop.example" in page
    assert "ada@shop.example" not in of_a_kind
    assert "no such mailbox" in own


def test_an_address_is_masked_for_whoever_may_not_see_it(
    client: Client, mail: ReturnedMail
) -> None:
    page = reader(client, "view_returnedmail").get(LIST).content.decode()

    assert "ada@shop.example" not in page
    assert "a•••@" in page


def test_a_mail_is_shown_as_it_came_as_sealed_text(admin: Client, mail: ReturnedMail) -> None:
    answer = admin.get(f"{LIST}{mail.pk}/raw/")

    assert "&lt;script&gt;" in answer.content.decode()
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script-src" not in answer["Content-Security-Policy"]


def test_only_who_may_reads_a_mail_as_it_came(client: Client, mail: ReturnedMail) -> None:
    staff = reader(client, "view_returnedmail")

    assert staff.get(f"{LIST}{mail.pk}/raw/").status_code == 403
    assert staff.post(f"{LIST}{mail.pk}/retry/").status_code == 403
    assert f"{mail.pk}/raw/" not in staff.get(LIST).content.decode()


def test_what_is_put_aside_says_why_and_is_tried_again(admin: Client, aside: ReturnedMail) -> None:
    page = admin.get(f"{LIST}?state__exact=put_aside").content.decode()
    admin.post(f"{LIST}{aside.pk}/retry/")
    again = admin.post(f"{LIST}{aside.pk}/retry/", follow=True).content.decode()

    aside.refresh_from_db()
    assert "what is this?" in page
    assert (aside.state, aside.error) == ("taken", "")
    assert "not put aside any more" in again


def test_a_mailbox_is_kept_and_its_password_never_shown(admin: Client, db: None) -> None:
    admin.post(reverse("admin:crm_mailbox_add"), BOX)
    kept = Mailbox.objects.get()
    change = reverse("admin:crm_mailbox_change", args=[kept.pk])
    page = admin.get(change).content.decode()
    admin.post(change, BOX | {"new_password": "", "every_seconds": "120"})

    kept.refresh_from_db()
    assert (kept.password, kept.every_seconds) == ("open sesame", 120)
    assert "open sesame" not in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"security": "none"},
        {"protocol": "pop3", "after": "move", "moved_to": "Done"},
        {"after": "move", "moved_to": ""},
        {"after": "move", "moved_to": "INBOX"},
    ],
)
def test_what_a_mailbox_cannot_be_is_refused(
    admin: Client, db: None, wrong: dict[str, str]
) -> None:
    admin.post(reverse("admin:crm_mailbox_add"), BOX | wrong)

    assert not Mailbox.objects.exists()


def test_a_mailbox_has_a_light_and_is_read_at_a_button(
    admin: Client, db: None, now: datetime
) -> None:
    row = Mailbox(name="Bounces", host="imap.shop.example", user="ada")
    mailboxes.keep(mailbox=row, secrets={"password": "x"}, now=now)
    Mailbox.objects.update(health="ailing", health_detail="wrong password", due_at=None)

    page = admin.get(reverse("admin:crm_mailbox_changelist")).content.decode()
    admin.post(reverse("admin:crm_mailbox_read", args=[row.pk]))

    row.refresh_from_db()
    assert "Does not work" in page
    assert "wrong password" in page
    assert row.due_at is not None


def test_a_mailbox_in_a_private_network_is_refused_at_its_field(admin: Client) -> None:
    page = admin.post(reverse("admin:crm_mailbox_add"), BOX | {"host": "10.0.0.5"})

    assert "PROVIDER_ALLOWED_HOSTS" in page.context["adminform"].form.errors["host"][0]
    assert not Mailbox.objects.exists()
