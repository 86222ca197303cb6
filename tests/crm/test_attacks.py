"""Known attacks in what people are called: templates and headers keep them as text."""

import json
from email import message_from_bytes, policy
from pathlib import Path
from urllib.parse import unquote

import pytest

from crm.channels import letters, mime
from crm.channels.base import Outgoing
from crm.mail_parts import in_one_piece
from crm.rendering import LinkContext, compile_template

NOWHERE = LinkContext(unsubscribe_url="https://s.example/u", preferences_url="")
EXPECTED = {
    *("from", "to", "subject", "message-id", "date", "list-unsubscribe", "list-unsubscribe-post"),
    *("list-id", "mime-version", "content-type", "content-transfer-encoding"),
}


@pytest.fixture
def attacks(shared_corpora: Path) -> dict[str, list[str]]:
    """What is known of each kind."""
    folder = shared_corpora / "attack_payloads"
    kinds = ("ssti_jinja2", "ssti_other_engines", "crlf", "open_redirect", "ssrf_urls")
    return {
        kind: [str(one) for one in json.loads((folder / f"{kind}.json").read_text())]
        for kind in kinds
    }


def test_what_somebody_is_called_is_never_run_as_a_template(attacks: dict[str, list[str]]) -> None:
    compiled = compile_template(
        channel="email",
        subject="For {{ customer.first_name }}",
        html="<p>{{ customer.first_name }}</p>",
        text="Hello {{ customer.first_name }}.",
    )
    run = []
    for attack in (*attacks["ssti_jinja2"], *attacks["ssti_other_engines"]):
        known = {"customer": {"first_name": attack}}
        shown = compiled.render(variables=known, links=NOWHERE)
        if " ".join(attack.split()) not in " ".join(shown.text.split()):
            run.append(attack)
        if " ".join(attack.split()) not in shown.subject:
            run.append(attack)

    assert not run
    print(f"never run: {len(attacks['ssti_jinja2'])} and {len(attacks['ssti_other_engines'])}")


def test_no_attack_adds_a_header_or_a_part(attacks: dict[str, list[str]]) -> None:
    broken = []
    every = [one for kind in attacks.values() for one in kind]
    for attack in (*every, *map(unquote, every)):
        name = attack.replace("\0", "")
        sender = mime.Address(name=name, address="shop@rapport.example")
        mail = Outgoing(
            message_id=1,
            key="k-1",
            sender="",
            recipient="ada@shop.example",
            subject=name,
            raw_html=in_one_piece(b"<p>Hello</p>\r\n"),
            raw_text=b"Hello\r\n",
            headers=(("List-Id", f"<{name}>"),),
            unsubscribe_url="https://s.example/u/1",
        )
        head = letters.letterhead(sender, mail.headers).head(mail, b"ada@shop.example")
        read = message_from_bytes(
            letters.mail(head, mail.raw_html, mail.raw_text, eight_bit=True), policy=policy.default
        )
        if {key.lower() for key in read} - EXPECTED or len(list(read.iter_parts())) != 2:
            broken.append(attack)

    assert not broken
