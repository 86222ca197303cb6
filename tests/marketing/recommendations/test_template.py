"""A template shows recommendations: cards are printed once for all, and a message keeps numbers."""

import json
from datetime import datetime

import pytest

from crm import variables
from crm.messages import keeping
from crm.rendering import CompiledTemplate, LinkContext, compile_template, fragments, is_shared
from marketing.models import Bestseller

from . import shopping

pytestmark = pytest.mark.django_db

CARDS = (
    "<h1>{{ customer.first_name }}</h1>{% if recommended %}"
    "{% for product in recommended|recommend(3) %}"
    '<a href="{{ product.url }}">{{ product.name }}</a>'
    " {{ product.price|money(product.currency) }}{% endfor %}{% endif %}"
)


@pytest.fixture
def readers(now: datetime) -> list[int]:
    ids = shopping.products(["cup", "tea", "pot", "pen"], now=now)
    shopping.learnt(now=now)
    Bestseller.objects.bulk_create(
        Bestseller(product_id=pk, rank=pk, buyers=1, weight=1) for pk in ids.values()
    )
    return shopping.people([[("cup", 1)], [("pen", 1)], []], now=now)


def links() -> LinkContext:
    return LinkContext("u", "p", "v", "https://s.example/c/token/", "")


def gathered(
    template: CompiledTemplate, readers: list[int], now: datetime
) -> list[dict[str, object]]:
    found = variables.gather_many(customer_ids=readers, now=now, wanted=template.reads)
    return [found[one] for one in readers]


def test_cards_are_taken_out_and_printed_once_for_all(
    readers: list[int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[str] = []
    render = fragments._render
    monkeypatch.setattr(
        fragments, "_render", lambda *args: printed.append(args[2]["sku"]) or render(*args)
    )
    template = compile_template(channel="email", subject="For you", html=CARDS, text="x")

    mails = [
        template.encode(variables=one, links=links()).html.whole().decode()
        for one in gathered(template, readers, now)
    ]

    assert printed == ["tea", "pot", "pen", "cup"]
    assert "tea of ours</a> €11.00" in mails[0]
    assert [mail.count("<a ") for mail in mails] == [3, 3, 3]
    assert "cup" not in mails[0]
    assert "pen" not in mails[1]


def test_a_message_keeps_numbers_and_shows_the_same_again(
    readers: list[int], now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A process remembers the numbers that it gave, which another test's rows took with them.
    monkeypatch.setattr(keeping, "_known", {})
    template = compile_template(channel="email", subject="For you", html=CARDS, text="x")
    known = gathered(template, readers, now)

    read = keeping.keep_many(many=dict(enumerate(known)), paths=template.reads)

    kept = [keeping.freeze(value=one) for one in read.values()]

    assert all(len(one) < 200 for one in kept)
    assert list(json.loads(kept[0])["recommended"]) == ["$shared"]
    for before, after in zip(known, kept, strict=True):
        again = keeping.thaw(value=json.loads(after))
        assert template.encode(variables=again, links=links()) == template.encode(
            variables=before, links=links()
        )


def test_it_is_asked_of_the_database_only_by_a_template_that_reads_it(
    readers: list[int], now: datetime
) -> None:
    silent = compile_template(channel="sms", text="{{ customer.first_name }}")
    reading = compile_template(channel="sms", text="{{ recommended[0].name }}")

    assert all("recommended" not in one for one in gathered(silent, readers, now))
    shown = gathered(reading, readers, now)[0]["recommended"]
    assert isinstance(shown, list)
    assert all(is_shared(one) for one in shown)


def test_who_cannot_be_recommended_anything_has_an_empty_list(now: datetime) -> None:
    readers = shopping.people([[]], now=now)
    template = compile_template(
        channel="sms", text="{% if recommended %}For you{% else %}Hello{% endif %}"
    )

    (known,) = gathered(template, readers, now)

    assert known["recommended"] == []
    assert template.render(variables=known, links=links()).text == "Hello"
