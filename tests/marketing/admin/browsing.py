"""A signed-in browser, and the places of the rule builder."""

import json
from contextlib import contextmanager

import pytest
from django.db import connections

from tests import browsers

playwright = pytest.importorskip("playwright.sync_api")
TREE = "[data-rules-tree]"


@contextmanager
def browsing(live_server, admin, settings, language, **options):
    """A page of a browser that is signed in and speaks this language."""
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with browsers.browser() as browser:
        wide = {"viewport": {"width": 1500, "height": 1000}}
        context = browser.new_context(**{**wide, **options})
        cookies = {"sessionid": session, settings.LANGUAGE_COOKIE_NAME: language}
        for name, value in cookies.items():
            context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        assert page.problems == []
        browser.close()
        # Beside Playwright's event loop Django opened a connection of its own.
        connections.close_all()


def written(page):
    """The rules as the form would send them."""
    return json.loads(page.input_value("#id_rules"))


def counted(page, number):
    """Wait for the exact count, and return everything that the preview says."""
    exact = page.locator("[data-rules-count=exact] .rp-figure", has_text=str(number))
    exact.wait_for()
    return page.inner_text("[data-rules-preview]")


def field(page, key):
    """What stands at a place of the tree; places are named like `r.1.0.value`."""
    return page.locator(f'{TREE} [data-key="{key}"]')
