"""What answers for a person who is away is told from what a person writes, and from a bounce."""

import pytest

from crm.bounces import Kind, letter_in, read
from tests.crm.bounces.samples import ADA

TEXT = (
    "I am away. What you wrote to bob@shop.example could not be delivered: his mailbox is full.\n"
)


def mail(
    *, subject: str, sender: str = ADA, marks: str = "", text: str = "Two, please.\n"
) -> bytes:
    """A mail to us, in letters of any script."""
    head = f"From: {sender}\nTo: hello@rapport.example\nSubject: {subject}\n{marks}"
    return f"{head}Content-Type: text/plain; charset=utf-8\n\n{text}".encode()


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Spring",
        "Spring - Out of Office",
        "Abwesenheitsnotiz: Frühling",
        "Urlaub: Frühling",
        "Réponse automatique : Printemps",
        "Autosvar: Vår",
        "Automatisk svar: Forår",
        "Autoodpowiedź: Wiosna",
        "Automatikus válasz: Tavasz",
        "Răspuns automat: Primăvara",
        "Otomatik Yanıt: Bahar",
        "Αυτόματη απάντηση: Άνοιξη",
        "Автоматична відповідь: Весна",
        "Автоматичен отговор: Пролет",
        "Automatski odgovor: Proljeće",
        "自动答复: 春天",
        "자동 회신: 봄",
        "رد تلقائي: الربيع",
        "תשובה אוטומטית: אביב",
        "Trả lời tự động: Mùa xuân",
    ],
)
def test_a_program_that_answers_says_so_in_the_subject(subject: str) -> None:
    raw = mail(subject=subject)

    assert read(raw).kind is Kind.AUTO_REPLY
    assert letter_in(raw).is_automatic


@pytest.mark.parametrize(
    "subject",
    [
        "AW: Urlaub auf Sylt",
        "Urlaub auf Sylt",
        "SV: Vacation deals",
        "Fwd: vacation offer",
        "RE[2]: Automatic reply machines",
        "I was absent when it came",
        "Question on auto: spare parts",
        "Отпуск в Сочи",
        "不在時の再配達について",
        "回复: 休假套餐",
    ],
)
def test_a_person_may_write_of_holidays(subject: str) -> None:
    raw = mail(subject=subject)

    assert read(raw).kind is Kind.NOTHING
    assert not letter_in(raw).is_automatic


@pytest.mark.parametrize(
    "marks", ["Return-Path: <>\n", "Precedence: bulk\n", "X-Loop: a@b.example\n"]
)
def test_beside_a_mark_of_programs_a_word_is_enough(marks: str) -> None:
    assert read(mail(subject="Ada ist im Urlaub", marks=marks)).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    "sender",
    [
        "Alexandr <alexandr@shop.example>",
        "Bounce House Rentals <hello@bouncehouse.example>",
        "Postmaster's Café <cafe@shop.example>",
    ],
)
def test_a_person_may_be_called_almost_like_a_mail_server(sender: str) -> None:
    raw = mail(subject="Re: Spring", sender=sender, text="My parcel was not delivered.\n")

    assert not letter_in(raw).is_automatic
    assert read(raw).kind is Kind.NOTHING


@pytest.mark.parametrize(
    "sender",
    [
        "MAILER-DAEMON@mx.example",
        "bounces+7@mx.example",
        "ndr@mx.example",
        "post_master@mx.example",
    ],
)
def test_a_mail_server_writes_no_letters(sender: str) -> None:
    assert letter_in(mail(subject="Hello", sender=sender)).is_automatic


@pytest.mark.parametrize(
    "marks",
    ["Return-Path: <>\nAuto-Submitted: auto-replied\n", "Return-Path: <>\nX-Autoreply: yes\n"],
)
def test_who_is_away_may_write_of_mails_that_did_not_arrive(marks: str) -> None:
    report = read(mail(subject="Re: Spring", marks=marks, text=TEXT))

    assert (report.kind, [one.address for one in report.outcomes]) == (Kind.AUTO_REPLY, [ADA])


def test_who_has_left_and_returns_the_mail_closes_no_address() -> None:
    marks = "Return-Path: <>\nAuto-Submitted: auto-replied\n"
    text = (
        f"I have left the company: {ADA} does not exist any more.\n\n"
        f"Received: by mx\nMessage-ID: <m-17@rapport.example>\nFrom: hello@rapport.example\n"
        f"To: {ADA}\nSubject: Spring\n\nHi\n"
    )

    assert read(mail(subject="Re: Spring", marks=marks, text=text)).kind is Kind.AUTO_REPLY


@pytest.mark.parametrize("subject", ["Message rejected", "Ihre E-Mail wurde abgewiesen"])
def test_a_filter_that_calls_itself_an_answer_gives_a_notice(subject: str) -> None:
    marks = "Return-Path: <>\nAuto-Submitted: auto-replied\n"
    text = f"Your message to {ADA} was rejected as spam and has not been delivered.\n"

    report = read(mail(subject=subject, sender="filter@gate.example", marks=marks, text=text))

    assert [(one.address, one.kind) for one in report.outcomes] == [(ADA, Kind.BLOCK)]
