"""Addresses come in every spelling and are kept in one."""

import pytest

from crm import normalise


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" Ada.Lovelace@Shop.Example ", "ada.lovelace@shop.example"),
        ("info@xn--bcher-kva.example", "info@bücher.example"),
        ("no-address", ""),
        ("two@@shop.example", ""),
        ("", ""),
    ],
)
def test_an_email_address_has_one_form(written: str, kept: str) -> None:
    assert normalise.email(written) == kept


@pytest.mark.parametrize(
    ("written", "country", "kept"),
    [
        ("0113 496 0000", "gb", "+441134960000"),
        ("+44 (0)113 496 0000", "", "+441134960000"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("0113 496 0000", "", ""),
        ("call me", "GB", ""),
    ],
)
def test_a_phone_number_is_read_as_dialled_at_home(written: str, country: str, kept: str) -> None:
    assert normalise.phone(written, country) == kept


def test_the_hash_of_an_address_is_bound_to_its_channel() -> None:
    by_mail = normalise.address_hash(channel="email", address="a@shop.example")
    by_sms = normalise.address_hash(channel="sms", address="a@shop.example")

    assert by_mail != by_sms


def test_a_time_zone_that_does_not_exist_is_unknown() -> None:
    assert normalise.time_zone("Asia/Shanghai") == "Asia/Shanghai"
    assert normalise.time_zone("Mars/Olympus") == ""


def test_codes_have_one_spelling() -> None:
    assert normalise.country("de") == "DE"
    assert normalise.country("Germany") == ""
    assert normalise.language("zh_Hans") == "zh-hans"
