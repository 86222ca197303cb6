"""The admin by keyboard and for screen readers, in a real browser."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Customer
from tests import browsers, making

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SEARCH = "#search-input-command"
# Controls that a screen reader could only call “button” or “edit”.
NAMELESS = """() => [...document.querySelectorAll("input, select, textarea, button, a[href]")]
  .filter((part) => part.type !== "hidden" && !part.ariaHidden && part.offsetParent !== null)
  .filter((part) => {
    const labels = [...(part.labels ?? [])].map((label) => label.textContent).join("").trim();
    const said = part.cloneNode(true);
    said.querySelectorAll("[aria-hidden=true]").forEach((icon) => icon.remove());
    return !(labels || part.ariaLabel || part.getAttribute("aria-labelledby") || part.title
      || said.textContent.trim() || (part.type === "submit" && part.value));
  })
  .map((part) => part.outerHTML.slice(0, 200))"""
FOCUS = "() => document.activeElement.id || document.activeElement.className"


@pytest.fixture
def page(live_server: Any, admin: Client, settings: Any) -> Iterator[Any]:
    """A signed-in browser."""
    settings.ALLOWED_HOSTS = ["*"]
    session = admin.cookies["sessionid"].value
    with browsers.browser() as browser:
        context = browser.new_context(base_url=live_server.url)
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.problems = []
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        yield page
        browser.close()
        connections.close_all()


@pytest.fixture
def wang(db: None) -> Customer:
    """A customer with a Chinese name."""
    return making.customer(
        now=timezone.now(), first_name="小明", last_name="王", email="xiaoming@shop.example"
    )


@pytest.fixture
def searching(page: Any, wang: Customer) -> Any:
    """The search of everything, opened by its keys from a link of the dashboard."""
    page.goto(reverse("admin:crm_company_changelist"))
    page.focus(".rp-search-opener")
    page.keyboard.press("Control+k")
    page.wait_for_function(f"document.activeElement.matches('{SEARCH}')")
    return page


def test_pasted_text_is_searched_without_another_key(searching: Any, wang: Customer) -> None:
    searching.keyboard.insert_text("xiaoming@shop.example")

    searching.locator("#command-results", has_text="王小明").wait_for()

    assert searching.problems == []


def test_a_name_from_an_input_method_is_searched_and_opened(searching: Any, wang: Customer) -> None:
    keyboard = searching.context.new_cdp_session(searching)
    keyboard.send(
        "Input.imeSetComposition", {"text": "wang xiao", "selectionStart": 9, "selectionEnd": 9}
    )
    keyboard.send("Input.insertText", {"text": "王小明"})
    searching.locator("#command-results", has_text="xiaoming@shop.example").wait_for()

    searching.keyboard.press("Enter")

    searching.wait_for_url(f"**{reverse('admin:crm_customer_change', args=[wang.pk])}")


def test_that_nothing_was_found_is_said(searching: Any) -> None:
    searching.keyboard.insert_text("nobody like this")

    searching.get_by_text("Nothing found").wait_for()
    searching.keyboard.press("Enter")

    assert searching.problems == []


def test_the_search_keeps_the_keyboard_until_escape_gives_it_back(searching: Any) -> None:
    searching.keyboard.insert_text("王小明")
    searching.locator("#command-results a").first.wait_for()

    inside = []
    for _ in range(4):
        searching.keyboard.press("Tab")
        inside.append(searching.evaluate("!!document.activeElement.closest('#rp-search')"))
    searching.focus(SEARCH)
    searching.keyboard.press("Escape")
    searching.locator("#rp-search").wait_for(state="hidden")

    assert all(inside)
    assert searching.evaluate(FOCUS) == "rp-search-opener"


def test_the_menu_of_the_account_opens_by_keyboard(page: Any) -> None:
    page.goto(reverse("admin:index"))

    page.locator("[role=button]", has_text="maria").focus()
    page.keyboard.press("Enter")

    page.get_by_text("Change password").wait_for()


def test_a_filter_of_the_timeline_keeps_the_focus(page: Any, ada: Customer) -> None:
    page.goto(reverse("admin:crm_customer_change", args=[ada.pk]))

    page.focus("#show-messages")
    with page.expect_response("**/timeline/?show=messages"):
        page.keyboard.press("Enter")
    page.locator("#show-messages[aria-current]").wait_for()

    assert page.evaluate(FOCUS) == "show-messages"


@pytest.mark.parametrize("opener", ["decide-dialog", "note-dialog", "erase-dialog"])
def test_a_dialog_stands_in_the_middle_and_gives_the_focus_back(
    page: Any, ada: Customer, opener: str
) -> None:
    page.goto(reverse("admin:crm_customer_change", args=[ada.pk]))
    button = page.locator(f"[data-dialog={opener}]")
    button.focus()

    page.keyboard.press("Enter")
    box = page.locator(f"#{opener}").bounding_box()
    is_inside = page.evaluate("!!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")

    height = page.viewport_size["height"]
    assert abs(box["y"] + box["height"] / 2 - height / 2) < 5
    assert is_inside
    assert button.evaluate("button => button === document.activeElement")


def test_every_control_of_the_pages_has_a_name(page: Any, shop: None, ada: Customer) -> None:
    addresses = [
        reverse("admin:crm_customer_changelist"),
        reverse("admin:crm_customer_change", args=[ada.pk]),
        reverse("admin:crm_customer_edit", args=[ada.pk]),
        reverse("admin:crm_importrun_upload"),
        reverse("admin:crm_duplicatecandidate_changelist"),
        reverse("admin:crm_quality"),
        reverse("admin:crm_webhook_changelist"),
        reverse("admin:crm_apikey_add"),
        reverse("admin:crm_attributedefinition_add"),
    ]

    nameless = {}
    for address in addresses:
        page.goto(address)
        page.wait_for_load_state("networkidle")
        nameless[address] = page.evaluate(NAMELESS)

    assert nameless == {address: [] for address in addresses}


def test_a_file_is_chosen_and_refused_without_a_fault_on_the_page(page: Any) -> None:
    page.goto(reverse("admin:crm_importrun_upload"))

    file = {"name": "customers.xlsx", "mimeType": "text/plain", "buffer": b"this is no workbook"}
    page.set_input_files("input[type=file]", file)
    page.get_by_text("Upload and look at it").click()
    refusal = page.get_by_role("alert").inner_text()

    assert "not what its name says" in refusal
    assert page.problems == []
