"""A canary in every row about a person: without the right to see it, nobody does."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.db import models
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from crm import callbacks, keys, masking, messages, privacy
from crm.choices import ApiScope
from tests import making
from tests.crm import planting

pytestmark = pytest.mark.django_db

# What answers only in its own kind, is a way out, or asks for the session's own password.
_NOT_WALKED = re.compile(r"logout|jsi18n|/sw\.js|manifest")


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def rows(now: datetime, settings: Any, tmp_path: Any) -> dict[str, models.Model]:
    """Something of a person in every table."""
    settings.VAR_DIR = tmp_path
    person = making.customer(
        now=now,
        first_name=planting.NAME,
        last_name=planting.SECRET,
        email=planting.ADDRESS,
        phone=planting.PHONE,
        street=planting.STREET,
        city="Leeds",
        attributes={"nickname": planting.SECRET},
    )
    other = making.customer(now=now, first_name=planting.NAME, street=planting.STREET)
    by = User.objects.create_user("planter", is_staff=True)
    planter = planting.Planter(customer=person, other=other, by=by, now=now)
    planted = planter.plant_all()
    person.last_name = planting.SECRET + " II"
    person.save()
    return planted


@pytest.fixture
def veiled(rows: Any) -> Client:
    """Somebody with every right but the one to see personal data."""
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(codename="view_personal_data"))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def _patterns(under: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for one in under:
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns, before + str(one.pattern))
        elif isinstance(one, URLPattern):
            yield before + str(one.pattern), one


def _addresses(rows: dict[str, models.Model]) -> list[str]:
    """Every address of the admin with the planted rows in it, searched lists among them."""
    pages = []
    for route, _ in _patterns(get_resolver().url_patterns):
        if route.startswith("admin/") and not _NOT_WALKED.search(route):
            pages.append(_filled(route, rows))
    lists = [page for page in pages if re.fullmatch(r"/admin/\w+/\w+/", page)]
    words = (planting.NAME, planting.LOCAL, planting.PHONE, planting.SECRET)
    found = [f"{page}?{urlencode({'q': word})}" for page in lists for word in words]
    found += [f"/admin/search/?{urlencode({'s': word, 'q': word})}" for word in words]
    return sorted({*pages, *found})


def _filled(route: str, rows: dict[str, models.Model]) -> str:
    parts = route.split("/")
    model = _model_of(parts)
    row = rows.get(model._meta.label) if model else None
    first = str(row.pk) if row else str(rows["crm.Customer"].pk)

    known = {
        "customer_id": rows["crm.Customer"].pk,
        "other_id": rows["crm.Customer"].pk + 1,
        "conversation_id": rows["crm.Conversation"].pk,
        "repair_id": rows["crm.QualityRepair"].pk,
        "key": rows["crm.ExportRun"].key,  # type: ignore[attr-defined]
        "verb": "crm",
        "app_label": "crm",
        "url": "nowhere",
    }
    filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(known.get(found[1], first)), route)
    filled = re.sub(r"\(\[\^/\]\+\)/history/\(\[\^/\]\+\)/", f"{first}/history/1/", filled)
    filled = re.sub(r"\(\?P<app_label>[^)]*\)", "crm", filled)
    filled = re.sub(r"\(\?P<url>[^)]*\)", "nowhere", filled)
    return "/" + filled.replace("^", "").replace("$", "").replace("\\Z", "")


def _model_of(parts: list[str]) -> Any:
    try:
        return apps.get_model(parts[1], parts[2])
    except (LookupError, IndexError, ValueError):
        return None


def _told(answer: Any) -> set[str]:
    """The canaries that an answer lets out, its headers too."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = (body.decode("utf-8", "replace") + str(answer.headers)).lower()
    return {word for word in planting.CANARIES if word in text}


def test_no_page_of_the_admin_shows_who_somebody_is(veiled: Client, rows: Any) -> None:
    leaks, broken, shown = {}, [], 0

    for address in _addresses(rows):
        answer = veiled.get(address)
        shown += answer.status_code == 200
        if answer.status_code >= 500:
            broken.append(address)
        # What somebody searched for stands in the box of their own search.
        said = _told(answer) - {word for word in planting.CANARIES if word in address.lower()}
        if said:
            leaks[address] = said

    assert not broken
    assert not leaks, "\n".join(f"{address}: {sorted(words)}" for address, words in leaks.items())
    assert shown > 120, shown


def _posted(rows: dict[str, models.Model]) -> dict[str, dict[str, Any]]:
    """What answers a POST with a page of its own, and what it is sent."""
    talk, person = rows["crm.Conversation"].pk, rows["crm.Customer"].pk
    words = "{{ customer.first_name }} {{ customer.email }} {{ customer.attributes.nickname }}"
    draft = {"name": "T", "channel": "email", "subject": words, "html": words, "text": words}
    return {
        f"/admin/crm/inbox/{talk}/close/": {},
        f"/admin/crm/inbox/{talk}/reopen/": {},
        f"/admin/crm/inbox/{talk}/assign/": {},
        f"/admin/crm/inbox/{talk}/note/": {"text": "I called."},
        f"/admin/crm/inbox/{talk}/reply/": {"text": "On its way."},
        "/admin/crm/template/preview/": {"customer_id": person, **draft},
        "/admin/crm/template/add/": {**draft, "html": "{% broken"},
        "/admin/marketing/segment/preview/": {"rules": '{"all": []}'},
        "/admin/marketing/intent/try/": {"text": "hello", "language": "en"},
        f"/admin/crm/customer/{person}/add-note/": {"text": "hello"},
        f"/admin/crm/customer/{person}/pause/": {"reason": "asked", "until": "2030-01-01"},
        f"/admin/crm/customer/{person}/lift-pause/": {},
        f"/admin/crm/customer/{person}/merge/{person + 1}/": {"reason": "same"},
    }


def test_no_answer_to_a_post_shows_who_somebody_is(veiled: Client, rows: Any) -> None:
    for address, sent in _posted(rows).items():
        answer = veiled.post(address, sent, follow=True)

        assert answer.status_code < 500, address
        assert not _told(answer), address


def test_files_that_name_people_want_the_right(veiled: Client, rows: Any) -> None:
    asked = f"/admin/crm/privacyrequest/{rows['crm.PrivacyRequest'].pk}/copy/"
    rejected = f"/admin/crm/importrun/{rows['crm.ImportRun'].pk}/rejected/"

    assert veiled.post(asked).status_code == 403
    assert veiled.get(rejected).status_code == 403


def _api_addresses(rows: dict[str, models.Model]) -> Iterator[str]:
    """Every address of the API that can be looked at, with the planted rows in it."""
    named = {
        "customer_id": "crm.Customer",
        "identity_id": "crm.Identity",
        "merge_id": "crm.Merge",
        "product_id": "crm.Product",
        "order_id": "crm.Order",
        "attribute_id": "crm.AttributeDefinition",
        "company_id": "crm.Company",
        "export_id": "crm.ExportRun",
        "import_id": "crm.ImportRun",
        "request_id": "crm.PrivacyRequest",
        "webhook_id": "crm.Webhook",
        "delivery_id": "crm.WebhookDelivery",
    }
    for route, _ in _patterns(get_resolver().url_patterns):
        if route.startswith("api/v1/") and "docs" not in route:
            yield "/" + re.sub(r"<int:(\w+)>", lambda found: str(rows[named[found[1]]].pk), route)


def test_a_key_without_the_scope_learns_nothing_of_who_somebody_is(rows: Any) -> None:
    scopes = [scope for scope in ApiScope.values if scope != ApiScope.PERSONAL]
    secret = keys.create(name="Robot", scopes=scopes, now=timezone.now()).secret
    robot = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
    shown = 0

    for address in _api_addresses(rows):
        answer = robot.get(address)
        shown += answer.status_code == 200
        assert answer.status_code < 500, address
        assert not _told(answer), address

    assert shown > 20


class _Listening(logging.Handler):
    """Keeps every line of every log, with its traceback."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(masking.LogFormatter("%(name)s %(message)s").format(record))


@pytest.fixture
def logs() -> Iterator[_Listening]:
    """Everything that our programs and their libraries say, from DEBUG on, SQL aside."""
    listening = _Listening()
    names = ("", "django", "crm", "marketing", "campaigns", "celery")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.DEBUG)
        if name and not logging.getLogger(name).propagate:
            logging.getLogger(name).addHandler(listening)
    logging.getLogger().addHandler(listening)
    yield listening
    for name in names:
        logging.getLogger(name).setLevel(before[name])
        logging.getLogger(name).removeHandler(listening)


def test_no_line_of_a_log_and_no_page_of_an_error_tells_who_somebody_is(
    rows: dict[str, models.Model], now: datetime, logs: _Listening, settings: Any, monkeypatch: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]
    person = rows["crm.Customer"]
    secret = keys.create(name="Shop", scopes=list(ApiScope.values), now=now).secret
    robot = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
    who = {"email": planting.ADDRESS, "first_name": planting.NAME, "phone": planting.PHONE}
    answers = [
        robot.get("/nowhere/"),
        robot.get("/api/v1/nowhere/"),
        robot.get("/admin/crm/customer/"),
        robot.post("/callbacks/nobody/", planting.WORDS, content_type="text/plain"),
        robot.get("/", headers={"Host": "evil.example"}),
    ]

    for path, body in (
        ("customers", {"customers": [{**who, "country": planting.WORDS}]}),
        ("customers", {"customers": [who]}),
        ("events", {"events": [{"customer": who, "name": "a.b", "properties": planting.WORDS}]}),
        ("suppressions", {"channel": "email", "address": planting.ADDRESS, "reason": "no"}),
    ):
        robot.post(f"/api/v1/{path}/", json.dumps(body), content_type="application/json")
    monkeypatch.setattr("crm.preferences.of_customer", _fail_with_words)
    answers.append(robot.get(_public_page(person, now)))
    messages.send_queued(owner=messages.owner(), now=now)
    callbacks.process_due(now=now)
    asked = privacy.order(kind="erasure", customer_id=person.pk, by=None, source="staff", now=now)
    privacy.erase(request_id=asked.pk, by=None, now=now)

    assert [answer.status_code for answer in answers[-1:]] == [500]
    assert not [address for address in answers if _told(address)]
    text = "\n".join(logs.lines).lower()
    assert logs.lines
    assert not {word for word in planting.CANARIES if word in text}


def _fail_with_words(**_: Any) -> None:
    """As PostgreSQL says it when a handle is there already."""
    handle = f"(email, {planting.NAME} {planting.ADDRESS})"
    raise RuntimeError(f"duplicate key\nDETAIL:  Key (kind, value)={handle} already exists.")


def _public_page(person: models.Model, now: datetime) -> str:
    found = messages.links(message_id=person.messages.get().pk)  # type: ignore[attr-defined]
    return urlsplit(found.preferences_url).path
