"""The centre of a cluster beside the centres of all, in words and bars."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from marketing.models import Cluster

NAMES: dict[str, Any] = {
    "tenure_days": _("days since the first order"),
    "recency_days": _("days since the last order"),
    "orders": _("orders"),
    "orders_90_days": _("orders in 90 days"),
    "orders_365_days": _("orders in a year"),
    "revenue": _("revenue"),
    "revenue_365_days": _("revenue in a year"),
    "average_order": _("average order"),
    "gap_days": _("usual days between orders"),
    "categories": _("categories bought"),
    "views_30_days": _("product views in 30 days"),
    "views_90_days": _("product views in 90 days"),
    "engagements_90_days": _("clicks and replies in 90 days"),
}


@dataclass(frozen=True)
class CentreRow:
    """One feature: this cluster's usual value, that of all, and both as bars in percent."""

    name: Any
    value: float
    everybody: float
    percent: float
    everybody_percent: float


def centre_rows(cluster: Cluster) -> list[CentreRow]:
    """Compare the centre of a cluster with the mean of all clusters of its run."""
    clusters = list(Cluster.objects.filter(run=cluster.run_id))
    return [
        _row(feature, float(value), clusters)
        for feature, value in cluster.centre.items()
        if isinstance(value, int | float)
    ]


def _row(feature: str, value: float, clusters: list[Cluster]) -> CentreRow:
    people = sum(other.size for other in clusters) or 1
    values = [(float(other.centre.get(feature) or 0), other.size) for other in clusters]
    everybody = sum(number * size for number, size in values) / people
    most = max([value, everybody, *(number for number, _size in values)]) or 1
    return CentreRow(
        NAMES.get(feature, feature),
        value,
        everybody,
        max(0.0, 100 * value / most),
        max(0.0, 100 * everybody / most),
    )
