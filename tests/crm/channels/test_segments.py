"""How many SMS a text makes, against the counts of a real provider's calculator."""

import json

import pytest

from crm.channels.segments import measure


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
