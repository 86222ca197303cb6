"""The inbox in a real browser: the thread moves on while somebody types."""

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import conversations, extensions
from crm.models import Conversation, Message, Note
from tests import browsers

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server, admin: Client, settings):
    """A signed-in browser."""
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with browsers.browser() as browser:
        context = browser.new_context()
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        browser.close()
        # Beside Playwright's event loop Django opened a connection of its own.
        connections.close_all()


@pytest.fixture
def opened(page, live_server, talk: Conversation, monkeypatch: pytest.MonkeyPatch):
    """The inbox with Ada's question open and one ready reply."""
    ready = [("thanks", "Thank you for your patience.")]
    monkeypatch.setattr(extensions.reply_shortcuts, "all", lambda: iter([lambda talk: ready]))
    monkeypatch.setattr("crm.tasks.ring", lambda task, *arguments: None)
    page.goto(live_server.url + reverse("admin:crm_inbox_conversation", args=[talk.pk]))
    return page


def test_a_new_line_appears_while_the_draft_stays(opened, talk):
    opened.fill("#inbox-text", "I am still typ")

    maria = User.objects.get(username="maria")
    conversations.note(
        conversation_id=talk.pk, author=maria, text="Look at R-1", now=timezone.now()
    )
    opened.get_by_text("Look at R-1").wait_for()

    assert opened.input_value("#inbox-text") == "I am still typ"
    assert opened.problems == []


def test_a_slash_calls_up_a_ready_reply_which_is_sent(opened):
    opened.type("#inbox-text", "/tha")
    opened.keyboard.press("Enter")
    filled = opened.input_value("#inbox-text")

    opened.keyboard.press("Control+Enter")
    opened.locator(".rp-bubble--out").wait_for()

    assert filled == "Thank you for your patience."
    assert Message.objects.get(direction="out").text == filled
    assert opened.input_value("#inbox-text") == ""


def test_a_refused_reply_is_said_and_keeps_the_draft(opened, talk):
    Conversation.objects.filter(pk=talk.pk).update(state="closed")
    opened.fill("#inbox-text", "Hello?")

    opened.click("#inbox-box button.rp-button--primary")
    opened.get_by_role("alert").wait_for()

    assert "open it again first" in opened.inner_text("#inbox-said")
    assert opened.input_value("#inbox-text") == "Hello?"


def test_a_note_is_kept_from_the_same_box(opened):
    opened.get_by_text("Private note", exact=True).click()
    opened.fill("#inbox-text", "Third time this month.")

    opened.click("#inbox-box button.rp-button--primary")
    opened.locator(".rp-bubble--note").wait_for()

    assert Note.objects.get().text == "Third time this month."
    assert not Message.objects.filter(direction="out").exists()
