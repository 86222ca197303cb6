"""Before they merge, staff see both side by side and what would come of it."""

from datetime import datetime

import pytest

from crm import customers, duplicates
from crm.customers import Person
from tests import making
from tests.crm.customers import furnished

pytestmark = pytest.mark.django_db


def test_both_are_shown_with_what_the_merge_would_make(now: datetime) -> None:
    kept, merged = (furnished.customer(now=now, number=number) for number in (0, 1))

    seen = duplicates.compare(left_id=kept.pk, right_id=merged.pk)

    by_label = {str(line.label): line for line in (*seen.fields, *seen.consents)}
    assert (by_label["City"].left, by_label["City"].result) == ("", "Leeds")
    assert (by_label["shoe"].left, by_label["shoe"].result) == (38, 38)
    assert str(by_label["E-mail · Newsletter"].result) == "Withdrawn"
    assert dict((str(title), count) for title, count in seen.moves)["orders"] == 1
    assert seen.refusal == ""


def test_what_was_shown_is_what_the_merge_makes(now: datetime) -> None:
    kept, merged = (furnished.customer(now=now, number=number) for number in (0, 1))
    seen = duplicates.compare(left_id=kept.pk, right_id=merged.pk)

    customers.merge(
        kept_id=kept.pk, merged_id=merged.pk, cause="staff", reason="", by=None, now=now
    )

    kept.refresh_from_db()
    names = {"City": "city", "E-mail": "email"}
    shown = {names[str(line.label)]: line.result for line in seen.fields if line.label in names}
    assert shown == {"city": kept.city, "email": kept.email}


def test_a_refusal_is_told_beforehand(now: datetime) -> None:
    one, other = making.customer(now=now), making.customer(now=now)
    one.identities.update(verified_at=now)
    other.identities.update(verified_at=now)

    seen = duplicates.compare(left_id=one.pk, right_id=other.pk)

    assert "two people" in seen.refusal


def test_the_known_one_is_kept_and_then_the_older(now: datetime) -> None:
    visitor = customers.identify(person=Person(anonymous_id="browser"), now=now)
    first, second = making.customer(now=now).pk, making.customer(now=now).pk

    assert duplicates.suggest_kept(left_id=visitor, right_id=second) == second
    assert duplicates.suggest_kept(left_id=second, right_id=first) == first
