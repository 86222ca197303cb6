"""How much is noted at most of who opens and follows what a campaign sent."""

from collections.abc import Sequence

from campaigns.models import Delivery


def of_deliveries(delivery_ids: Sequence[int]) -> dict[int, str]:
    """What the campaign of each delivery chose; whose campaign chose nothing is not in it."""
    chosen = Delivery.objects.filter(pk__in=delivery_ids).exclude(campaign__tracking="")
    return dict(chosen.order_by().values_list("pk", "campaign__tracking"))
