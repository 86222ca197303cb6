"""What staff set by hand: a product is recommended never, or to everybody first."""

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from crm.models import Product
from marketing.choices import RecommendationMode
from marketing.models import RecommendationOverride


@transaction.atomic
def choose(
    *,
    product_id: int,
    mode: str,
    reason: str,
    by: AbstractBaseUser | None,
    now: datetime,
    expires_at: datetime | None = None,
) -> RecommendationOverride:
    """Set a product by hand; what was set before for it is lifted. Locks the product."""
    Product.objects.select_for_update(no_key=True).get(pk=product_id)
    lift(product_id=product_id, by=by, now=now)
    return RecommendationOverride.objects.create(
        product_id=product_id,
        mode=RecommendationMode(mode),
        reason=reason,
        set_by_id=by.pk if by else None,
        created_at=now,
        expires_at=expires_at,
    )


def lift(*, product_id: int, by: AbstractBaseUser | None, now: datetime) -> bool:
    """Let what is learnt decide about a product again."""
    held = RecommendationOverride.objects.filter(product_id=product_id, lifted_at__isnull=True)
    return bool(held.update(lifted_at=now, lifted_by_id=by.pk if by else None))
