"""Providers are registered in one visible place."""

import pytest

from crm.channels import registry
from crm.channels.base import Account


def test_every_registered_provider_can_be_imported():
    assert registry.check_registered() == []


def test_an_unknown_provider_says_which_names_there_are():
    with pytest.raises(registry.UnknownProvider, match="sms_http, sparkpost, tencent_sms"):
        registry.adapter_for(Account("pigeon", "pigeon:"))


def test_an_account_has_one_adapter_per_process_and_thread():
    account = Account("memory", "memory:one")

    first = registry.adapter_for(account)

    assert registry.adapter_for(account) is first
    assert registry.adapter_for(Account("memory", "memory:two")) is not first
    registry.close_all()
    assert registry.adapter_for(account) is not first
    registry.close_all()


def test_an_account_never_shows_its_secrets():
    shown = repr(Account("email", "smtp:", api_key="hush", callback_secret="hush"))

    assert "hush" not in shown
