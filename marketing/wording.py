"""Readable words for what estimators find: traits of clusters, and reasons of scores."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy, pgettext, pgettext_lazy

# What can stand out in the centre of a cluster. A noun ends the name; the others go before it.
TRAITS: Mapping[str, Any] = {
    "recent": pgettext_lazy("cluster trait", "Recent"),
    "lapsed": pgettext_lazy("cluster trait", "Lapsed"),
    "new": pgettext_lazy("cluster trait", "New"),
    "long_standing": pgettext_lazy("cluster trait", "Long-standing"),
    "loyal": pgettext_lazy("cluster trait", "Loyal"),
    "one_time": pgettext_lazy("cluster trait", "One-time"),
    "browsing": pgettext_lazy("cluster trait", "Browsing"),
    "quiet": pgettext_lazy("cluster trait", "Quiet"),
    "varied": pgettext_lazy("cluster trait", "Varied"),
    "focused": pgettext_lazy("cluster trait", "Focused"),
    "big_spender": pgettext_lazy("cluster trait", "big spenders"),
    "small_spender": pgettext_lazy("cluster trait", "small spenders"),
    "buyer": pgettext_lazy("cluster trait", "buyers"),
}
NOUNS = ("big_spender", "small_spender", "buyer")

# What a score looks at, as it is said to staff; %(value)s is the customer's own number.
FEATURES: Mapping[str, Any] = {
    "tenure_days": ngettext_lazy(
        "first ordered %(value)s day ago", "first ordered %(value)s days ago", "n"
    ),
    "recency_days": ngettext_lazy(
        "last ordered %(value)s day ago", "last ordered %(value)s days ago", "n"
    ),
    "orders": ngettext_lazy("%(value)s order in all", "%(value)s orders in all", "n"),
    "orders_90_days": ngettext_lazy(
        "%(value)s order in the last 90 days", "%(value)s orders in the last 90 days", "n"
    ),
    "orders_365_days": ngettext_lazy(
        "%(value)s order in the last year", "%(value)s orders in the last year", "n"
    ),
    "revenue": gettext_lazy("bought for %(value)s in all"),
    "revenue_365_days": gettext_lazy("bought for %(value)s in the last year"),
    "average_order": gettext_lazy("an average order of %(value)s"),
    "gap_days": ngettext_lazy(
        "usually %(value)s day between orders", "usually %(value)s days between orders", "n"
    ),
    "categories": ngettext_lazy(
        "bought from %(value)s category", "bought from %(value)s categories", "n"
    ),
    "views_30_days": ngettext_lazy(
        "%(value)s product view in the last 30 days",
        "%(value)s product views in the last 30 days",
        "n",
    ),
    "views_90_days": ngettext_lazy(
        "%(value)s product view in the last 90 days",
        "%(value)s product views in the last 90 days",
        "n",
    ),
    "engagements_90_days": ngettext_lazy(
        "%(value)s click or reply in the last 90 days",
        "%(value)s clicks and replies in the last 90 days",
        "n",
    ),
}

# What a training run demands before it learns.
DEMANDS: Mapping[str, Any] = {
    "customers": gettext_lazy("Customers who ordered"),
    "training_customers": gettext_lazy("Customers to learn from"),
    "training_buyers": gettext_lazy("… of whom bought again"),
    "training_others": gettext_lazy("… of whom did not"),
    "test_customers": gettext_lazy("Customers to test on"),
    "test_buyers": gettext_lazy("… of whom bought again"),
    "test_others": gettext_lazy("… of whom did not"),
    "several_products": gettext_lazy("Customers who bought two products or more"),
    "products_bought": gettext_lazy("Products that were bought"),
    "tested_buyers": gettext_lazy("Customers who bought something new since, to test on"),
}


def cluster_name(traits: Sequence[str]) -> str:
    """Name a cluster from the codes of what stands out in its centre."""
    nouns = [trait for trait in traits if trait in NOUNS] or ["buyer"]
    order = [trait for trait in TRAITS if trait in traits and trait not in NOUNS]
    adjectives = [str(TRAITS[trait]) for trait in order]
    if not adjectives:
        return _capitalised(str(TRAITS[nouns[0]]))
    words = [adjectives[0], *(_lowered(word) for word in adjectives[1:])]
    return _("%(adjectives)s %(noun)s") % {
        "adjectives": pgettext("between the traits of a cluster", " ").join(words),
        "noun": TRAITS[nouns[0]],
    }


def reason_sentence(feature: str, value: float | None, effect: float) -> str:
    """Say one reason of a score: the customer's number, and which way it moves the score."""
    if value is None:
        fact = _("has ordered too seldom to know the usual days between orders")
    elif feature in FEATURES:
        fact = FEATURES[feature] % {"value": f"{value:,.0f}", "n": round(value)}
    else:
        fact = f"{feature} {value:,.0f}"
    pattern = _("Raises it: %(fact)s") if effect > 0 else _("Lowers it: %(fact)s")
    return pattern % {"fact": fact}


def _capitalised(word: str) -> str:
    return word[:1].upper() + word[1:]


def _lowered(word: str) -> str:
    return word[:1].lower() + word[1:]
