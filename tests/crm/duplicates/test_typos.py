"""A domain that is nearly a well-known one is a typing mistake; another real one is not."""

import pytest

from crm.duplicates import right_domain
from crm.duplicates.typos import POPULAR, distance, siblings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gmail.co", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("hotmal.com", "hotmail.com"),
        ("yaho.com", "yahoo.com"),
        ("outlok.com", "outlook.com"),
        ("iclod.com", "icloud.com"),
    ],
)
def test_a_slip_is_recognised(written: str, meant: str) -> None:
    assert right_domain(domain=written) == meant


@pytest.mark.parametrize(
    "domain", [*POPULAR, "shop.example", "qq.cn", "main.com", "company.com", "188.com", ""]
)
def test_real_domains_are_left_alone(domain: str) -> None:
    assert right_domain(domain=domain) == ""


@pytest.mark.parametrize(
    ("one", "other", "slips"),
    [("", "", 0), ("a", "a", 0), ("ab", "ba", 1), ("ab", "abc", 1), ("abc", "xyz", 3)],
)
def test_slips_are_counted(one: str, other: str, slips: int) -> None:
    assert distance(one=one, other=other) == distance(one=other, other=one) == slips


def test_siblings_are_of_one_provider() -> None:
    found = siblings(domains=["hotmail.com", "hotmail.fr", "gmail.com", "shop.example"])

    assert found == [("hotmail.com", "hotmail.fr")]
