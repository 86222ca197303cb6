"""Addresses and numbers of public test suites, held against what we make of them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from crm import normalise

Figures = Counter[tuple[str, bool]]
# Of each category of isemail: how many we take, and how many we refuse on purpose.
EMAIL = {
    # test@io: nobody has a mailbox on a bare top level.
    ("ISEMAIL_VALID_CATEGORY", True): 13,
    ("ISEMAIL_VALID_CATEGORY", False): 1,
    # Right in form; only the DNS could say more, and it is not asked.
    ("ISEMAIL_DNSWARN", True): 8,
    # Quoted local parts, address literals, numeric and bare top levels: no shop's customers.
    ("ISEMAIL_RFC5321", False): 16,
    # Taken: white space around the address, which people paste. Refused: comments.
    ("ISEMAIL_CFWS", True): 6,
    ("ISEMAIL_CFWS", False): 4,
    ("ISEMAIL_DEPREC", True): 2,
    ("ISEMAIL_DEPREC", False): 18,
    # Too long, or only fit for the header of a mail.
    ("ISEMAIL_RFC5322", False): 30,
    # Taken: an address with a line end before or after it.
    ("ISEMAIL_ERR", True): 16,
    ("ISEMAIL_ERR", False): 50,
}
# libphonenumber calls these invalid, and we take 71 of them: they have a length that the plan
# allows, but no block of numbers that the metadata knows. Plans grow faster than metadata, and
# a real number refused is a customer lost; the provider's answer settles the rest.
INVALID_TAKEN = 71


@pytest.fixture
def addresses(shared_corpora: Path) -> list[tuple[str, str]]:
    """Address and category; control characters are written as pictures of themselves."""
    tree = ElementTree.parse(shared_corpora / "email_addresses" / "tests.xml")
    pictures = {0x2400 + code: code for code in range(32)}
    return [
        (
            (test.findtext("address") or "").translate(pictures),
            test.findtext("category") or "",
        )
        for test in tree.iter("test")
    ]


@pytest.fixture
def numbers(shared_corpora: Path) -> list[dict[str, str]]:
    read: list[dict[str, str]] = json.loads(
        (shared_corpora / "phone_examples" / "examples.json").read_text("utf-8")
    )
    return read


def test_email_addresses_agree_with_isemail_but_where_we_mean_otherwise(
    addresses: list[tuple[str, str]],
) -> None:
    figures: Figures = Counter(
        (category, bool(normalise.email(text))) for text, category in addresses
    )

    assert figures == EMAIL


def test_what_is_taken_holds_no_white_space_and_is_stable(
    addresses: list[tuple[str, str]],
) -> None:
    for text, _ in addresses:
        taken = normalise.email(text)

        assert taken.split() in ([], [taken])
        assert normalise.email(taken) == taken


def _spellings(example: dict[str, str]) -> Iterator[str]:
    yield from (example[name] for name in ("e164", "national", "international", "rfc3966"))


def test_every_number_of_every_region_is_read_in_every_spelling(
    numbers: list[dict[str, str]],
) -> None:
    valid = [example for example in numbers if example["type"] != "INVALID"]

    wrong = [
        text
        for example in valid
        for text in _spellings(example)
        if normalise.phone(text, example["region"]) != example["e164"]
    ]

    assert len(valid) == 917
    assert wrong == []


def test_numbers_of_an_impossible_length_are_refused(numbers: list[dict[str, str]]) -> None:
    invalid = [example["e164"] for example in numbers if example["type"] == "INVALID"]

    taken = [number for number in invalid if normalise.phone(number)]

    assert (len(invalid), len(taken)) == (245, INVALID_TAKEN)
