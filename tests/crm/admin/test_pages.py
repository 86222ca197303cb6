"""Every page of crm's admin answers staff, keeps others out, and asks the database little."""

import pytest
from django.apps import apps
from django.contrib import admin as site
from django.urls import reverse

from crm.admin.parts import LedgerAdmin

REGISTERED = sorted(
    (model for model in site.site._registry if model._meta.app_label == "crm"),
    key=lambda model: model.__name__,
)
LEDGERS = [m for m in REGISTERED if isinstance(site.site._registry[m], LedgerAdmin)]
OPENED = [m for m in REGISTERED if m.__name__ not in {"ApiKey", "Suppression"}]
QUERIES = 25


def name(model) -> str:
    return model.__name__


def address(model, page, *arguments) -> str:
    return reverse(f"admin:crm_{model._meta.model_name}_{page}", args=arguments)


@pytest.fixture
def each(subtests):
    """Ask every model by itself; the shop is made once for all of them."""

    def ask(models, question):
        for model in models:
            with subtests.test(model=name(model)):
                question(model)

    return ask


def test_staff_can_read_every_list(admin, shop, each, django_assert_max_num_queries):
    def is_read(model):
        with django_assert_max_num_queries(QUERIES):
            answer = admin.get(address(model, "changelist"), follow=True)

        assert answer.status_code == 200

    each(REGISTERED, is_read)


def test_staff_can_open_every_row(admin, shop, each, django_assert_max_num_queries):
    def is_opened(model):
        row = model._default_manager.order_by("pk").first()
        assert row is not None, "the shop of the tests has none"

        with django_assert_max_num_queries(QUERIES + 17):
            answer = admin.get(address(model, "change", row.pk), follow=True)

        assert answer.status_code == 200

    each(OPENED, is_opened)


def test_a_newcomer_sees_nothing(newcomer, shop, each):
    def is_refused(model):
        assert newcomer.get(address(model, "changelist")).status_code == 403

    each(REGISTERED, is_refused)


def test_a_newcomer_opens_nothing(newcomer, shop, each):
    def is_refused(model):
        row = model._default_manager.order_by("pk").first()

        assert newcomer.get(address(model, "change", row.pk)).status_code in {302, 403}

    each(OPENED, is_refused)


@pytest.mark.parametrize("model", REGISTERED, ids=name)
def test_strangers_are_sent_to_the_sign_in(client, db, model):
    answer = client.get(address(model, "changelist"))

    assert answer.status_code == 302
    assert reverse("admin:login") in answer["Location"]


def test_a_ledger_takes_no_rows_by_hand(admin, shop, each):
    def is_kept(model):
        row = model._default_manager.order_by("pk").first()

        added = admin.get(address(model, "add"))
        deleted = admin.post(address(model, "delete", row.pk), {"post": "yes"})

        assert added.status_code == 403
        assert deleted.status_code == 403
        assert model._default_manager.filter(pk=row.pk).exists()

    each(LEDGERS, is_kept)


def test_the_ledgers_are_ledgers():
    labels = ["Event", "Message", "ConsentDecision", "Callback", "CaughtMessage", "MarketingPause"]

    assert {apps.get_model("crm", label) for label in labels} <= set(LEDGERS)


def test_a_raw_callback_is_shown_as_text(admin, shop):
    callback = apps.get_model("crm", "Callback").objects.get()

    page = admin.get(address(type(callback), "change", callback.pk)).content.decode()

    assert "&lt;script&gt;" in page
