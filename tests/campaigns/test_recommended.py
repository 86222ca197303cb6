"""A campaign recommends something else to each of its people, and shows again what each got."""

import re
from datetime import datetime

import pytest

from crm import messages
from crm.messages import keeping
from crm.models import Message
from marketing.models import Bestseller, RecommendationOverride, TrainingRun
from marketing.recommendations import shelves
from tests.campaigns import staging
from tests.marketing.recommendations import shopping

pytestmark = pytest.mark.django_db

HTML = """<p>Hello {{ customer.first_name|default_name }},</p>
{% for product in recommended|recommend(2) %}
<a href="{{ product.url }}">{{ product.name }}</a> {{ product.price|money(product.currency) }}
{% endfor %}
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p>"""


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another test kept was rolled back with it."""
    monkeypatch.setattr(keeping, "_known", {})
    shelves.forget()


def test_each_gets_recommendations_of_their_own_and_they_are_shown_again(now: datetime) -> None:
    ids = shopping.products(["cup", "tea", "pot"], now=now)
    shopping.learnt(now=now)
    Bestseller.objects.bulk_create(
        Bestseller(product_id=pk, rank=pk, buyers=1, weight=1) for pk in ids.values()
    )
    ada, ben = staging.crowd(count=2, now=now)
    shopping.buy(ada.pk, ("cup", 3), now=now)
    campaign = staging.running(customers=[ada, ben], now=now, html=HTML)

    staging.send(campaign=campaign, now=now)

    RecommendationOverride.objects.create(
        product_id=ids["tea"], mode="never", reason="Sold out", created_at=now
    )
    TrainingRun.objects.all().delete()
    shown = {row.customer_id: messages.show(message=row) for row in Message.objects.all()}
    named = {one: re.findall(r"(\w+) of ours", said.html) for one, said in shown.items()}
    assert named == {ada.pk: ["tea", "pot"], ben.pk: ["cup", "tea"]}
    assert all(said.is_exact for said in shown.values())
    assert len(staging.provider().sent) == 2
