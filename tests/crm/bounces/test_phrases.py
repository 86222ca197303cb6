"""How phrases are found: without accents, by choices of words, the specific families first."""

import pytest

from crm.bounces import Reason, accents, phrases
from crm.bounces.diagnosing import plain


@pytest.mark.parametrize(
    "said",
    [
        "Boîte aux lettres désactivée",
        "Boite aux lettres desactivee",
        "BOITE AUX LETTRES DESACTIVEE",
    ],
)
def test_a_language_is_read_with_and_without_its_accents(said: str) -> None:
    assert phrases.reason_in(plain(said)) is Reason.SUSPENDED


@pytest.mark.parametrize("said", ["Adresse ungültig", "Adresse ungueltig", "Adresse ungultig"])
def test_an_umlaut_is_read_in_each_of_its_spellings(said: str) -> None:
    assert phrases.reason_in(plain(said)) is Reason.USER_UNKNOWN


def test_scripts_without_accents_stay_as_they_are() -> None:
    assert accents.without("邮箱 ящик 메일함 メール") == "邮箱 ящик 메일함 メール"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("no mailbox matching that name", Reason.USER_UNKNOWN),
        ("no subscriber with this number", Reason.USER_UNKNOWN),
        ("no subscriber may write", None),
    ],
)
def test_a_line_with_choices_stands_for_each_of_them(said: str, reason: Reason | None) -> None:
    assert phrases.reason_in(plain(said)) is reason


def test_what_is_said_of_the_sender_is_said_of_nobody_else() -> None:
    assert phrases.reason_in(plain("Die Adresse existiert nicht")) is Reason.USER_UNKNOWN
    assert phrases.reason_in(plain("Der Absender existiert nicht")) is Reason.REJECTED


def test_a_family_with_free_words_gives_way_to_what_is_specific() -> None:
    free = "the address is wrong"

    assert phrases.reason_in(plain(free)) is Reason.USER_UNKNOWN
    assert phrases.reason_in(plain(f"{free}, relay access denied")) is Reason.RELAYING
    assert not phrases.says_plainly(plain(free), Reason.USER_UNKNOWN)


def test_phrases_that_are_struck_are_found_again_afterwards() -> None:
    said = plain("no such user here")
    struck = frozenset(phrases.found_in(said))

    phrases.forget(struck)
    try:
        without = phrases.reason_in(said)
    finally:
        phrases.forget(frozenset())

    assert struck
    assert without is None
    assert phrases.reason_in(said) is Reason.USER_UNKNOWN
