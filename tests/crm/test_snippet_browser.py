"""The web snippet in a real browser: it stores nothing before consent, and its events arrive."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.db import connection

from crm import keys
from crm.api import tracking
from crm.models import Event
from tests import browsers
from tests.crm import hostile

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What the tracking API answered; browsers show nobody the answers to calls that outlive a page.
ANSWERS: list[str] = []
TELL = "some => some.forEach(([number, note]) => rapport.track('Tea Brewed', {number, note}))"
# Every text where RAPPORT_LONG asks for it, else one of so many.
STEP = 1 if os.environ.get("RAPPORT_LONG") else 4
# Fewer than the snippet sends at once, so that each goes out alone.
MOST = 20
STORED = "() => [document.cookie, Object.keys(localStorage), Object.keys(sessionStorage)]"


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection, as browsers open some that they never use."""

    daemon_threads = True


def nothing_else(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return [b""]


@pytest.fixture
def rapport(spool_folder: Any) -> Iterator[str]:
    """The tracking API on a port of its own."""
    application = tracking.before(nothing_else)

    def answer(environ: Any, start_response: Any) -> Any:
        def start(status: str, headers: Any) -> Any:
            if environ["REQUEST_METHOD"] == "POST":
                ANSWERS.append(status)
            return start_response(status, headers)

        try:
            return application(environ, start)
        finally:
            connection.close()

    server = make_server("127.0.0.1", 0, answer, server_class=Server, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shop(rapport: str, write_key: keys.NewKey) -> Iterator[str]:
    """A shop on another port, so on another origin, with the snippet on its page."""
    tag = f'<script async src="{rapport}/t.js" data-key="{write_key.secret}"></script>'
    body = f"<!doctype html><title>Tea</title>{tag}<h1>Tea</h1>".encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/tea?utm_source=mail&utm_campaign=spring"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def visitor() -> Iterator[Any]:
    """A browser that nobody has used before."""
    with browsers.browser() as browser:
        yield browser.new_context()


def beside(work: Callable[[], Any]) -> Any:
    """Ask the database in another thread: Playwright runs a loop in this one."""

    def alone() -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(alone).result()


def sent(page: Any, action: Callable[[], Any]) -> None:
    """Do something, and wait for the answer to what it sends."""
    ANSWERS.clear()
    action()
    for _ in range(200):
        if ANSWERS:
            break
        page.wait_for_timeout(50)
    assert ANSWERS == ["200 OK"]


def test_nothing_is_stored_before_consent_and_one_id_after_it(shop: str, visitor: Any) -> None:
    page = visitor.new_page()
    sent(page, lambda: page.goto(shop))
    before = page.evaluate(STORED)

    page.evaluate("rapport.consent(true)")
    after = page.evaluate(STORED)
    page.evaluate("rapport.consent(false)")

    assert before == ["", [], []]
    assert after == ["", ["rapport"], []]
    assert page.evaluate(STORED) == ["", [], []]
    assert visitor.cookies() == []


def test_pages_products_and_moves_arrive(shop: str, visitor: Any, drained: Any) -> None:
    page = visitor.new_page()
    sent(page, lambda: page.goto(shop))

    sent(page, lambda: page.evaluate("history.pushState({}, '', '/cups')"))
    sent(page, lambda: page.evaluate("rapport.productAdded({product_id: 'CUP-1', quantity: 1})"))
    sent(page, lambda: page.evaluate("rapport.identify('C-1', {email: 'ada@shop.example'})"))

    beside(drained)
    told = beside(lambda: list(Event.objects.order_by("id")))
    assert [event.name for event in told] == [
        "page.viewed",
        "page.viewed",
        "cart.product_added",
        "customer.identified",
    ]
    assert told[0].properties["campaign"] == {"source": "mail", "name": "spring"}
    assert told[1].properties["path"] == "/cups"
    assert len({event.customer_id for event in told}) == 1


def test_the_id_stays_from_page_to_page_after_consent(shop: str, visitor: Any) -> None:
    page = visitor.new_page()
    sent(page, lambda: page.goto(shop))
    page.evaluate("rapport.consent(true)")
    first = page.evaluate("localStorage.rapport")

    sent(page, lambda: page.goto(shop))

    assert page.evaluate("localStorage.rapport") == first


def test_who_asks_not_to_be_tracked_sends_nothing(shop: str, visitor: Any) -> None:
    visitor.add_init_script(
        "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"
    )
    page = visitor.new_page()
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url))

    page.goto(shop)
    page.wait_for_function("window.rapport && rapport.version")
    page.evaluate("rapport.track('Tea Brewed')")
    page.goto("about:blank")

    assert not [url for url in calls if "/v1/" in url]


def test_what_is_left_goes_when_the_page_goes(shop: str, visitor: Any, drained: Any) -> None:
    page = visitor.new_page()
    sent(page, lambda: page.goto(shop))

    sent(page, lambda: page.evaluate("rapport.track('Left'); location.href = 'about:blank'"))

    beside(drained)
    assert beside(lambda: Event.objects.filter(name="Left").count()) == 1


def test_every_odd_text_goes_out_as_it_is_and_nothing_runs(
    shop: str, visitor: Any, drained: Any, shared_corpora: Path
) -> None:
    every = [text for text in hostile.texts(shared_corpora) if hostile.storable(text)]
    texts = every[::STEP]
    page = visitor.new_page()
    shown: list[str] = []
    page.on("dialog", lambda dialog: (shown.append(dialog.message), dialog.dismiss()))
    sent(page, lambda: page.goto(shop))

    for start in range(0, len(texts), MOST):
        some = [[start + place, text] for place, text in enumerate(texts[start : start + MOST])]
        sent(page, lambda some=some: page.evaluate(TELL, some))

    beside(drained)
    told = beside(lambda: list(Event.objects.filter(name="Tea Brewed").values("properties")))
    kept = {one["properties"]["number"]: one["properties"]["note"] for one in told}
    assert len(every) > 1000
    assert [kept[number] for number in range(len(texts))] == texts
    assert shown == []
