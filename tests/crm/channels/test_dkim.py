"""DKIM signatures: what we sign is found good by verifiers that others wrote."""

import base64
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from msgspec.structs import replace

from crm.channels import dkim, letters, mime
from crm.channels.base import Account, Outgoing
from crm.channels.email import EmailAdapter
from crm.dns import keys as keys_in_dns
from crm.mail_parts import in_one_piece
from tests.contracts import RememberingJournal, outgoing
from tests.crm.channels.smtp_server import ScriptedSmtp

DOMAIN = "rapport.example"
ALGORITHMS = (dkim.RSA, dkim.ED25519)
LONG = "x" * 5_000
HEADERS = (
    ("List-Unsubscribe", "<https://shop.example/u/abc>"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    ("List-Id", "<newsletter.rapport.example>"),
    ("Feedback-ID", "campaign-7:newsletter:email:rapport"),
    ("Reply-To", "Ünïcode Shop <answers@rapport.example>"),
)
MAILS = {
    "plain": outgoing(text="Hello", html=""),
    "both parts": outgoing(text="Hello", html="<p>Hello</p>"),
    "UTF-8 names": replace(
        outgoing(subject="Grüße, 你好 " * 12, html="<p>ü</p>"),
        sender=f"Teeladen Grüße 茶 <shop@{DOMAIN}>",
        recipient="Ádám Žižka 你好 <adam@shop.example>",
    ),
    "folded headers": outgoing(subject="word " * 60, text="folded"),
    "an empty body": outgoing(text="", html=""),
    "dots": outgoing(text=".first\n..second\n.\n\n.last", html="<p>\n.dot\n</p>"),
    "blank lines at the end": outgoing(text="Hello\n\n\n\n", html=""),
    "only blank lines": outgoing(text="\n\n\n", html=""),
    "spaces": outgoing(text="a  b \t c   \n \n\t\n", html=""),
    "long lines": outgoing(text=LONG, html=f"<p>{LONG}</p>"),
    "every header": replace(outgoing(text="Hello"), headers=HEADERS),
    "bytes": replace(
        outgoing(),
        text="",
        html="",
        raw_text="Grüße\r\n.dot\r\n\r\n".encode(),
        raw_html=in_one_piece("<p>你好</p>\r\n\r\n".encode()),
        unsubscribe_url="https://shop.example/u/abc",
        unsubscribe_mail="unsubscribe+7-0123456789abcdef@bounce.rapport.example",
        headers=HEADERS[2:],
    ),
}


@lru_cache(maxsize=1)
def keys() -> dict[str, tuple[dkim.Signer, str]]:
    """A signer and its record by selector; made once, as making RSA keys takes a while."""
    made = {}
    for algorithm, selector in zip(ALGORITHMS, ("r1", "e1"), strict=True):
        pair = dkim.new_pair(algorithm=algorithm)
        signer = dkim.signer(domain=DOMAIN, selector=selector, private=pair.private)
        made[selector] = (signer, pair.record)
    return made


def signers() -> tuple[dkim.Signer, ...]:
    return tuple(signer for signer, _ in keys().values())


def dns(name: bytes, timeout: int = 5) -> bytes:
    selector = name.decode().partition("._domainkey.")[0]
    return keys()[selector][1].encode()


def written(mail: Outgoing, *, eight_bit: bool = True) -> bytes:
    sender, recipient = mime.parse_address(mail.sender), mime.parse_recipient(mail.recipient)
    if not mail.raw_html.size:
        return mime.build(mail, sender=sender, recipient=recipient, eight_bit=eight_bit)
    head = letters.letterhead(sender, mail.headers).head(mail, recipient.header().encode())
    return letters.mail(head, mail.raw_html, mail.raw_text, eight_bit=eight_bit)


def verdicts(raw: bytes) -> list[bool]:
    """What dkimpy says of each signature, the topmost first."""
    count = raw.count(b"DKIM-Signature: ")
    return [_is_good(raw, at) for at in range(count)]


def _is_good(raw: bytes, at: int) -> bool:
    try:
        return bool(dkimpy.DKIM(raw).verify(idx=at, dnsfunc=dns))
    except dkimpy.ValidationError:
        return False


@pytest.mark.parametrize("eight_bit", [True, False], ids=["8bit", "base64"])
@pytest.mark.parametrize("name", MAILS)
def test_both_signatures_of_every_mail_are_found_good_by_dkimpy(name: str, eight_bit: bool) -> None:
    raw = dkim.signed(written(MAILS[name], eight_bit=eight_bit), signers())

    assert verdicts(raw) == [True, True]


@pytest.mark.parametrize("selector", ["r1", "e1"])
def test_one_signature_stands_alone_as_well(selector: str) -> None:
    raw = dkim.signed(written(MAILS["every header"]), [keys()[selector][0]])

    assert verdicts(raw) == [True]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: ", b"Subject: Re: "),
        (b"List-Unsubscribe: <https", b"List-Unsubscribe: <http"),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Two-Clicks"),
        (b"\r\nFrom: ", b"\r\nFrom: boss@bank.example\r\nFrom: "),
        (b"\r\nSubject: ", b"\r\nSubject: Win\r\nSubject: "),
        (b"\r\nTo: ", b"\r\nTo: everybody@bank.example\r\nTo: "),
    ],
)
def test_what_is_changed_on_the_way_is_noticed(before: bytes, after: bytes) -> None:
    raw = dkim.signed(written(MAILS["every header"]), signers())

    forged = raw.replace(before, after)

    assert forged != raw
    assert verdicts(forged) == [False, False]


def test_a_mail_system_may_fold_headers_anew_and_drop_blank_lines_at_the_end() -> None:
    raw = dkim.signed(written(MAILS["folded headers"]) + b"\r\n\r\n", signers())

    changed = raw.replace(b"\r\n word", b"\r\n \t word").rstrip() + b"\r\n"

    assert changed != raw
    assert verdicts(changed) == [True, True]


def test_a_signature_names_its_parts_and_never_a_length() -> None:
    raw = dkim.signed(written(MAILS["bytes"]), signers())

    head = raw.partition(b"\r\nFrom: ")[0]
    tags = [
        dict(part.strip().split(b"=", 1) for part in one.replace(b"\r\n", b"").split(b";"))
        for one in head.split(b"DKIM-Signature: ")[1:]
    ]
    assert [one[b"a"].decode() for one in tags] == list(ALGORITHMS)
    assert all(one[b"c"] == b"relaxed/simple" and one[b"t"].isdigit() for one in tags)
    assert not any(b"l" in one for one in tags)
    names = tags[0][b"h"].replace(b" ", b"").split(b":")
    assert {b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Feedback-ID"} < set(names)
    assert [names.count(name) for name in (b"From", b"To", b"Subject", b"Date")] == [2, 2, 2, 1]
    assert max(map(len, head.split(b"\r\n"))) <= 100


def test_a_signer_never_shows_its_key() -> None:
    pair = dkim.new_pair(algorithm=dkim.ED25519)

    shown = repr(pair) + repr(dkim.signer(domain=DOMAIN, selector="s", private=pair.private))

    assert "PRIVATE" not in shown
    assert pair.private.splitlines()[1] not in shown


def test_what_arrives_is_what_was_signed() -> None:
    batch = [
        replace(mail, message_id=number, key=f"key-{number}", signers=signers())
        for number, mail in enumerate(MAILS.values(), 1)
    ]

    with ScriptedSmtp() as server:
        adapter = EmailAdapter(Account("email", server.url, guarded_but=None))
        outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))
        adapter.close()

    assert {one.state for one in outcomes} == {"sent"}
    received = [mail.body.replace(b"\r\n..", b"\r\n.") for mail in server.mails]
    assert len(received) == len(MAILS)
    assert [verdicts(raw) for raw in received] == [[True, True]] * len(MAILS)


def test_a_second_verifier_finds_them_good_too(tmp_path: Path) -> None:
    if not (shutil.which("perl") and _has_mail_dkim()):
        pytest.skip("no Mail::DKIM: install libmail-dkim-perl")
    for selector, (_, record) in keys().items():
        (tmp_path / f"{selector}._domainkey.{DOMAIN}").write_text(record)
    paths = []
    for number, mail in enumerate(MAILS.values()):
        paths.append(tmp_path / f"{number}.eml")
        paths[-1].write_bytes(dkim.signed(written(mail), signers()))
    paths.append(tmp_path / "forged.eml")
    paths[-1].write_bytes(paths[0].read_bytes().replace(b"Hello", b"Hallo"))

    said = _perl(str(Path(__file__).with_name("dkim_verify.pl")), str(tmp_path), *map(str, paths))

    lines = said.splitlines()
    assert [one.split()[0] for one in lines[:-1]] == ["rsa-sha256=pass"] * len(MAILS)
    assert "rsa-sha256=fail" in lines[-1]
    # Debian's Mail::DKIM is older than Ed25519; a newer one checks that too.
    assert all("ed25519-sha256=fail" not in one for one in lines[:-1])


def _has_mail_dkim() -> bool:
    return not subprocess.call(["perl", "-MMail::DKIM", "-e", "1"], stderr=subprocess.DEVNULL)


def _perl(*arguments: Any) -> str:
    ran = subprocess.run(["perl", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


# --- Messages, keys and records that dkimpy's own tests are made of ---


CORPUS_KEYS = {
    "test.private": "test.txt",
    "2048_testkey.key": "2048_testkey_wo_markers.pub.txt",
    "2048_testkey_PKCS8.key": "2048_testkey_PKCS8.key.pub.txt",
    "ed25519test.key": "ed25519test.dns",
    "rfc8032_7_1.key": "",
}
CORPUS_MAILS = (
    "ed25519test.msg",
    "ed25519test2.msg",
    "message.mbox",
    "rfc6376.msg",
    "rfc6376.signed.msg",
    "rfc6376.w1258.msg",
    "test.message",
    "test2.message",
    "test_extra.message",
)


@pytest.fixture
def corpus(shared_corpora: Path) -> Path:
    folder = shared_corpora / "dkim_dkimpy"
    if not folder.is_dir():
        pytest.skip("no collection of signed mails among the shared corpora")
    return folder


@pytest.mark.parametrize("key", CORPUS_KEYS)
def test_their_mails_signed_by_their_keys_agree_with_their_records(corpus: Path, key: str) -> None:
    private = (corpus / key).read_bytes()
    signer = dkim.signer(domain=DOMAIN, selector="s", private=_as_pem(private))
    record = _record_of(corpus, key, private)

    found = {}
    for name in CORPUS_MAILS:
        raw = (corpus / name).read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        raw = dkim.signed(raw, [signer])
        found[name] = dkimpy.DKIM(raw).verify(idx=0, dnsfunc=lambda *_, **__: record)

    assert found == dict.fromkeys(CORPUS_MAILS, True)


def test_their_records_are_told_apart(corpus: Path) -> None:
    wanted = (corpus / "test.txt").read_text()
    names = ("test.txt", "test2.txt", "test_bad.txt", "badk.txt", "badversion.txt")

    found = {
        name: keys_in_dns.seen(records=[(corpus / name).read_text()], wanted=wanted)
        for name in names
    }

    assert found == {
        "test.txt": "good",
        "test2.txt": "good",
        "test_bad.txt": "other",
        "badk.txt": "other",
        "badversion.txt": "other",
    }


def _as_pem(private: bytes) -> str:
    if private.startswith(b"-----"):
        return private.decode()
    key = ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _record_of(corpus: Path, key: str, private: bytes) -> bytes:
    if not CORPUS_KEYS[key]:
        public = ed25519.Ed25519PrivateKey.from_private_bytes(
            base64.b64decode(private)
        ).public_key()
        return b"v=DKIM1; k=ed25519; p=" + base64.b64encode(public.public_bytes_raw())
    return (corpus / CORPUS_KEYS[key]).read_bytes().strip()
