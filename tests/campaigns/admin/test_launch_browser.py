"""A launch in a real browser: exact numbers, the typed name, and taking it back."""

import pytest
from django.db import connections
from django.urls import reverse

from campaigns.choices import CampaignState
from tests import browsers

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(live_server, admin, settings):
    """A signed-in browser."""
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with browsers.browser() as browser:
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        assert page.problems == []
        browser.close()
        # Beside Playwright's event loop Django opened a connection of its own.
        connections.close_all()


@pytest.fixture
def opened(page, live_server, draft):
    page.goto(live_server.url + reverse("admin:campaigns_campaign_page", args=[draft.pk]))
    return page


def test_a_launch_wakes_with_the_name_and_can_be_taken_back(opened, draft, settings):
    settings.LAUNCH_CONFIRM_ABOVE = 1
    settings.LAUNCH_UNDO_SECONDS = 600
    opened.click("button:has-text('Launch …')")
    button = opened.locator("#launch-dialog button[type=submit]")
    button.wait_for()
    asleep = button.is_disabled()
    opened.fill("#typed-name", draft.name)

    button.click()
    opened.get_by_text("Take back").wait_for()
    draft.refresh_from_db()
    launched = draft.state
    opened.get_by_text("Take back").click()
    opened.get_by_text("it is a draft again").wait_for()

    draft.refresh_from_db()
    assert asleep
    assert (launched, draft.state) == (CampaignState.SCHEDULED, CampaignState.DRAFT)


def test_a_person_is_found_and_shown_what_they_would_get(opened, people):
    opened.fill("#preview-search", people[0].email)
    opened.locator("#people button").first.click()
    frame = opened.frame_locator("#preview iframe")
    frame.get_by_text("Hello Ada").wait_for()

    assert "Tea time" in opened.inner_text("#preview")


def test_the_page_moves_on_by_itself(page, live_server, running):
    page.goto(live_server.url + reverse("admin:campaigns_campaign_page", args=[running.pk]))
    running.state = CampaignState.FINISHED
    running.save()

    page.locator("#live").get_by_text("Finished").wait_for()

    assert page.locator("#live button").count() == 0


def test_a_pause_asks_why(page, live_server, running):
    page.goto(live_server.url + reverse("admin:campaigns_campaign_page", args=[running.pk]))
    page.click("button:has-text('Pause …')")
    page.fill("#pause-reason", "A wrong price")

    page.click("#pause-dialog button[type=submit]")
    page.get_by_text("A wrong price").wait_for()

    running.refresh_from_db()
    assert running.state == CampaignState.PAUSED
