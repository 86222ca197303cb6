"""Mails made of encoded parts read as any other mail, and keep the limits of the wire."""

from email import message_from_bytes, policy
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.channels import letters, mime
from crm.channels.base import Outgoing
from crm.mail_parts import NOTHING, in_one_piece
from crm.rendering.fragments import wire_bytes
from crm.rendering.seams import Seams

SENDER = mime.parse_address("Shöp <shop@rapport.example>")


def outgoing(**changes: object) -> Outgoing:
    fields = {
        "message_id": 1,
        "key": "delivery-1-1",
        "sender": "Shöp <shop@rapport.example>",
        "recipient": "ada@shop.example",
        "subject": "Grüße",
        "raw_html": in_one_piece(b"<p>H\xc3\xa9llo</p>\r\n"),
        "raw_text": b"Hello\r\n",
        "headers": (("List-Id", "<marketing.rapport.example>"),),
        "unsubscribe_url": "https://s.example/u/1",
    }
    return Outgoing(**(fields | changes))  # type: ignore[arg-type]


def built(message: Outgoing, *, eight_bit: bool = True) -> bytes:
    head = letters.letterhead(SENDER, message.headers).head(message, message.recipient.encode())
    return letters.mail(head, message.raw_html, message.raw_text, eight_bit=eight_bit)


def test_it_has_every_header_and_both_parts():
    mail = message_from_bytes(built(outgoing()), policy=policy.default)

    assert mail["From"] == "Shöp <shop@rapport.example>"
    assert mail["To"] == "ada@shop.example"
    assert mail["Subject"] == "Grüße"
    assert mail["Message-ID"] == "<delivery-1-1@rapport.example>"
    assert mail["List-Unsubscribe"] == "<https://s.example/u/1>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Id"] == "<marketing.rapport.example>"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Héllo</p>"
    assert mail.get_body(("plain",)).get_content().strip() == "Hello"


def test_a_mail_is_named_as_a_way_out_where_it_would_be_read():
    mail = built(outgoing(unsubscribe_mail="unsubscribe+1-abc@bounce.rapport.example"))

    ways = message_from_bytes(mail, policy=policy.default)["List-Unsubscribe"]
    assert ways.split(", ") == [
        "<https://s.example/u/1>",
        "<mailto:unsubscribe+1-abc@bounce.rapport.example>",
    ]
    assert max(map(len, mail.split(b"\r\n"))) <= 78


def test_without_a_way_out_none_is_named():
    assert b"List-Unsubscribe" not in built(outgoing(unsubscribe_url=""))


@pytest.mark.parametrize("length", [997, 998, 999, 2000])
def test_no_line_is_longer_than_mail_allows(length: int):
    part = b"a\r\n" + b"x" * length + b"\r\nb\r\n"

    mail = built(outgoing(raw_html=in_one_piece(part)))

    assert max(map(len, mail.split(b"\r\n"))) <= 998
    parsed = message_from_bytes(mail, policy=policy.default)
    assert "x" * length in parsed.get_body(("html",)).get_content()


def test_a_server_without_eight_bit_gets_none():
    mail = built(outgoing(), eight_bit=False)

    assert mail.isascii()
    parsed = message_from_bytes(mail, policy=policy.default)
    assert parsed.get_body(("html",)).get_content().strip() == "<p>Héllo</p>"


@given(st.lists(st.binary(max_size=1200).map(lambda raw: raw.replace(b"\n", b"")), max_size=6))
def test_whether_lines_fit_is_told_exactly(lines: list[bytes]):
    part = b"".join(line.replace(b"\r", b"") + b"\r\n" for line in lines)

    longest = max(map(len, part.split(b"\r\n")))

    assert letters.fits(part) == (longest <= 998)


@given(st.text(max_size=300))
def test_any_text_goes_over_the_wire_in_whole_lines_with_dots_doubled(text: str):
    mail = letters.stuffed(built(outgoing(raw_text=wire_bytes(text) or b"-", raw_html=NOTHING)))

    assert mail.endswith(b"\r\n")
    assert b"\n" not in mail.replace(b"\r\n", b"")
    assert b"\r" not in mail.replace(b"\r\n", b"")
    assert b"\0" not in mail
    assert b"\r\n.\r\n" not in mail


_TORN = st.text(alphabet=".\n\r\u00e9a", max_size=6)


@given(st.lists(st.tuples(_TORN, _TORN), max_size=4), _TORN, _TORN, st.booleans())
def test_dots_that_are_known_are_doubled_as_those_that_are_found(
    rows: list[tuple[str, str]], last: str, text: str, eight_bit: bool
):
    pieces = [wire_bytes(piece) for piece in (*chain.from_iterable(rows), last)]
    alike = [None if place % 2 else piece for place, piece in enumerate(pieces)]
    html = Seams(alike).part(pieces, sum(map(len, pieces)))
    head = letters.letterhead(SENDER, ()).head(outgoing(), b"ada@shop.example")

    known = letters.stuffed_mail(head, html, wire_bytes(text), eight_bit=eight_bit)

    found = letters.mail(head, html, wire_bytes(text), eight_bit=eight_bit)
    assert known == letters.stuffed(found)
