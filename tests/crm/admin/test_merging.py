"""Staff merge two records of one person, say that two are two, and take a merge back."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from crm import customers
from crm.models import Customer, DuplicateCandidate, Merge
from tests import making
from tests.crm.customers import furnished


@pytest.fixture
def pair(db: None, now: datetime) -> tuple[Customer, Customer]:
    one, other = (furnished.customer(now=now, number=number) for number in (0, 1))
    DuplicateCandidate.objects.all().delete()
    return one, other


@pytest.fixture
def candidate(pair: tuple[Customer, Customer], now: datetime) -> DuplicateCandidate:
    return DuplicateCandidate.objects.create(
        left=pair[0], right=pair[1], reason="same_phone", score=0.9, found_at=now
    )


def _merge_page(kept: Customer, merged: Customer) -> str:
    return reverse("admin:crm_customer_merge", args=[kept.pk, merged.pk])


def test_the_list_leads_to_both_side_by_side(admin: Client, candidate: DuplicateCandidate) -> None:
    listed = admin.get(reverse("admin:crm_duplicatecandidate_changelist"), follow=True)
    opened = admin.get(reverse("admin:crm_duplicatecandidate_change", args=[candidate.pk]))

    assert "90%" in listed.content.decode()
    assert opened["Location"] == _merge_page(candidate.left, candidate.right)


def test_the_preview_shows_result_consent_and_what_moves(
    admin: Client, pair: tuple[Customer, Customer]
) -> None:
    text = admin.get(_merge_page(*pair)).content.decode()

    for words in ("Leeds", "Withdrawn", "What moves", "Orders", "shoe"):
        assert words in text


def test_staff_merge_and_take_it_back(
    admin: Client, staff: User, pair: tuple[Customer, Customer]
) -> None:
    kept, merged = pair

    admin.post(_merge_page(kept, merged), {"reason": "Same person"})
    row = Merge.objects.get(kept_id=kept.pk, merged_id=merged.pk)
    page = admin.get(reverse("admin:crm_merge_change", args=[row.pk])).content.decode()
    admin.post(reverse("admin:crm_merge_undo", args=[row.pk]))

    assert (row.merged_by, row.reason, row.cause) == (staff, "Same person", "staff")
    assert "Unmerge" in page
    row.refresh_from_db()
    assert row.undone_by == staff
    assert Customer.objects.filter(pk=merged.pk).exists()


def test_a_refused_merge_says_why_and_changes_nothing(
    admin: Client, pair: tuple[Customer, Customer], now: datetime
) -> None:
    for customer in pair:
        customer.identities.filter(kind="external").update(verified_at=now)

    page = admin.get(_merge_page(*pair)).content.decode()
    answer = admin.post(_merge_page(*pair), follow=True)

    assert "two people" in page
    assert "data-once" not in page.split("Decide")[1].split("What moves")[0]
    assert "two people" in answer.content.decode()
    assert Customer.objects.filter(pk=pair[1].pk).exists()


def test_an_earlier_merge_cannot_be_undone_first(admin: Client, db: None, now: datetime) -> None:
    first, second, third = (making.customer(now=now) for _ in range(3))
    told = {"cause": "staff", "reason": "", "by": None, "now": now}
    early = customers.merge(kept_id=second.pk, merged_id=first.pk, **told)
    customers.merge(kept_id=third.pk, merged_id=second.pk, **told)

    page = admin.get(reverse("admin:crm_merge_change", args=[early.pk])).content.decode()
    answer = admin.post(reverse("admin:crm_merge_undo", args=[early.pk]), follow=True)

    assert "undo it first" in page
    assert "undo it first" in answer.content.decode()


def test_two_people_stay_two(admin: Client, staff: User, candidate: DuplicateCandidate) -> None:
    admin.post(reverse("admin:crm_duplicatecandidate_dismiss", args=[candidate.pk]))

    candidate.refresh_from_db()
    assert (candidate.state, candidate.decided_by) == ("dismissed", staff)


def test_a_customer_who_is_gone_cannot_be_compared(
    admin: Client, pair: tuple[Customer, Customer], now: datetime
) -> None:
    kept, merged = pair
    customers.forget_many(customer_ids=[merged.pk], now=now)

    assert admin.get(_merge_page(kept, merged)).status_code == 404


def test_the_lists_cost_few_statements(
    admin: Client, pair: tuple[Customer, Customer], now: datetime, django_assert_max_num_queries
) -> None:
    others = [making.customer(now=now) for _ in range(12)]
    DuplicateCandidate.objects.bulk_create(
        DuplicateCandidate(left=pair[0], right=one, reason="same_phone", score=1, found_at=now)
        for one in others
    )

    with django_assert_max_num_queries(12):
        admin.get(reverse("admin:crm_duplicatecandidate_changelist"), {"state__exact": "open"})
    with django_assert_max_num_queries(12):
        admin.get(reverse("admin:crm_merge_changelist"))
    with django_assert_max_num_queries(25):
        admin.get(_merge_page(*pair))


def test_who_may_not_merge_sees_nothing_of_it(
    newcomer: Client, candidate: DuplicateCandidate
) -> None:
    merge_page = _merge_page(candidate.left, candidate.right)
    dismissing = reverse("admin:crm_duplicatecandidate_dismiss", args=[candidate.pk])

    for address in (merge_page, reverse("admin:crm_merge_changelist")):
        assert newcomer.get(address).status_code == 403
    for address in (merge_page, dismissing):
        assert newcomer.post(address).status_code == 403


def test_the_right_to_merge_is_enough(candidate: DuplicateCandidate) -> None:
    user = User.objects.create_user("noah", password="x" * 20, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="merge_customer"))
    client = Client()
    client.force_login(user)

    assert client.get(_merge_page(candidate.left, candidate.right)).status_code == 200
    lists = (
        reverse("admin:crm_duplicatecandidate_changelist"),
        reverse("admin:crm_merge_changelist"),
    )
    assert [client.get(address, follow=True).status_code for address in lists] == [200, 200]
