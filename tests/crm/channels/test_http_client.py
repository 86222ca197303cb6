"""The guarded client never enters the private network."""

import json
import socket

import httpx
import pytest

from crm import reach
from crm.channels import http_client

PRIVATE = [
    "http://127.0.0.1/",
    "http://[::1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://10.1.2.3/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://localhost/",
    "https://user:secret@example.com/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_is_refused(url):
    with http_client.guarded_client() as client, pytest.raises(http_client.AddressRefused):
        client.get(url)


def test_no_known_ssrf_address_gets_through(shared_corpora, monkeypatch):
    known = json.loads((shared_corpora / "attack_payloads" / "ssrf_urls.json").read_text())

    def connecting(*args, **kwargs):
        raise AssertionError("the guard let a connection through")

    def looking_up(host, port, **kwargs):
        if any(letter.isalpha() for letter in host.replace("0x", "")):
            raise socket.gaierror  # a test asks no name server
        return real_lookup(host, port, **kwargs)

    real_lookup = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    monkeypatch.setattr(socket, "create_connection", connecting)
    with http_client.guarded_client() as client:
        for url in known:
            with pytest.raises((httpx.RequestError, httpx.InvalidURL)):
                client.get(url)


def test_an_allowed_host_is_let_through():
    client = http_client.guarded_client(allowed_hosts=["127.0.0.1"])

    with client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1/")


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    found = [(0, 0, 0, "", ("93.184.216.34", 80)), (0, 0, 0, "", ("192.168.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)

    with pytest.raises(reach.AddressRefused):
        reach.addresses("two-faced.example", 80)


@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1",  # IPv4-compatible
        "::ffff:0:7f00:1",  # IPv4-translated
        "64:ff9b::7f00:1",  # NAT64 …
        "64:ff9b:1::7f00:1",  # … and its local form
        "2002:7f00:1::",  # 6to4
        "2001:0:4136:e378:8000:63bf:80ff:fffe",  # Teredo
        "fec0::1",  # site-local, of old
        "3fff::1",
        "5f00::1",
        "192.0.0.192",  # what clouds answer by themselves
        "168.63.129.16",
        "100.100.100.200",
    ],
)
def test_an_address_that_leads_inside_by_another_name_is_refused(address, monkeypatch):
    found = [(0, 0, 0, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)

    with pytest.raises(reach.AddressRefused):
        reach.addresses("subscriber.example", 80)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_connected_to(address, monkeypatch):
    found = [(0, 0, 0, "", (address, 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)

    assert reach.addresses("subscriber.example", 80) == [address]
