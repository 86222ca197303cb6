"""Links lead to what staff wrote, and nowhere else."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from crm import templates, tracking
from crm.models import Customer, KeptVariables, Message, Template
from tests.crm.messages.letters import send, templated
from tests.crm.seeing import BROWSER

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("provider")]


def sent(customer: Customer, html: str, now: datetime) -> Message:
    """A letter of this content that a customer got."""
    template = Template.objects.create(name=html[:100], channel="email", created_at=now)
    version = templates.publish(template=template, subject="", html=html, text="", by=None, now=now)
    send(templated(customer, version, now), now=now)
    return Message.objects.latest("pk")


def test_a_link_leads_to_the_address_rendered_for_this_person(
    ada: Customer, letter: Message
) -> None:
    found = tracking.leads_to(message_id=letter.pk, position=1)

    assert found == f"https://shop.example/{ada.pk}"


@pytest.mark.parametrize("position", [0, 2, 1001, 99_999, 2**40])
def test_a_link_that_is_not_there_leads_nowhere(letter: Message, position: int) -> None:
    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=position)


def test_a_plain_link_is_asked_of_the_database_once(
    ada: Customer, now: datetime, django_assert_num_queries: object
) -> None:
    letter = sent(ada, '<a href="https://shop.example/sale?a=1&amp;b=2">x</a>', now)
    tracking.leads_to(message_id=letter.pk, position=1)

    with django_assert_num_queries(0):  # type: ignore[operator]
        found = tracking.leads_to(message_id=letter.pk, position=1)

    assert found == "https://shop.example/sale?a=1&b=2"
    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=1001)


def test_a_link_that_rendered_to_something_else_leads_nowhere(ada: Customer, now: datetime) -> None:
    letter = sent(ada, '<a href="{{ customer.first_name }}">x</a>', now)

    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=1)


@pytest.mark.parametrize(
    "name",
    [
        "@evil.example",
        ".evil.example/",
        ":80@evil.example/",
        "\\@evil.example",
        "\t@evil.example",
        "%2eevil.example",
    ],
)
def test_what_is_filled_in_leads_to_no_other_host(ada: Customer, now: datetime, name: str) -> None:
    ada.first_name = name
    letter = sent(ada, '<a href="https://shop.example{{ customer.first_name }}">x</a>', now)

    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=1)


def test_a_part_of_a_host_may_be_filled_in_where_staff_left_it_open(
    ada: Customer, now: datetime
) -> None:
    ada.first_name = "uk"
    letter = sent(ada, '<a href="https://{{ customer.first_name }}.shop.example/">x</a>', now)

    assert tracking.leads_to(message_id=letter.pk, position=1) == "https://uk.shop.example/"


@pytest.mark.parametrize("host", ["{{ n }}.shop.example", "a.{{ n }}.b-{{ n }}.shop.example:8080"])
@pytest.mark.parametrize(
    "name",
    [
        "evil.example/",
        "evil.example?",
        "evil.example#",
        "u@evil.example/",
        "evil.example\\@",
        "evil\t/",
    ],
)
def test_what_is_filled_in_before_a_host_leads_to_no_other(
    ada: Customer, now: datetime, host: str, name: str
) -> None:
    ada.first_name = name
    html = f'<a href="https://{host}/x">x</a>'.replace("{{ n }}", "{{ customer.first_name }}")
    letter = sent(ada, html, now)

    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=1)


def test_no_known_attack_turns_the_redirect(
    ada: Customer, now: datetime, door: object, shared_corpora: Path, settings: object
) -> None:
    settings.PUBLIC_URL = "http://testserver"  # type: ignore[attr-defined]
    from crm import messages

    folder = shared_corpora / "attack_payloads"
    attacks = [
        str(one)
        for name in ("open_redirect", "crlf", "ssrf_urls")
        for one in json.loads((folder / f"{name}.json").read_text())
    ]
    assert len(attacks) > 100
    letter = sent(ada, '<a href="https://shop.example/{{ customer.first_name }}">x</a>', now)
    token = messages.links(message_id=letter.pk).click_url.rstrip("/").rpartition("/")[2]

    turned = []
    for attack in attacks:
        KeptVariables.objects.filter(message=letter).update(
            variables={"customer": {"first_name": attack.replace("\0", "")}}
        )
        for path, headers in (
            (f"/c/{token}/1", {"host": attack, "x_forwarded_host": attack, "referer": attack}),
            (f"/c/{attack}/1", {}),
            (f"/c/{token}/{attack}", {}),
            (f"/c/{token}/1/{attack}", {}),
            (f"/o/{attack}", {}),
        ):
            answer = door(path, user_agent=BROWSER, **headers)  # type: ignore[operator]
            location = answer.headers.get("Location", "")
            if location and not location.startswith("https://shop.example/"):
                turned.append((attack, path, location))
            if any("\r" in value or "\n" in value for value in answer.headers.values()):
                turned.append((attack, path, "a header was broken"))
    assert not turned


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("unsubscribe_url", "/u/"),
        ("preferences_url", "/p/"),
        ("view_url", "/v/"),
        ("'https://shop.example/tea'", "https://shop.example/tea"),
        ("'mailto:shop@shop.example'", "mailto:shop@shop.example"),
        ("'tel:+441134960000'", "tel:+441134960000"),
    ],
)
def test_a_macro_makes_buttons_of_every_kind_of_link(
    ada: Customer, now: datetime, given: str, begins: str, settings
) -> None:
    button = '{% macro button(url) %}<a href="{{ url }}">x</a>{% endmacro %}'
    letter = sent(ada, button + "{{ button(" + given + ") }}", now)

    found = tracking.leads_to(message_id=letter.pk, position=1)

    assert found.removeprefix(settings.PUBLIC_URL).startswith(begins)


def test_a_link_carries_the_way_out_of_its_own_message(ada: Customer, now: datetime) -> None:
    html = '<a href="https://shop.example/bye?to={{ unsubscribe_url|urlencode }}">x</a>'
    letter = sent(ada, html, now)

    found = tracking.leads_to(message_id=letter.pk, position=1)

    assert found.startswith("https://shop.example/bye?to=http")
    assert "/u/" in found


@pytest.mark.parametrize("name", ["javascript:alert(1)", "data:text/html,x", "mailto:", "tel:1 2"])
def test_what_is_filled_in_leads_to_the_web_or_a_person_alone(
    ada: Customer, now: datetime, name: str
) -> None:
    ada.first_name = name
    letter = sent(ada, '<a href="{{ customer.first_name }}">x</a>', now)

    with pytest.raises(tracking.NotFound):
        tracking.leads_to(message_id=letter.pk, position=1)
