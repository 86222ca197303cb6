"""How many SMS a text makes, against the counts of a real provider's calculator."""

import json
from decimal import Decimal

import pytest

from crm.channels import segments, sms_text
from crm.channels.base import Account
from crm.channels.segments import SmsLength, measure
from tests.contracts import outgoing


def test_counts_agree_with_a_real_providers_calculator(shared_corpora):
    vectors = json.loads((shared_corpora / "sms_segments" / "vectors.json").read_text())

    wrong = [
        vector["text"]
        for vector in vectors
        if (measure(vector["text"]).encoding, measure(vector["text"]).segments)
        != (vector["encoding"], vector["segments"])
    ]

    assert len(vectors) > 900
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("", "GSM-7", 0, 1),
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 152 + "€" + "a" * 10, "GSM-7", 164, 2),
        ("你" * 70, "UCS-2", 70, 1),
        ("你" * 71, "UCS-2", 71, 2),
        ("👍" * 35, "UCS-2", 70, 1),
    ],
)
def test_the_limits_of_one_sms(text, encoding, units, segments):
    length = measure(text)

    assert (length.encoding, length.units, length.segments) == (encoding, units, segments)


def test_the_parts_of_a_text_are_as_many_as_it_is_billed_for():
    for text in ("a" * 160, "a" * 161, "€" * 80, "€" * 100, "你" * 71, "👍🏽" * 40, ""):
        parts = segments.split(text)

        assert "".join(parts) == text
        assert len(parts) == segments.measure(text).segments


def test_no_part_is_longer_than_an_sms_whatever_is_piled_on_a_letter():
    text = "ж" + "\u0301" * 200

    assert [len(part) for part in segments.split(text)] == [67, 67, 67]
    assert segments.measure(text) == SmsLength("UCS-2", 201, 3)


def test_typographic_characters_are_replaced_where_that_makes_a_text_cheaper():
    plain = segments.smart("“It’s here” – 20\u00a0%…")

    assert plain == '"It\'s here" - 20 %...'
    assert segments.measure(plain).encoding == segments.GSM_7
    assert segments.smart("“你好”") == "“你好”"
    assert segments.smart("ça va") == "ça va"


def test_an_account_names_its_letters_and_its_senders():
    told = (("smart_characters", "yes"), ("senders", "+49 SHOP\n+4915 MOBIL\n\n+1\n+44  UK shop"))
    account = Account("sms_http", options=told)

    sent = [
        sms_text.prepared(outgoing(1, number, sender="+1", text="It’s"), account)
        for number in ("+4930123", "+49151", "+1555", "+447700")
    ]

    assert [one.sender for one in sent] == ["SHOP", "MOBIL", "+1", "UK shop"]
    assert {one.text for one in sent} == {"It's"}
    assert sms_text.prepared(outgoing(), Account("sms_http")) == outgoing()


WAYS_OUT = "+1 Reply STOP to end\n+86 回复TD退订\nText STOP to 5"


@pytest.mark.parametrize(
    ("text", "number", "sent"),
    [
        ("Tea!", "+15551234", "Tea! Reply STOP to end"),
        ("新茶", "+8613900001234", "新茶 回复TD退订"),
        ("Tea! ", "+447700900123", "Tea! Text STOP to 5"),
        ("Stop by for tea", "+15551234", "Stop by for tea Reply STOP to end"),
        ("Tea, or answer STOP", "+15551234", "Tea, or answer STOP"),
        ("新茶，拒收请回复R", "+8613900001234", "新茶，拒收请回复R"),
        ("Tea! reply stop to end", "+15551234", "Tea! reply stop to end"),
    ],
)
def test_a_text_says_how_to_end_it_once(text, number, sent):
    account = Account("sms_http", options=(("opt_out_text", WAYS_OUT),))

    assert sms_text.with_opt_out(text, number, account) == sent


@pytest.mark.parametrize("told", ["", "+49 Antworte STOP"])
def test_where_no_words_are_named_nothing_is_added(told):
    account = Account("sms_http", options=(("opt_out_text", told),))

    assert sms_text.with_opt_out("Tea!", "+15551234", account) == "Tea!"


def test_prices_stand_by_the_beginning_of_the_number():
    account = Account("sms_http", options=(("prices", "+49 0.075\r\n0.04\n+4915  0.08"),))

    found = sms_text.prices(account)

    assert found == {"+49": Decimal("0.075"), "": Decimal("0.04"), "+4915": Decimal("0.08")}
    assert sms_text.beginning("+49151", found) == "+4915"
    assert sms_text.beginning("+331", found) == ""
    assert sms_text.beginning("+331", ["+49"]) is None


@pytest.mark.parametrize("told", ["+49 cheap", "-1", "NaN", "1e9", "+49 Infinity"])
def test_what_is_no_price_is_refused_when_it_is_said(told):
    with pytest.raises(ValueError, match="is no price"):
        sms_text.prices(Account("sms_http", options=(("prices", told),)))
