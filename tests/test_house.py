"""The laws of the house, held by the build."""

import ast
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.test import RequestFactory

from crm.models import Customer
from tests import house

LEDGERS = (
    "crm.Event",
    "crm.Message",
    "crm.ConsentDecision",
    "crm.Callback",
    "crm.CaughtMessage",
    "crm.ImportRun",
    "marketing.TrainingRun",
    "marketing.Feature",
    "marketing.Score",
    "campaigns.CampaignAction",
    "campaigns.Delivery",
)


def percentile(values: list[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def line_counts() -> list[int]:
    return [len(path.read_text(encoding="utf-8").splitlines()) for path in house.sources()]


def all_functions() -> list[house.Function]:
    return [function for path in house.sources() for function in house.functions(path)]


def test_files_stay_small():
    counts = dict(zip(house.sources(), line_counts(), strict=True))

    assert not {str(path): lines for path, lines in counts.items() if lines > 400}
    assert statistics.median(counts.values()) <= 120
    assert percentile(list(counts.values()), 0.9) <= 300


def test_functions_stay_small():
    found = all_functions()
    lengths = [function.lines for function in found]

    assert not [str(function) for function in found if function.lines > 50]
    assert statistics.median(lengths) <= 8
    assert percentile(lengths, 0.9) <= 25


def test_no_room_is_a_lumber_room():
    lumber = {"core", "common", "utils", "services", "helpers"}

    named = [path for path in house.sources() if lumber & {path.stem, *path.parent.parts}]

    assert not named


@pytest.mark.parametrize("path", list(house.operations()), ids=lambda path: str(path.stem))
def test_operations_take_keywords_only(path):
    positional = [
        str(function)
        for function in house.public_functions(path)
        if function.node.args.args or function.node.args.posonlyargs
    ]

    assert not positional


def switches(function: house.Function) -> list[str]:
    return [
        argument.arg
        for argument in (*function.node.args.args, *function.node.args.kwonlyargs)
        if isinstance(argument.annotation, ast.Name) and argument.annotation.id == "bool"
    ]


def test_operations_have_no_switches():
    switched = [
        f"{function}: {names}"
        for path in house.operations()
        for function in house.public_functions(path)
        if (names := switches(function))
    ]

    assert not switched


CLOCKS = {("timezone", "now"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}


def clock_readings(path: Path) -> list[str]:
    return [
        f"{path.relative_to(house.ROOT)}:{node.lineno}"
        for node in ast.walk(house.tree(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in CLOCKS
    ]


def test_time_comes_in_from_the_edge():
    readings = [
        reading
        for app in house.APPS
        for floor in ("operations", "crafts", "models")
        for path in house.files_of(app, floor)
        # The simulator plays the world outside: it has a clock of its own.
        if "simulator" not in path.parts
        for reading in clock_readings(path)
    ]

    assert not readings


def test_every_moment_is_aware_and_named_so():
    misnamed = [
        f"{model.__name__}.{field.name}"
        for app in house.APPS
        for model in apps.get_app_config(app).get_models()
        if not model.__name__.startswith("Historical")
        for field in model._meta.get_fields()
        if getattr(field, "get_internal_type", str)() == "DateTimeField"
        and not (field.name.endswith("_at") or field.name == "at")
    ]

    assert not misnamed


def test_no_message_is_unsent_without_a_reason(db):
    constraints = {
        constraint.name
        for label in ("crm.Message", "campaigns.Delivery")
        for constraint in apps.get_model(label)._meta.constraints
    }

    assert "an_unhappy_message_has_a_reason" in constraints
    assert "an_unsent_delivery_has_a_reason" in constraints


def test_every_model_has_a_page_or_is_a_part_of_one():
    registered = set(admin.site._registry)
    inline = {
        inline.model
        for model_admin in admin.site._registry.values()
        for inline in model_admin.inlines
    }
    parts = {
        "crm.SharedValue",
        "crm.SpoolMark",
        "campaigns.Claim",
        "crm.TrackedLink",
        "crm.OrderStatistics",
        "crm.Note",
        "marketing.ClusterMembership",
        "marketing.ListEntry",
        "marketing.ProductNeighbour",
        "marketing.SegmentMove",
        "marketing.SegmentRecheck",
        "marketing.SegmentSize",
        "crm.IdempotentCall",
        "crm.Change",
        "crm.EventBatch",
        "crm.HandOver",
        "crm.KeptVariables",
        "crm.EventDay",
        "crm.CustomerAlias",
        "crm.ContactPreference",
        "crm.CustomerNote",
        "crm.CustomerTask",
        "crm.FieldLock",
        "crm.MailboxUid",
        "crm.AccountStanding",
        "crm.AccountTrial",
        "crm.DomainStanding",
        "crm.SigningKey",
        "crm.SnippetVersion",
        "crm.Notice",
        "crm.QualityFinding",
        "crm.QualityRepair",
    }

    homeless = [
        model._meta.label
        for app in house.APPS
        for model in apps.get_app_config(app).get_models()
        if model not in registered | inline
        and model._meta.label not in parts
        and not model.__name__.startswith("Historical")
    ]

    assert not homeless


@pytest.mark.django_db
@pytest.mark.parametrize("label", LEDGERS)
def test_ledgers_are_read_only_in_the_admin(label):
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_superuser=True, is_staff=True, is_active=True)

    page = admin.site._registry[apps.get_model(label)]

    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)


def test_no_model_instance_enters_a_message_template():
    from crm import rendering

    compiled = rendering.compile_template(
        channel="sms", subject="", html="", text="Hello {{ customer.first_name }}"
    )
    person = Customer(first_name="Ada", created_at=datetime(2026, 1, 1, tzinfo=UTC))

    with pytest.raises(TypeError, match="plain"):
        compiled.render(variables={"customer": person}, links=None)


WEB = """
import sys, marketing.wsgi
from django.urls import get_resolver
from django.contrib import admin
get_resolver().url_patterns
admin.autodiscover()
heavy = {"sklearn", "scipy", "numpy", "skops", "lightgbm"} & set(sys.modules)
sys.exit(f"a web process loaded {sorted(heavy)}" if heavy else 0)
"""


def test_web_processes_never_load_scikit_learn():
    run = subprocess.run(
        [sys.executable, "-c", WEB], cwd=house.ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stderr
