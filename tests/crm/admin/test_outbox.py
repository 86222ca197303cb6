"""The outbox: what was caught is shown sealed, and the world answers at a button."""

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse


def at(caught, page="change"):
    return reverse(f"admin:crm_caughtmessage_{page}", args=[caught.pk])


@pytest.fixture
def world(monkeypatch):
    """What the world outside was asked to do."""
    asked = []

    def note(verb):
        return lambda **told: asked.append((verb, told))

    for verb in ("reply_as", "bounce", "complain", "write_as"):
        monkeypatch.setattr(f"crm.outbox.{verb}", note(verb))
    return asked


def test_the_list_says_that_nothing_leaves_the_machine(admin, caught):
    text = admin.get(reverse("admin:crm_caughtmessage_changelist")).content.decode()

    assert "nothing leaves this machine" in text
    assert "EMAIL_URL" in text
    assert caught.recipient in text


def test_a_real_provider_is_named_without_its_password(admin, caught, settings):
    settings.EMAIL_URL = "smtp://shop:s3cret@mail.example:587"

    text = admin.get(reverse("admin:crm_caughtmessage_changelist")).content.decode()

    assert "mail.example" in text
    assert "s3cret" not in text


def test_a_mail_is_shown_as_html_headers_and_source(admin, caught):
    text = admin.get(at(caught)).content.decode()

    assert 'sandbox=""' in text
    assert at(caught, "content") in text
    assert "MIME-Version" in text


def test_the_html_is_a_document_that_can_do_nothing(admin, caught):
    answer = admin.get(at(caught, "content"))

    assert "<h1>Spring</h1>" in answer.content.decode()
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["Content-Security-Policy"].endswith("sandbox")


@pytest.mark.parametrize(
    ("page", "verb"), [("reply", "reply_as"), ("bounce", "bounce"), ("complain", "complain")]
)
def test_each_button_asks_the_world_once(admin, caught, world, page, verb):
    admin.post(at(caught, page), {"text": "Thank you"})

    assert [asked for asked, _told in world] == [verb]
    assert world[0][1]["caught"] == caught


def test_a_stranger_can_write_to_us(admin, world):
    posted = {"channel": "sms", "sender": "+441134960999", "subject": "", "text": "Hello"}

    admin.post(reverse("admin:crm_caughtmessage_write"), posted)

    assert world == [("write_as", posted)]


def test_an_outbox_that_is_away_is_said(admin, caught, monkeypatch):
    def away(**told):
        raise ValidationError("The outbox does not answer; is it running?")

    monkeypatch.setattr("crm.outbox.bounce", away)

    answer = admin.post(at(caught, "bounce"), follow=True)

    assert "is it running?" in answer.content.decode()


@pytest.mark.parametrize("page", ["content", "reply", "bounce", "complain"])
def test_a_newcomer_plays_no_world(newcomer, caught, world, page):
    answer = newcomer.post(at(caught, page), {"text": "x"})

    assert answer.status_code == 403
    assert world == []
