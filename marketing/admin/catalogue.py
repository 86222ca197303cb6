"""What the rule builder offers: conditions with their operators and choices from real data."""

from typing import Any

from django.core.cache import cache
from django.db import connection
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from crm.choices import Channel, ConsentState, IdentityKind
from crm.models import Customer, Event, Product
from marketing.choices import RunState, ScoreKind
from marketing.models import Cluster, Segment

from . import rule_words as words

Entry = dict[str, Any]
Choices = list[list[str]]

KEPT_SECONDS = 300
MOST_CHOICES = 300


def build() -> dict[str, Any]:
    """Everything the builder's script needs, in the reader's language."""
    return {
        "operators": words.operators(),
        "entries": [*_person(), *_allowed(), *_did(), *_orders(), *_understood()],
        "words": _words(),
    }


def _person() -> list[Entry]:
    group = _("Person")
    choices = {"country": _known(Customer, "country"), "language": _known(Customer, "language")}
    texts = [
        _entry(group, label, fixed={"field": name}, family="text", choices=choices.get(name))
        for name, label in sorted(words.text_fields(), key=lambda field: field[0] not in choices)
    ]
    moments = [
        _entry(group, label, fixed={"field": name}, family="moment")
        for name, label in words.moment_fields()
    ]
    identities = [
        _entry(group, kind.label, fixed={"identity": kind.value}, family="presence")
        for kind in IdentityKind
    ]
    subject = {"key": "attribute", "options": _attribute_names(), "hint": _("attribute")}
    attribute = _entry(group, _("attribute …"), subject=subject, family="json")
    share = [
        _number("share", after="%", start=10),
        _number("from", before=_("starting at"), after="%", is_optional=True),
    ]
    return [
        *texts,
        *moments,
        *identities,
        attribute,
        _entry(group, _("random share"), name="share", controls=share),
    ]


def _allowed() -> list[Entry]:
    group = _("Consent")
    states = [[state.value, state.label] for state in ConsentState]
    channels = [[channel.value, channel.label] for channel in Channel]
    decided = [
        _choice("consent", [*states, ["never", _("never decided")]]),
        _choice("channel", channels),
    ]
    return [
        _entry(group, _("consent to marketing"), name="consent", controls=decided),
        _entry(group, _("can be reached by"), name="reach", controls=[_choice("reach", channels)]),
    ]


def _did() -> list[Entry]:
    subject = {"key": "event", "options": _names(_known(Event, "name")), "hint": _("event")}
    controls = [
        _number("at_least", before=_("at least"), after=_("times"), is_optional=True),
        _number("at_most", before=_("at most"), after=_("times"), is_optional=True),
        _window(),
    ]
    return [_entry(_("Behaviour"), _("did …"), subject=subject, controls=controls, filters="where")]


def _orders() -> list[Entry]:
    group = _("Orders")
    figures = [
        _entry(
            group,
            label,
            fixed={"orders": name},
            family="number",
            controls=[_window()] if is_windowed else [],
        )
        for name, label, is_windowed in words.order_figures()
    ]
    bought = [
        _entry(
            group,
            _("bought %(by)s") % {"by": label},
            fixed={"bought": name},
            controls=[
                {"key": "value", "type": "many", "options": _bought_choices(name)},
                _number("at_least", before=_("in at least"), after=_("orders"), is_optional=True),
                _window(),
            ],
        )
        for name, label in words.bought_by()
    ]
    return [*figures, *bought]


def _understood() -> list[Entry]:
    group = _("Understanding")
    scores = [
        _entry(group, kind.label, fixed={"score": kind.value}, family="number")
        for kind in ScoreKind
    ]
    clusters = Cluster.objects.filter(run__state=RunState.USED).order_by("number")
    found = [[cluster.traits, cluster.name] for cluster in clusters]
    segments = list(Segment.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES])
    ways = [["in", _("is in")], ["not_in", _("is not in")]]
    return [
        *scores,
        _entry(group, _("is in the cluster"), name="cluster", controls=[_choice("cluster", found)]),
        _entry(
            group,
            _("segment"),
            name="segment",
            controls=[_choice("op", ways), _choice("segment", [list(row) for row in segments])],
        ),
    ]


def _entry(group: str, label: Any, **more: Any) -> Entry:
    return {"group": group, "label": str(label), **{k: v for k, v in more.items() if v}}


def _choice(key: str, options: list[list[Any]]) -> Entry:
    return {"key": key, "type": "choice", "options": [[v, str(label)] for v, label in options]}


def _number(key: str, **more: Any) -> Entry:
    return {"key": key, "type": "number", **more}


def _window() -> Entry:
    return _number(
        "within_days",
        before=_("in the last"),
        after=pgettext("after in the last", "days"),
        is_optional=True,
    )


def _bought_choices(name: str) -> Choices:
    if name == "product":
        rows = Product.objects.order_by("name").values_list("sku", "name")[:MOST_CHOICES]
        return [list(row) for row in rows]
    return _known(Product, name)


def _names(choices: Choices) -> list[str]:
    return [value for value, _label in choices]


def _known(model: Any, column: str) -> Choices:
    """The values that a column holds, kept for a few minutes."""
    key = f"catalogue:{model._meta.db_table}:{column}"
    values = cache.get_or_set(key, lambda: _skip_scan(model, column), KEPT_SECONDS)
    return [[value, value] for value in values or []]


def _skip_scan(model: Any, column: str) -> list[str]:
    """Jump from each value to the next along the index, so that the table's size hardly matters."""
    table = connection.ops.quote_name(model._meta.db_table)
    name = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE found(value) AS ("  # noqa: S608 (names of our own models)
            f"(SELECT {name} FROM {table} ORDER BY {name} LIMIT 1) UNION ALL "
            f"SELECT (SELECT {name} FROM {table} WHERE {name} > value ORDER BY {name} LIMIT 1) "
            f"FROM found WHERE value IS NOT NULL) "
            f"SELECT value FROM found WHERE value <> '' LIMIT {MOST_CHOICES}"
        )
        return [row[0] for row in cursor.fetchall()]


def _attribute_names() -> list[str]:
    """Names of free facts, as the newest customers have them."""

    def look() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT jsonb_object_keys(attributes) FROM"
                " (SELECT attributes FROM crm_customer ORDER BY id DESC LIMIT 2000) AS newest"
                " ORDER BY 1 LIMIT 100"
            )
            return [row[0] for row in cursor.fetchall()]

    return cache.get_or_set("catalogue:attributes", look, KEPT_SECONDS) or []


def _words() -> dict[str, str]:
    return {
        "language": get_language() or "en",
        "all": _("All of these hold"),
        "any": _("Any of these holds"),
        "not": _("None of these holds"),
        "add_condition": _("Add a condition"),
        "add_group": _("Add a group"),
        "remove": _("Remove"),
        "days": _("days"),
        "advanced": _("as JSON"),
        "any_time": _("any time"),
        "where": _("where"),
        "add_filter": _("Add a property"),
        "property": _("property"),
        "type_more": _("type and press Enter"),
        "everybody": _("No condition yet: these are all customers."),
        "not_json": _("This is not JSON yet: look for a missing comma or bracket."),
        "choose": _("choose …"),
    }
