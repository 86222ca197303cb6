"""Records of keys and policies as DNS has them, and asking a real server."""

import socket
import threading
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rrset
import pytest

from crm.dns import Unanswered, WorldResolver, dmarc, keys
from tests.crm.domains.world import World

OURS = "v=DKIM1; k=ed25519; p=c2VjcmV0"


@pytest.mark.parametrize(
    ("records", "seen"),
    [
        ([OURS], keys.Seen.GOOD),
        (["k=ed25519; p=c2Vj cmV0;"], keys.Seen.GOOD),
        (["v=DKIM1;k=ed25519;t=s;s=email;h=sha1:sha256;p=c2VjcmV0"], keys.Seen.GOOD),
        (["unrelated", OURS], keys.Seen.GOOD),
        ([], keys.Seen.MISSING),
        (["unrelated"], keys.Seen.MISSING),
        ([OURS, OURS], keys.Seen.SEVERAL),
        (["v=DKIM1; k=ed25519; p="], keys.Seen.REVOKED),
        (["v=DKIM1; k=ed25519; p=b3RoZXI="], keys.Seen.OTHER),
        (["v=DKIM1; k=rsa; p=c2VjcmV0"], keys.Seen.OTHER),
        (["v=DKIM1; p=c2VjcmV0"], keys.Seen.OTHER),
        (["v=DKIM2; k=ed25519; p=c2VjcmV0"], keys.Seen.OTHER),
        (["v=DKIM1; k=ed25519; h=sha1; p=c2VjcmV0"], keys.Seen.OTHER),
        (["v=DKIM1; k=ed25519; s=tlsrpt; p=c2VjcmV0"], keys.Seen.OTHER),
        (["v=DKIM1; k=ed25519; t=y:s; p=c2VjcmV0"], keys.Seen.TESTING),
    ],
)
def test_a_record_is_compared_with_the_key(records: list[str], seen: keys.Seen) -> None:
    assert keys.seen(records=records, wanted=OURS) == seen


def test_a_domain_without_a_policy_has_that_of_the_one_above() -> None:
    world = World().tell("_dmarc.shop.example", "TXT", "v=DMARC1; p=reject; sp=quarantine")

    own = dmarc.find(domain="shop.example", resolver=world)
    below = dmarc.find(domain="news.eu.shop.example", resolver=world)

    assert isinstance(own, dmarc.Policy)
    assert isinstance(below, dmarc.Policy)
    assert (own.policy, below.policy, below.domain) == ("reject", "quarantine", "shop.example")


@pytest.mark.parametrize(
    ("records", "wrong"),
    [
        ([], dmarc.Wrong.NONE),
        (["v=spf1 -all"], dmarc.Wrong.NONE),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], dmarc.Wrong.SEVERAL),
        (["v=DMARC1; p=sometimes"], dmarc.Wrong.UNREADABLE),
        (["v=DMARC1; p=none; pct=all"], dmarc.Wrong.UNREADABLE),
    ],
)
def test_what_is_no_policy_is_said(records: list[str], wrong: dmarc.Wrong) -> None:
    world = World().tell("_dmarc.shop.example", "TXT", *records)

    assert dmarc.find(domain="shop.example", resolver=world) == wrong


@pytest.mark.parametrize(
    ("record", "policy"),
    [
        ("v=DMARC1; p=Reject", "reject"),
        ("v=DMARC1; p=QUARANTINE; sp=None", "quarantine"),
        ("v=DMARC1; rua=mailto:dmarc@shop.example", "none"),
        ("v=DMARC1; p=; rua=mailto:dmarc@shop.example", "none"),
    ],
)
def test_a_policy_is_read_as_receivers_read_it(record: str, policy: str) -> None:
    world = World().tell("_dmarc.shop.example", "TXT", record)

    found = dmarc.find(domain="shop.example", resolver=world)

    assert isinstance(found, dmarc.Policy)
    assert found.policy == policy


def test_between_a_domain_and_its_organisation_no_record_counts() -> None:
    world = World().tell("_dmarc.shop.example", "TXT", "v=DMARC1; p=reject; sp=quarantine")
    world.tell("_dmarc.eu.shop.example", "TXT", "v=DMARC1; p=none")

    found = dmarc.find(domain="news.eu.shop.example", resolver=world)

    assert isinstance(found, dmarc.Policy)
    assert (found.domain, found.policy) == ("shop.example", "quarantine")


def test_a_domain_with_a_record_of_its_own_is_still_a_part_of_its_organisation() -> None:
    world = World().tell("_dmarc.shop.example", "TXT", "v=DMARC1; p=reject")
    world.tell("_dmarc.news.shop.example", "TXT", "v=DMARC1; p=none")

    found = dmarc.find(domain="news.shop.example", resolver=world)

    assert isinstance(found, dmarc.Policy)
    assert (found.domain, found.policy) == ("news.shop.example", "none")
    assert found.lets_dkim(signed="mail.shop.example", sender="news.shop.example")
    assert not found.lets_dkim(signed="mail.other.example", sender="news.shop.example")


def test_under_a_public_suffix_everybody_is_by_themselves() -> None:
    world = World().tell("_dmarc.gov.example", "TXT", "v=DMARC1; p=reject; psd=y")
    world.tell("_dmarc.tax.gov.example", "TXT", "v=DMARC1; p=none")

    found = dmarc.find(domain="tax.gov.example", resolver=world)

    assert isinstance(found, dmarc.Policy)
    assert not found.lets_spf(envelope="court.gov.example", sender="tax.gov.example")


@pytest.mark.parametrize(
    ("policy", "envelope", "speaks"),
    [
        ("p=none", "shop.example", True),
        ("p=none", "bounce.shop.example", True),
        ("p=none", "bounce.relay.example", False),
        ("p=none", "othershop.example", False),
        ("p=none; aspf=s", "bounce.shop.example", False),
        ("p=none; aspf=s", "shop.example", True),
    ],
)
def test_an_envelope_speaks_for_its_organisation(policy: str, envelope: str, speaks: bool) -> None:
    world = World().tell("_dmarc.shop.example", "TXT", f"v=DMARC1; {policy}")

    found = dmarc.find(domain="shop.example", resolver=world)

    assert isinstance(found, dmarc.Policy)
    assert found.lets_spf(envelope=envelope, sender="shop.example") is speaks


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A name server on loopback that knows four names and is silent about one."""
    known = {
        ("shop.example.", "TXT"): ['"v=spf1 include:a.example" " -all"'],
        ("shop.example.", "MX"): ["20 b.example.", "10 a.example."],
        ("shop.example.", "A"): ["192.0.2.1"],
    }
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            data, peer = wire.recvfrom(4096)
            if data == b"end":
                return
            query = dns.message.from_wire(data)
            answer = dns.message.make_response(query)
            name, kind = query.question[0].name.to_text(), query.question[0].rdtype.name
            if (name, kind) in known:
                answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *known[name, kind]))
            elif name == "broken.example.":
                answer.set_rcode(2)
            else:
                answer.set_rcode(3)
            wire.sendto(answer.to_wire(), peer)

    thread = threading.Thread(target=serve)
    thread.start()
    port = wire.getsockname()[1]
    yield f"127.0.0.1:{port}"
    wire.sendto(b"end", ("127.0.0.1", port))
    thread.join()
    wire.close()


def test_a_real_server_is_asked(server: str) -> None:
    resolver = WorldResolver([server])

    assert resolver.ask("shop.example", "TXT") == ["v=spf1 include:a.example -all"]
    assert resolver.ask("shop.example", "MX") == ["a.example", "b.example"]
    assert resolver.ask("shop.example", "A") == ["192.0.2.1"]
    assert resolver.ask("nowhere.example", "A") == []


@pytest.mark.parametrize("name", ["broken.example", "a..b", "x" * 70 + ".example"])
def test_no_answer_is_not_no_record(server: str, name: str) -> None:
    with pytest.raises(Unanswered):
        WorldResolver([server]).ask(name, "TXT")
