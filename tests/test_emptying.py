"""A test that committed leaves nothing to the next one."""

from datetime import datetime

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from crm.models import Customer, Identity
from tests import emptying, making

pytestmark = pytest.mark.django_db(transaction=True)


def rows() -> dict[str, int]:
    """How many rows every table has, those aside that are the same for all."""
    with connection.cursor() as cursor:
        counts = {}
        for table in emptying._tables(str(connection.settings_dict["NAME"])):
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return {table: count for table, count in counts.items() if count}


@pytest.mark.parametrize("people", [3, 3_000])
def test_everything_is_empty_and_rights_are_still_there(now: datetime, people: int) -> None:
    rights, kinds = Permission.objects.count(), ContentType.objects.count()
    user = User.objects.create(username="vera")
    user.user_permissions.add(Permission.objects.first())
    Customer.objects.bulk_create(Customer(city="x" * 100, created_at=now) for _ in range(people))
    making.customer(now=now, email="ada@shop.example")
    assert Identity.objects.exists()

    emptying.empty()

    assert rows() == {}
    assert (Permission.objects.count(), ContentType.objects.count()) == (rights, kinds)
    assert rights > 300
