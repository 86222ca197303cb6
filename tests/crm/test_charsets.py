"""Names, subjects and bodies in any charset come in as they were meant, and go out readable."""

import base64
import codecs
import encodings.aliases
import quopri
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm.bounces import charsets, letters, mime
from crm.channels import letters as outgoing_letters
from crm.channels import mime as outgoing_mime
from crm.channels.base import Outgoing
from crm.mail_parts import NOTHING
from crm.rendering.fragments import wire_bytes

POOL = "Grüße Łukasz Привет Αθήνα שלום مرحبا สวัสดี 你好 東京 안녕 Šćž ñéёÆあアà€"
KNOWN = {*encodings.aliases.aliases, *encodings.aliases.aliases.values()}
WIDE = ("utf-16", "utf-32")  # no charset of a body that is not Base64 (RFC 2781)


def labels() -> dict[str, str]:
    """Every name of a charset that Python reads, as mails write it, and the codec behind it."""
    found = {}
    for name in KNOWN:
        try:
            codec = codecs.lookup(name)
        except LookupError:
            continue
        if codec._is_text_encoding:  # type: ignore[attr-defined]
            found[name.replace("_", "-")] = codec.name
    return found


LABELS = labels()
BY_CODEC = {codec: label for label, codec in sorted(LABELS.items())}


def words_in(codec: str) -> str:
    """A line that has what the charset can hold of many scripts."""

    def fits(letter: str) -> bool:
        try:
            return letter.encode(codec).decode(codec) == letter
        except UnicodeError:
            return False

    return " ".join(("x" + "".join(filter(fits, POOL)) + "y").split())


def words(raw: bytes, label: str, kind: str) -> str:
    """An encoded word of RFC 2047."""
    payload = base64.b64encode(raw).decode() if kind == "B" else "".join(f"={b:02X}" for b in raw)
    return f"=?{label}?{kind}?{payload}?="


def test_there_are_many_charsets():
    assert len(LABELS) > 350
    assert len(BY_CODEC) > 85


@pytest.mark.parametrize("kind", ["B", "Q"])
def test_every_charset_of_a_subject_and_a_name_comes_in(kind: str):
    wrong = {}
    for label, codec in LABELS.items():
        text = words_in(codec)
        word = words(text.encode(codec), label, kind)
        mail = mime.read(f"From: {word} <a@b.example>\nSubject: {word}\n\nhi\n".encode())
        if (mail.header("subject"), mail.header("from")) != (text, f"{text} <a@b.example>"):
            wrong[label] = mail.header("subject")

    assert wrong == {}


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_every_charset_of_a_body_comes_in(encoding: str):
    wrong = {}
    for label, codec in LABELS.items():
        if encoding != "base64" and codec.startswith(WIDE):
            continue
        text = words_in(codec)
        raw = text.encode(codec)
        coded = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
        head = f"Content-Type: text/plain; charset={label}\nContent-Transfer-Encoding: {encoding}"
        read = letters.letter_in(head.encode() + b"\n\n" + coded.get(encoding, bytes)(raw)).text
        if read != text:
            wrong[label] = read

    assert wrong == {}


@pytest.mark.parametrize(
    ("label", "raw", "text"),
    [
        ("x-sjis", "東京".encode("cp932"), "東京"),
        ("ks_c_5601-1987", "안녕".encode("cp949"), "안녕"),
        ("gb2312", "你好镕".encode("gbk"), "你好镕"),
        ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
        ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("x-unknown", "Grüße".encode(), "Grüße"),
        ("no-such-charset", "Grüße".encode(), "Grüße"),
        ("no-such-charset", "Grüße".encode("latin-1"), "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("rot13", b"Ann", "Ann"),
        ("zip", b"Ann", "Ann"),
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("", b"Ann", "Ann"),
    ],
)
def test_a_charset_that_is_not_known_or_lies_loses_little(label: str, raw: bytes, text: str):
    assert charsets.text_of(raw, label) == text


@given(st.sampled_from(["", "x", "rot13", *LABELS]), st.binary(max_size=60))
def test_no_charset_and_no_bytes_ever_raise(label: str, raw: bytes):
    word = words(raw, label or "x", "B")

    assert isinstance(charsets.text_of(raw, label), str)
    assert isinstance(mime.read(f"Subject: {word}\n\n".encode()).header("subject"), str)


def sent(name: str, subject: str, body: str, *, headers: tuple = ()) -> list[bytes]:
    """A mail as both of our writers write it."""
    sender = outgoing_mime.Address(name, "shop@rapport.example")
    recipient = outgoing_mime.Address(name, "ada@shop.example")
    letter = Outgoing(
        message_id=1,
        key="delivery-1-1",
        sender="shop@rapport.example",
        recipient="ada@shop.example",
        subject=subject,
        text=body,
        headers=headers,
    )
    head = outgoing_letters.Letterhead(sender, headers)
    return [
        outgoing_mime.build(letter, sender=sender, recipient=recipient, eight_bit=True),
        outgoing_mime.build(letter, sender=sender, recipient=recipient, eight_bit=False),
        outgoing_letters.mail(
            head.head(letter, recipient.folded().encode()),
            NOTHING,
            wire_bytes(body),
            eight_bit=True,
        ),
    ]


def name_in(raw: bytes, header: str) -> str:
    """The name beside an address; newer ways of reading it put spaces between encoded words."""
    name = parseaddr(message_from_bytes(raw)[header].replace("\r\n", ""))[0]
    return str(make_header(decode_header(name)))


def test_what_came_in_any_charset_goes_out_readable():
    for codec in BY_CODEC:
        text = words_in(codec)
        for raw in sent(text, text, text):
            mail = message_from_bytes(raw, policy=policy.default)

            assert name_in(raw, "From") == name_in(raw, "To") == text
            assert mail["Subject"] == text
            assert mail.get_content().strip() == text


# Control characters of both blocks, what turns the direction of text, halves of characters.
ANYTHING = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Zs"]),
        st.sampled_from('\r\n\x00\x85"<>@,;:\\()=?'),
    ),
    max_size=120,
)


@given(ANYTHING, ANYTHING, ANYTHING)
@example("Ann\r\nBcc: x@y.example", "a\r\n\r\nb", "<x>\r\nX: 1")
@example("\ud800", "\udfff\ud83d", "\x85\u2028")
@example("=?utf-8?Q?a=0D=0ABcc:_x?=", "=?utf-8?B?DQpCY2M6?=", "\u202e\u2066\ufeff")
@example("a" * 2000, "a" * 2000, "é " * 600)
def test_nothing_anybody_is_called_breaks_a_header(name: str, subject: str, extra: str):
    wanted = ["From", "To", "Subject", "Message-ID", "Date", "List-Id", "MIME-Version"]
    for raw in sent(name, subject, "Hello", headers=(("List-Id", extra),)):
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        names = [line.partition(b":")[0].decode() for line in lines if line[:1] not in b" \t"]
        mail = message_from_bytes(raw, policy=policy.default)

        assert sorted(names) == sorted([*wanted, "Content-Type", "Content-Transfer-Encoding"])
        assert head.isascii()
        assert not set(head.replace(b"\r\n", b"")) & {*range(9), *range(10, 32), 127}
        assert max(map(len, lines)) <= 998
        assert body.rstrip() == b"Hello"
        assert [one.addr_spec for one in mail["To"].addresses] == ["ada@shop.example"]
        assert mail["Subject"] == outgoing_mime.clean(subject)
        assert name_in(raw, "From") == outgoing_mime.clean(name)
