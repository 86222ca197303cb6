"""How many SMS a text makes, against the counts of a real provider's calculator."""

import json

import pytest

from crm.channels import segments, sms_text
from crm.channels.base import Account
from crm.channels.segments import measure
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
