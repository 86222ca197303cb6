"""Whatever is registered has a page, a place in the simulator, and tests of its promises."""

import importlib
import re

import pytest

from crm.channels.base import Field
from crm.channels.registry import PROVIDERS, adapter_class
from crm.channels.sms_text import TEXT_FIELDS
from crm.simulator.mailers import MAILERS
from crm.simulator.vendors import VENDORS
from tests import documented
from tests.house import ROOT

# The fake needs no page of its own; mail and our own format are what the simulator began with.
FAKE = "memory"
FROM_THE_START = {"email", "sms_http"}
SHARED = {field.name for field in TEXT_FIELDS} | {"url"}
REAL = sorted(set(PROVIDERS) - {FAKE})


@pytest.mark.parametrize("provider", REAL)
def test_every_provider_has_a_page_that_the_page_of_channels_leads_to(provider):
    assert f"providers/{provider}.md" in documented.page("channels.md")
    assert f"`{provider}`" in documented.page(f"providers/{provider}.md")


@pytest.mark.parametrize("provider", REAL)
def test_every_page_says_what_settles_a_doubt(provider):
    assert "\n## In doubt\n" in documented.page(f"providers/{provider}.md")


def test_the_page_of_reliability_names_every_provider_that_can_be_asked():
    text = documented.page("reliability.md")
    asked = [adapter_class(one) for one in REAL if hasattr(adapter_class(one), "look_up")]

    named = {one.label.removesuffix(" SMS").partition(" (")[0] for one in asked}
    assert {one for one in named if one not in text} == set()


@pytest.mark.parametrize("provider", REAL)
def test_every_field_and_every_word_is_explained(provider):
    adapter = adapter_class(provider)
    words = getattr(importlib.import_module(adapter.__module__), "WORDS", {})
    fields = {field.name for field in getattr(adapter, "fields", ())}
    table = documented.rows(documented.page(f"providers/{provider}.md"))

    assert not (fields - SHARED) - set(table)
    assert not set(words) - set(table)


def test_fields_of_every_account_are_explained_once():
    assert not SHARED - set(documented.rows(documented.page("channels.md")))


def test_every_provider_is_played_by_the_simulator():
    # Push services and receivers of webhooks answer in tests of their own.
    by_other_ways = FROM_THE_START | {"smpp", "web_push", "webhook"}

    assert set(REAL) - by_other_ways == set(VENDORS) | set(MAILERS)
    assert (ROOT / "crm" / "simulator" / "smsc.py").exists()


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_adapter_has_a_class_that_tests_its_promises(provider):
    name = adapter_class(provider).__name__
    tests = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests" / "crm" / "channels").glob("test_*.py")
    )

    inherits = re.search(rf"adapter_class, [^\n]*= {name}\b", tests)
    assert inherits or re.search(rf"class Test{name}\w*\(SendingContract", tests)


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_field_can_be_asked_for(provider):
    fields: tuple[Field, ...] = getattr(adapter_class(provider), "fields", ())

    names = [field.name for field in fields]
    assert len(names) == len(set(names))
    assert not [one.name for one in fields if one.choices and one.default not in one.choices]


def test_every_adapter_is_kept_apart_from_the_others():
    said = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    apart = said.partition("Adapters do not know one another")[2].partition("]\n")[0]

    assert not [path for path in PROVIDERS.values() if f'"{path.rpartition(".")[0]}"' not in apart]
