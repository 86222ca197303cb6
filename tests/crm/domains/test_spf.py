"""SPF: who may use a domain in MAIL FROM, and records that are worth nothing."""

import pytest

from crm.dns import spf
from tests.crm.domains.world import World

DOMAIN = "shop.example"


def world(record: str, **others: str) -> World:
    made = World().tell(DOMAIN, "TXT", "google-site-verification=x", record)
    for name, text in others.items():
        made.tell(name.replace("_", "."), "TXT", text)
    return made


@pytest.mark.parametrize(
    ("record", "ip", "result"),
    [
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.9", "pass"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.3.9", "fail"),
        ("v=spf1 ip4:192.0.2.9 ~all", "192.0.2.10", "softfail"),
        ("v=spf1 ip4:192.0.2.9", "192.0.2.10", "neutral"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::1", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "192.0.2.9", "fail"),
        ("v=spf1 a -all", "198.51.100.1", "pass"),
        ("v=spf1 a/24 -all", "198.51.100.9", "pass"),
        ("v=spf1 a//64 -all", "2001:db8:1::9", "pass"),
        ("v=spf1 a:relay.example -all", "198.51.100.2", "pass"),
        ("v=spf1 mx -all", "198.51.100.2", "pass"),
        ("v=spf1 mx -all", "198.51.100.3", "fail"),
        ("v=spf1 -ip4:192.0.2.9 +all", "192.0.2.9", "fail"),
        ("v=spf1 include:pool.example ?all", "203.0.113.5", "pass"),
        ("v=spf1 include:pool.example ?all", "203.0.114.5", "neutral"),
        ("v=spf1 redirect=pool.example", "203.0.114.5", "fail"),
        ("v=spf1 exists:%{i}.list.example -all", "192.0.2.9", "fail"),
        ("v=spf1 exists:relay.example -all", "192.0.2.9", "pass"),
        (
            "v=spf1 include:%{i}._ip.%{h}._ehlo.%{d}.x.example ip4:192.0.2.9 ~all",
            "192.0.2.9",
            "pass",
        ),
        ("v=spf1 include:%{ir}.%{v}.%{d}.x.example ~all", "192.0.2.9", "softfail"),
        ("v=spf1 redirect=%{d}.x.example", "192.0.2.9", "neutral"),
        ("V=SPF1 IP4:192.0.2.9 -ALL", "192.0.2.9", "pass"),
        ("v=spf1 exp=why.shop.example unknown=x -all", "192.0.2.9", "fail"),
    ],
)
def test_a_record_lets_hosts_pass(record: str, ip: str, result: str) -> None:
    dns = world(record, pool_example="v=spf1 ip4:203.0.113.0/24 -all")
    dns.tell(DOMAIN, "A", "198.51.100.1").tell(DOMAIN, "AAAA", "2001:db8:1::1")
    dns.tell("relay.example", "A", "198.51.100.2").tell(DOMAIN, "MX", "relay.example")

    verdict = spf.check(domain=DOMAIN, ip=ip, resolver=dns)

    assert (verdict.result, verdict.trouble) == (result, None)


@pytest.mark.parametrize(
    ("record", "trouble"),
    [
        ("v=spf1 ip4:192.0.2.300 -all", spf.Trouble.UNREADABLE),
        ("v=spf1 ip4:2001:db8::1 -all", spf.Trouble.UNREADABLE),
        ("v=spf1 a/64 -all", spf.Trouble.UNREADABLE),
        ("v=spf1 include -all", spf.Trouble.UNREADABLE),
        ("v=spf1 everybody", spf.Trouble.UNREADABLE),
        ("v=spf1 include:nowhere.example -all", spf.Trouble.NONE),
        ("v=spf1 include:shop.example -all", spf.Trouble.LOOKUPS),
        ("v=spf1 redirect=shop.example", spf.Trouble.LOOKUPS),
        ("v=spf1 a:a.example a:b.example a:c.example -all", spf.Trouble.VOID),
        ("v=spf10 -all", spf.Trouble.NONE),
    ],
)
def test_a_record_that_cannot_be_right_is_worth_nothing(record: str, trouble: str) -> None:
    verdict = spf.check(domain=DOMAIN, ip="192.0.2.9", resolver=world(record))

    assert (verdict.result, verdict.trouble) == ("", trouble)


def test_two_records_are_none() -> None:
    dns = World().tell(DOMAIN, "TXT", "v=spf1 -all", "v=spf1 +all")

    verdict = spf.check(domain=DOMAIN, ip="192.0.2.9", resolver=dns)

    assert verdict.trouble == spf.Trouble.SEVERAL


@pytest.mark.parametrize(("count", "trouble"), [(10, None), (11, spf.Trouble.LOOKUPS)])
def test_ten_look_ups_are_enough_for_anybody(count: int, trouble: str | None) -> None:
    names = [f"p{number}.example" for number in range(count)]
    dns = world("v=spf1 " + " ".join(f"include:{name}" for name in names) + " -all")
    for name in names:
        dns.tell(name, "TXT", "v=spf1 ip4:203.0.113.9 -all")

    verdict = spf.read_whole(domain=DOMAIN, resolver=dns)

    assert verdict.trouble == trouble


def test_the_whole_record_is_counted_though_its_first_word_lets_a_host_pass() -> None:
    dns = world("v=spf1 ip4:192.0.2.9 include:pool.example -all", pool_example="v=spf1 a:x.y -all")
    dns.tell("x.y", "A", "192.0.2.1")

    assert spf.check(domain=DOMAIN, ip="192.0.2.9", resolver=dns).lookups == 0
    assert spf.read_whole(domain=DOMAIN, resolver=dns).lookups == 2
