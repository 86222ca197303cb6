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
        "Please stop",
        "please stop now, thank you",
        "stop 🛑",
        "Stopp bitte",
        "请退订",
        "回复TD退订",
        "стоп",
        "iptal",
        "إلغاء الاشتراك",
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
        "bus stop",
        "non-stop",
        "Do not unsubscribe me",
        "stop please don't",
        "please",
        "谢谢",
        "不要退订",
        "请不要停止",
        "别停止",
        "🛑",
        "T-shirt",
        "in the end",
        "отмена заказа",
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


@pytest.mark.parametrize(
    "below",
    [
        "Sent from my iPhone",
        "发自我的iPhone",
        "-- \nAda Lovelace",
        "On Tue, 14 Apr 2026 at 12:00, The Shop\n<shop@shop.example> wrote:\n> Tea",
        "Le mar. 14 avr. 2026 à 12:00, Shop a écrit :\n> Thé",
        "________________________________\nFrom: Shop\nSubject: Tea",
    ],
)
def test_what_a_mail_program_adds_below_does_not_hide_a_stop(below: str) -> None:
    text = keywords.without_quotes(text=f"Stop\n\n{below}")

    assert keywords.read(text=text) is Keyword.STOP


@pytest.mark.parametrize(
    "mail",
    [
        "Lovely, thank you\n-- \nSTOP",
        "> Answer STOP to stop\n",
        "On Tue Shop wrote:\n> STOP",
        "On my way\nStop",
    ],
)
def test_a_stop_in_a_signature_or_a_quotation_is_not_meant(mail: str) -> None:
    assert keywords.read(text=keywords.without_quotes(text=mail)) is None


def test_an_answer_by_mail_is_read_without_what_it_quotes() -> None:
    mail = "Stop\n\nOn Tue, 14 Apr 2026 at 12:00, Shop <shop@shop.example> wrote:\n> Tea is here\n"

    assert keywords.without_quotes(text=mail) == "Stop"
