"""The data-quality page: counts, one press to mend, one to take back."""

import pytest
from django.urls import reverse

from crm import quality
from crm.models import Customer, QualityFinding, QualityRepair

PAGE = "admin:crm_quality"


@pytest.fixture
def shouted(ada, now):
    Customer.objects.filter(pk=ada.pk).update(last_name="LOVELACE")
    quality.look(now=now)
    return QualityFinding.objects.get(check_name="bad_name")


def test_the_page_counts_and_lists(admin, shouted):
    text = admin.get(reverse(PAGE), {"check": "bad_name"}).content.decode()

    assert "LOVELACE" in text
    assert "Write the name properly" in text


def test_one_press_mends_and_one_takes_back(admin, staff, shouted):
    posted = {"check": "bad_name", "finding": [shouted.pk]}
    answer = admin.post(reverse("admin:crm_quality_mend"), posted, follow=True)

    assert "1 is mended" in answer.content.decode()
    kept = QualityRepair.objects.get()
    assert kept.done_by == staff
    admin.post(reverse("admin:crm_quality_undo", args=[kept.pk]))
    assert Customer.objects.filter(last_name="LOVELACE").exists()


def test_a_finding_is_left_as_it_is(admin, shouted):
    posted = {"check": "bad_name", "finding": [shouted.pk], "accept": "yes"}
    admin.post(reverse("admin:crm_quality_mend"), posted)

    shouted.refresh_from_db()
    assert shouted.is_accepted


def test_an_unknown_check_is_not_found(admin, ada):
    assert admin.get(reverse(PAGE), {"check": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["crm_quality_look", "crm_quality_mend"])
def test_who_may_not_see_customers_sees_and_mends_nothing(newcomer, shouted, name):
    assert newcomer.get(reverse(PAGE)).status_code == 403
    assert newcomer.post(reverse(f"admin:{name}")).status_code == 403
