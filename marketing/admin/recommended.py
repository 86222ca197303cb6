"""What is recommended, where staff meet it: on the page of a customer and of a product."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from crm.admin.parts import Panel
from crm.models import Customer, Product
from marketing import recommendations
from marketing.choices import Because, RecommendationMode
from marketing.models import ProductNeighbour, RecommendationOverride

SHOWN = 8


@dataclass(frozen=True)
class Row:
    """A product and the reason in words."""

    product: Product
    because: str


def of_customer(customer: Customer, request: HttpRequest) -> Panel:
    """What this person would be recommended now, each with its reason."""
    is_visible = request.user.has_perms(["crm.view_product", "crm.view_order"])
    context = {"is_visible": is_visible, "rows": _rows(customer) if is_visible else []}
    return Panel(_("Recommended"), "admin/marketing/customer_recommended.html", context)


def of_product(product: Product, request: HttpRequest) -> Panel:
    """What the same people bought, and what staff set by hand."""
    in_force: Any = RecommendationOverride.objects.filter(product=product)
    neighbours = ProductNeighbour.objects.filter(product=product).select_related("other")
    context = {
        "product": product,
        "neighbours": neighbours.order_by("rank")[:SHOWN],
        "override": in_force.in_force(now=timezone.now()).select_related("set_by").first(),
        "modes": RecommendationMode,
        "may_change": request.user.has_perm("marketing.add_recommendationoverride"),
    }
    return Panel(_("Goes with"), "admin/marketing/product_neighbours.html", context)


def _rows(customer: Customer) -> list[Row]:
    found = recommendations.recommend_many(
        customer_ids=[customer.pk], now=timezone.now(), count=SHOWN
    )[customer.pk]
    wanted = {one.product_id for one in found} | {one.led_by_id for one in found}
    products = Product.objects.in_bulk([pk for pk in wanted if pk is not None])
    return [Row(products[one.product_id], _sentence(one, products)) for one in found]


def _sentence(found: recommendations.Recommendation, products: dict[int, Product]) -> str:
    if found.led_by_id is None:
        return str(Because(found.because).label)
    patterns = {
        Because.BOUGHT: _("because “%(product)s” was bought"),
        Because.VIEWED: _("because “%(product)s” was looked at"),
    }
    return patterns[found.because] % {"product": products[found.led_by_id].name}
