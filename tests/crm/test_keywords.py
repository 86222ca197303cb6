"""STOP means stop, in every spelling; a sentence with the word in it does not."""

import pytest

from crm import keywords
from crm.keywords import Keyword


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        " stop. ",
        "Stop!!",
        "«stop»",
        "Unsubscribe",
        "OPT-OUT",
        "Arrêt",
        "退订",
        "TD",
        "ＳＴＯＰ",
    ],
)
def test_a_keyword_alone_stops(text: str) -> None:
    assert keywords.read(text=text) is Keyword.STOP


@pytest.mark.parametrize("text", ["HELP", "Info?", "Hilfe!", "帮助", "ヘルプ", "Ayuda"])
def test_a_keyword_alone_asks_for_help(text: str) -> None:
    assert keywords.read(text=text) is Keyword.HELP


@pytest.mark.parametrize("text", ["START", "unstop", "恢复订阅", "Opt in"])
def test_a_keyword_alone_starts_again(text: str) -> None:
    assert keywords.read(text=text) is Keyword.START


@pytest.mark.parametrize(
    "text",
    [
        "don't stop",
        "Please don't stop sending these",
        "Where is the bus stop?",
        "不要停止",
        "How do I cancel my order?",
        "stopwatch",
        "Can you help me with my order?",
        "I need info about tea",
        "",
    ],
)
def test_a_sentence_never_stops_anything(text: str) -> None:
    assert keywords.read(text=text) is None


def test_an_answer_by_mail_is_read_without_what_it_quotes() -> None:
    mail = "Stop\n\nOn Tue, 14 Apr 2026 at 12:00, Shop <shop@shop.example> wrote:\n> Tea is here\n"

    assert keywords.without_quotes(text=mail) == "Stop"
