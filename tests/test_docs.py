"""What the code offers is documented, and what the documentation says is there."""

import json
import re
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import Resolver404, resolve

from benchmarks import ingest, plan, recommend, segments, send
from campaigns import choices as campaign_choices
from campaigns import conditions as campaign_conditions
from crm import choices, orders, rendering, variables
from crm.channels.registry import PROVIDERS
from crm.extensions import template_variables
from crm.models import Customer
from crm.rendering import LinkContext, compile_template, names
from marketing import choices as marketing_choices
from marketing import features, rules, wording
from marketing.estimators.registry import estimators
from marketing.recommendations import learning, pasts, ranking, showing
from marketing.rules import counting, operators, windows
from marketing.rules.conditions import (
    belonging,
    commerce,
    correspondence,
    patterns,
    permission,
    person,
)
from marketing.rules.registry import conditions
from marketing.rules.tree import GROUPS
from marketing.training import buying, clustering, recommending
from tests import documented, making
from tests.documented import ROOT

CURL = re.compile(r"https?://[^/\s\"']+(/[^\s\"'?]*)")


def missing(wanted: Any, *, in_page: str) -> list[str]:
    """Of these names, those that no pair of backticks on the page holds."""
    said = documented.in_code(documented.page(in_page))
    return sorted(str(name) for name in wanted if str(name) not in said)


# --- Settings -----------------------------------------------------------------------------------


def test_every_setting_is_in_the_table_with_a_meaning():
    table = documented.rows(documented.page("settings.md"))

    undocumented = [name for name in documented.settings() if name not in table]
    bare = [name for name, rest in table.items() if len(rest.split(" | ")) < 2]

    assert len(documented.settings()) > 25
    assert not undocumented
    assert not bare


def test_every_default_is_the_one_in_the_code():
    table = documented.rows(documented.page("settings.md"))

    wrong = [
        setting
        for setting in documented.settings().values()
        if setting.default is not None
        and f"`{_written(setting.default)}`" not in table[setting.name]
    ]

    assert not wrong


def _written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_example_environment_names_every_setting_and_no_other():
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    known = set(documented.settings()) - {"RAPPORT_ENV_FILE"}

    assert known - named == set()
    assert named - known == set()


def test_no_setting_is_documented_that_nothing_reads():
    table = documented.rows(documented.page("settings.md"))
    settings = {name for name in table if re.fullmatch(r"[A-Z][A-Z0-9_]+", name)}

    assert settings - set(documented.settings()) == set()


# --- Events -------------------------------------------------------------------------------------


def test_every_event_that_the_code_records_is_documented_with_its_properties():
    table = documented.rows(documented.page("events.md"))
    recorded = [place for place in documented.events() if place.names]

    undocumented = {name for place in recorded for name in place.names if name not in table}
    untold = [
        (place.where, word)
        for place in recorded
        for word in place.properties
        if not any(f"`{word}`" in table.get(name, "") for name in place.names)
    ]

    assert len(recorded) >= 5
    assert not undocumented
    assert not untold


def test_every_event_that_the_code_looks_for_is_documented():
    wanted = documented.looked_for_events()

    assert wanted
    assert not wanted - set(documented.rows(documented.page("events.md")))


# --- Channels, campaigns, scores ----------------------------------------------------------------


def test_every_provider_is_in_the_table_of_channels():
    table = documented.rows(documented.page("channels.md"))

    assert not set(PROVIDERS) - set(table)


@pytest.mark.parametrize(
    "words",
    [
        campaign_choices.CampaignKind,
        campaign_choices.CampaignState,
        campaign_choices.CampaignVerb,
        campaign_choices.StepKind,
        campaign_choices.DeliveryState,
        campaign_choices.Reason,
        choices.MessageState,
        choices.FailureReason,
    ],
)
def test_every_state_and_reason_of_a_campaign_is_explained(words: Any):
    table = documented.rows(documented.page("campaigns.md"))

    assert not set(words.values) - set(table)


def test_features_estimators_and_runs_are_explained():
    table = documented.rows(documented.page("scores.md"))
    wanted = {
        *features.NAMES,
        *estimators.names(),
        *wording.DEMANDS,
        *marketing_choices.RunState.values,
        *marketing_choices.RunKind.values,
    }

    assert not wanted - set(table)


def test_what_each_estimator_sees_is_marked():
    table = documented.rows(documented.page("scores.md"))
    seen = {
        name: {word for word in ("score", "clusters") if word in table[name].split(" | ")[-1]}
        for name in features.NAMES
    }

    assert {name for name in seen if "score" in seen[name]} == set(buying.COLUMNS)
    assert {name for name in seen if "clusters" in seen[name]} == set(clustering.COLUMNS)


def test_the_demands_of_the_gate_are_those_in_the_code():
    table = documented.rows(documented.page("scores.md"))
    told = {name: int(table[name].split()[0]) for name in wording.DEMANDS}

    assert told == {
        "customers": clustering.MIN_CUSTOMERS,
        "training_customers": buying.MIN_CUSTOMERS,
        "training_buyers": buying.MIN_OF_EACH,
        "training_others": buying.MIN_OF_EACH,
        "test_customers": buying.MIN_CUSTOMERS,
        "test_buyers": buying.MIN_OF_EACH,
        "test_others": buying.MIN_OF_EACH,
        "several_products": recommending.MIN_BUYERS_OF_SEVERAL,
        "products_bought": recommending.MIN_PRODUCTS,
        "tested_buyers": recommending.MIN_TESTED,
    }


def test_what_recommendations_are_learnt_with_is_told():
    page = documented.page("recommendations.md")
    numbers = [
        f"of the last {learning.HISTORY_DAYS} days",
        f"half as much for every {learning.HALF_LIFE_DAYS} days",
        f"at least {learning.LEAST_SUPPORT}:",
        f"| shrinkage | {learning.SHRINKAGE}:",
        f"the best {learning.NEIGHBOURS} that are on sale",
        f"the latest {learning.MOST_OF_A_BUYER} products",
        f"half as much for every {learning.BESTSELLER_HALF_LIFE_DAYS} days",
        f"first {learning.BESTSELLERS} are kept",
        f"first {learning.BESTSELLERS_OF_A_CATEGORY} of each category",
        f"The {ranking.SEEDS} weightiest lead",
        f"in the last {pasts.NOT_AGAIN_DAYS} days",
    ]

    assert not [told for told in numbers if told not in page]


def test_every_sweep_is_in_the_architecture_with_its_pace():
    table = documented.rows(documented.page("architecture.md"))
    schedule = settings.CELERY_BEAT_SCHEDULE

    assert not [
        name
        for name, bell in schedule.items()
        if not table.get(name, "").strip().startswith(f"{bell['schedule']:g} s")
    ]


def test_the_limits_of_sending_are_those_it_is_held_against():
    page = documented.page("benchmarks.md")

    for mail, least in send.LEAST_RATIO.items():
        assert f"| ratio of {mail} | {least:.2f} |" in page
    assert f"| megabytes of a worker | {send.MOST_MEGABYTES:.0f} |" in page
    assert f"| times django-post_office | {send.LEAST_TIMES_PEER:.0f} |" in page
    assert f"| ratio of planning | at least {plan.LEAST_RATIO:.2f} |" in page


def test_the_limits_of_recommending_are_those_it_is_held_against():
    page = documented.page("benchmarks.md")

    limits = recommend.LIMITS
    assert f"| seconds of learning and testing | at most {limits['learning_seconds']:.0f} |" in page
    assert f"| microseconds a person | at most {limits['microseconds_a_person']:.0f} |" in page
    assert f"| times the NDCG of the bestsellers | more than {limits['times_ndcg']:.0f} |" in page


def test_the_limits_of_events_in_are_those_they_are_held_against():
    page = documented.page("benchmarks.md")

    assert f"| share of COPY | at least {ingest.LEAST_RATIO:.2f} |" in page
    assert f"| share of DRF's processor time | at most {ingest.MOST_CPU_SHARE:.2f} |" in page
    assert f"| p99 | below {ingest.SLOWEST_P99_MS:.0f} ms |" in page
    assert f"| growth of memory | at most {ingest.MOST_GROWTH:.2f} |" in page


def test_the_limits_of_segments_are_those_they_are_held_against():
    page = documented.page("benchmarks.md")

    limits = segments.LIMITS
    simple, cruel = (limits[f"{kind}_p95_milliseconds"] for kind in ("simple", "cruel"))
    followed, changed = limits["following_p99_seconds"], limits["changed_seconds"]
    assert f"| ratio of segments | at most {limits['ratio']} |" in page
    assert f"| worst ratio of segments | at most {limits['worst_ratio']} |" in page
    assert f"| preview of simple rules | p95 within {simple:.0f} ms |" in page
    assert f"| preview of cruel rules | p95 within {cruel:.0f} ms |" in page
    assert f"| from event to membership | p99 within {followed:.0f} s, nobody wrong |" in page
    assert f"| a hundredth changed | right within {changed:.0f} s |" in page


# --- Addresses and commands ---------------------------------------------------------------------


def test_every_public_address_is_documented_with_its_methods():
    said = documented.in_code(documented.page("api.md"))
    silent = [route.path for route in documented.routes() if not methods(route)]
    wanted = {
        f"{method} {route.path}" for route in documented.routes() for method in methods(route)
    }
    wanted |= {
        f"GET {path}<channel>" if path.endswith("/") else f"GET {path}"
        for path in documented.probes()
    } | documented.tracked()

    assert len(wanted) > 12
    assert not wanted - said
    assert not [path for path in silent if not any(word.endswith(f" {path}") for word in said)]


def test_no_address_is_documented_that_is_not_there():
    said = documented.in_code(documented.page("api.md"))
    promised = {word for word in said if re.match(r"(GET|POST|PUT|PATCH|DELETE) /", word)}
    served = {route.path for route in documented.routes()}
    served |= {f"{path}<channel>" for path in documented.probes()} | documented.probes()
    served |= {word.split(" ", 1)[1] for word in documented.tracked()}

    assert not {word for word in promised if word.split(" ", 1)[1] not in served}


def methods(route: documented.Route) -> list[str]:
    """What an address says it takes, HEAD and OPTIONS aside; nothing where it takes all."""
    view = getattr(route.view, "view_class", getattr(route.view, "cls", None))
    if view is not None:
        allowed = getattr(view(**route.view.view_initkwargs), "allowed_methods", [])
    else:
        # Asked with a verb that nobody knows, a view answers with those it knows.
        path = re.sub(r"<\w+>", "1", route.path)
        answer = Client().generic("BREW", path)
        allowed = answer.headers.get("Allow", "HEAD").replace(" ", "").split(",")
    return [method for method in allowed if method not in {"HEAD", "OPTIONS"}]


def test_the_addresses_of_all_curl_examples_are_there():
    examples = documented.fences(documented.page("api.md"), "sh")
    paths = [path for text in examples for path in CURL.findall(text)]

    assert paths
    for path in paths:
        _resolved(path)


def _resolved(path: str) -> None:
    if path in documented.probes() | {word.split(" ", 1)[1] for word in documented.tracked()}:
        return
    try:
        resolve(path)
    except Resolver404:
        pytest.fail(f"docs/api.md shows {path}, which is not there.")


def test_every_command_and_each_of_its_options_is_documented():
    text = documented.page("commands.md")
    table = documented.rows(text)
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))

    commands = documented.commands()
    undocumented = [name for name in commands if name not in table]
    untold = [
        (name, option)
        for name, options in commands.items()
        for option in options
        if option not in sections.get(name, "")
    ]

    assert {"start", "test", "import_orders"} <= set(commands)
    assert not undocumented
    assert not untold


# --- Segments -----------------------------------------------------------------------------------


def test_every_condition_of_segments_is_documented():
    assert not set(conditions.names()) - set(documented.rows(documented.page("segments.md")))


def test_every_word_that_a_rule_may_hold_is_documented():
    families = (operators.TEXT, operators.NUMBER, operators.MOMENT, operators.PRESENCE)
    words = {
        *GROUPS,
        *(word for family in families for word in family),
        *operators.WINDOW,
        *operators.AHEAD,
        *windows.KEYS,
        *counting.KEYS,
        *correspondence.FATES,
        *campaign_conditions.FATES,
        *belonging.TEXTS,
        *belonging.NUMBERS,
        belonging.ANY,
        *patterns.FIGURES,
        *person.TEXT_FIELDS,
        *person.MOMENT_FIELDS,
        *commerce.FIGURES,
        *commerce.Bought.BY,
        *wording.TRAITS,
        *choices.IdentityKind.values,
        *choices.ConsentState.values,
        permission.NEVER,
        *choices.Channel.values,
        *choices.Purpose.values,
        *choices.SuppressionReason.values,
        *marketing_choices.ScoreKind.values,
    }

    assert not missing(words, in_page="segments.md")


def rule_examples() -> list[tuple[str, Any]]:
    """Every JSON example of a rule tree, and of a single condition, with its page."""
    return [
        (path.name, found)
        for path in documented.pages()
        for text in documented.fences(path.read_text(encoding="utf-8"), "json")
        if isinstance(found := json.loads(text), dict)
        and (set(found) & {"version", *GROUPS, *conditions.names()})
        and "id" not in found
    ]


@pytest.mark.django_db
def test_every_example_of_a_rule_compiles_and_can_be_said(now: datetime):
    examples = rule_examples()

    assert len(examples) >= 3
    for _, tree in examples:
        whole = tree if "version" in tree else {"version": 1, "all": [tree]}
        assert rules.compile_rules(rules=whole, now=now).sql
        assert rules.explain(rules=whole)


def test_every_condition_has_an_example():
    shown = json.dumps([tree for _, tree in rule_examples()])

    assert not [name for name in conditions.names() if f'"{name}":' not in shown]


def test_every_json_example_is_json():
    for path in documented.pages():
        for text in documented.fences(path.read_text(encoding="utf-8"), "json"):
            json.loads(text)


# --- Templates ----------------------------------------------------------------------------------


def test_every_name_that_a_template_may_use_is_documented():
    wanted = {*names.FILTERS, *names.GLOBALS, *names.TESTS, *names.PROVIDED_VARIABLES}

    assert not missing({*wanted, *template_variables.names()}, in_page="templates.md")


def test_what_a_recommended_product_has_is_documented():
    shown = {f"recommended[].{name}" for name in showing.FACTS}

    assert not missing(shown, in_page="templates.md")


@pytest.fixture
def buyer(now: datetime) -> Customer:
    """A customer with an order, so that every variable is there."""
    made = making.subscriber(now=now, city="Leeds", attributes={"points": 120})
    making.product(now=now)
    line = orders.NewLine(sku="TEA-1", quantity=2, unit_price=Decimal("12.50"))
    order = orders.NewOrder(
        number="A-1", customer_id=made.pk, placed_at=now, currency="EUR", lines=(line,)
    )
    orders.record_many(orders=[order], now=now)
    return made


@pytest.mark.django_db
def test_every_variable_of_a_template_is_documented(buyer: Customer, now: datetime):
    known = variables.gather_many(customer_ids=[buyer.pk], now=now)[buyer.pk]
    own = {name: value for name, value in known.items() if name not in template_variables.names()}

    assert not missing(paths(own), in_page="templates.md")


def paths(value: Any, before: str = "") -> set[str]:
    """The dotted way to every plain value; free attributes end where the customer's begin."""
    if isinstance(value, list):
        return {path for entry in value for path in paths(entry, f"{before}[]")}
    if not isinstance(value, dict) or before.endswith("attributes"):
        return {before}
    dot = "." if before else ""
    return {path for name, inner in value.items() for path in paths(inner, before + dot + name)}


@pytest.mark.django_db
def test_every_example_of_a_template_renders_for_a_real_customer(buyer: Customer, now: datetime):
    known = variables.gather_many(customer_ids=[buyer.pk], now=now)[buyer.pk]
    links = LinkContext(unsubscribe_url="u", preferences_url="p", view_url="v")
    examples = [
        text
        for path in documented.pages()
        for text in documented.fences(path.read_text(encoding="utf-8"), "jinja")
    ]

    assert len(examples) >= 3
    for text in examples:
        compiled = compile_template(channel="email", subject="Example", html=text)
        assert isinstance(compiled.render(variables=known, links=links), rendering.Rendered)
