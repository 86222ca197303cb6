"""What every adapter of a provider that the simulator plays must keep, whatever it carries."""

import importlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from crm.channels.base import (
    FAILED,
    NEWS_KINDS,
    REASONS,
    Account,
    CallbackRefused,
    CallbackRequest,
    Checks,
    LooksUp,
    ProviderAway,
)
from tests.contracts import CALLBACK_URL, NOW, SECRET, SendingContract, outgoing


class ProviderContract(SendingContract):
    """Give `adapter_class` and the rest; `sent` sends one message to an address."""

    adapter_class: Any
    # What the simulator knows the provider by, and what follows in its address.
    played: str
    path = ""
    options: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {}
    # Addresses that are taken, refused as none, and put off.
    somebody: str
    nobody: str
    put_off: str
    # How an address that is none is refused, and whether the provider signs what is in a callback.
    refusal = "invalid_address"
    is_content_signed = True
    # Whether the proof of a callback stands in its body, not in a header.
    is_proof_inside = False
    # Bodies that are no callback, beside those that never are one.
    unreadable: tuple[bytes, ...] = ()
    # Secrets that are proofs of callbacks or keys: another value is no wrong password.
    not_sent: ClassVar[frozenset[str]] = frozenset()

    def sent(self, adapter, address, **changes):
        raise NotImplementedError

    @pytest.fixture
    def account(self, simulator):
        return Account(
            self.played,
            f"{simulator.url}/{self.played}{self.path}",
            callback_url=CALLBACK_URL,
            callback_secret=SECRET,
            name="mine",
            options=tuple(self.options.items()),
            secrets=tuple(self.secrets.items()),
            guarded_but=("127.0.0.1",),
        )

    @pytest.fixture
    def adapter(self, account):
        adapter = self.adapter_class(account)
        yield adapter
        adapter.close()

    def wrong(self, account):
        keys = set(self.secrets) - self.not_sent
        secrets = dict(account.secrets) | dict.fromkeys(keys, "wrong")
        return self.adapter_class(replace(account, secrets=tuple(secrets.items())))

    def test_an_address_that_is_none_is_refused_in_our_words(self, adapter):
        outcome = self.sent(adapter, self.nobody)

        assert (outcome.state, outcome.reason, outcome.retry_after) == (FAILED, self.refusal, None)

    def test_one_request_too_many_is_put_off(self, adapter):
        outcome = self.sent(adapter, self.put_off)

        assert (outcome.state, outcome.reason) == (FAILED, "rate_limited")
        assert 1 <= outcome.retry_after <= 2

    def test_wrong_credentials_are_told_from_everything_else(self, account):
        adapter = self.wrong(account)

        outcome = self.sent(adapter)
        adapter.close()

        assert (outcome.state, outcome.reason) == (FAILED, "unauthorized")

    def test_an_account_can_be_checked(self, adapter, account):
        if not isinstance(adapter, Checks):
            return  # the provider has nothing that is free to ask

        assert adapter.check() == ""
        assert self.wrong(account).check()

    def test_a_callback_of_somebody_else_is_refused(self, adapter, account, simulator):
        self.sent(adapter)
        request = simulator.callback()
        others = dict.fromkeys(self.secrets, "other")
        stranger = self.adapter_class(
            replace(account, callback_secret="other", secrets=tuple(others.items()))
        )
        nobody = self.adapter_class(replace(account, callback_secret="", secrets=()))
        bare = CallbackRequest({}, request.body, CALLBACK_URL, request.received_at)

        unproven = [] if self.is_proof_inside else [(adapter, bare)]
        for adapter_, asked in ((stranger, request), (nobody, request), *unproven):
            with pytest.raises(CallbackRefused):
                adapter_.verify_callback(asked)

    def test_what_cannot_be_read_is_refused(self, adapter):
        for body in (b"", b"\xff", b"null", b"[1]", *self.unreadable):
            with pytest.raises(CallbackRefused):
                adapter.read_callback(CallbackRequest({}, body, CALLBACK_URL, NOW))

    def test_a_slash_at_the_end_of_an_address_makes_no_difference(self, account):
        plain, slashed = account, replace(account, url=f"{account.url}/")
        made = [self.adapter_class(one) for one in (plain, slashed)]
        if not made[0].usual_address():
            return  # the address is one that staff write down whole
        calls = [one.write(outgoing(1, self.somebody)) for one in made]

        assert calls[0].url.partition("?")[0] == calls[1].url.partition("?")[0]
        assert "//" not in calls[1].url.partition("://")[2].partition("?")[0]

    def test_a_doubt_is_asked_for_or_staff_are_told_why_not(self, adapter):
        told = getattr(adapter, "unasked", "")

        assert isinstance(adapter, LooksUp) or told

    def test_who_cannot_be_asked_is_away(self, account):
        if not hasattr(self.adapter_class, "look_up"):
            return  # the provider has no search by anything of ours
        gone = self.adapter_class(replace(account, url="http://127.0.0.1:9"))

        with pytest.raises(ProviderAway):
            gone.look_up([outgoing(1, self.somebody)])

    def test_every_word_of_the_provider_means_one_of_ours(self):
        words = importlib.import_module(self.adapter_class.__module__).WORDS

        assert words
        assert set(words.values()) <= NEWS_KINDS
        assert set(getattr(self.adapter_class, "refusals", {}).values()) <= REASONS

    def test_staff_are_asked_for_what_is_needed(self):
        fields = {field.name: field for field in self.adapter_class.fields}

        assert self.adapter_class.label
        assert set(self.options) | set(self.secrets) <= set(fields)
        assert {name for name, one in fields.items() if one.is_secret} >= set(self.secrets)
        assert all(field.label for field in fields.values())
