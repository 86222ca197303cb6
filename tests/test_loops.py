"""Servers of tests and benchmarks end without leaving a connection behind, whatever it is at."""

import asyncio
import gc
import socket
import ssl
import threading
import warnings

import pytest

from benchmarks.loops import ThreadLoop
from tests.crm.channels.secure_smtp import self_signed

PLAIN = "127.0.0.1"


@pytest.fixture
def left_open():
    """What the collector of garbage has to say about the test."""
    gc.collect()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield lambda: gc.collect() and [str(one.message) for one in seen]


async def echo(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
    finally:
        writer.close()


def talk(port):
    peer = socket.create_connection((PLAIN, port), timeout=5)
    peer.sendall(b"hello\n")
    assert peer.recv(10) == b"hello\n"
    return peer


def test_a_connection_that_is_open_or_just_closing_leaves_nothing_behind(left_open):
    for _ in range(20):
        with ThreadLoop() as loop:
            port = loop.serve(echo)
            peers = [talk(port) for _ in range(4)]
            peers.pop().close()
            peers[0].sendall(b"half a line")
        for peer in peers:
            peer.close()

    assert not left_open()


def test_who_is_hung_up_on_in_the_last_round_leaves_nothing_behind(left_open):
    class Curt(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            self.transport.close()

    busy = threading.Event()
    with ThreadLoop() as loop:
        peer = socket.create_connection((PLAIN, loop.listen(Curt)))
        loop.do(asyncio.sleep(0))
        # Both are there when it looks again: what was said, and that it is to end.
        loop.call_soon_threadsafe(busy.wait, 0.01)
        peer.sendall(b"quit")
    peer.close()

    assert not left_open()


def test_who_is_being_let_in_leaves_nothing_behind(left_open):
    for _ in range(20):
        with ThreadLoop() as loop:
            port = loop.serve(echo)
            peers = [socket.create_connection((PLAIN, port)) for _ in range(4)]
        for peer in peers:
            peer.close()

    assert not left_open()


def test_what_nobody_reads_leaves_nothing_behind(left_open):
    async def flood(reader, writer):
        while True:
            writer.write(b"x" * 100_000)
            await writer.drain()

    with ThreadLoop() as loop:
        port = loop.serve(flood)
        with socket.create_connection((PLAIN, port)) as peer:
            peer.recv(10)

            async def close_all():
                for transport in tuple(loop._transports.values()):
                    transport.close()

            loop.do(close_all())

    assert not left_open()


@pytest.mark.parametrize("is_greeted", [True, False])
def test_a_connection_under_tls_leaves_nothing_behind(tmp_path, left_open, is_greeted):
    certificate = self_signed(tmp_path)
    trusting = ssl.create_default_context(cafile=certificate.certificate)

    with ThreadLoop() as loop:
        port = loop.listen(asyncio.Protocol, ssl=certificate.context())
        bare = socket.create_connection((PLAIN, port), timeout=5)
        peer = trusting.wrap_socket(bare, server_hostname=PLAIN) if is_greeted else bare
    peer.close()

    assert not left_open()


def test_what_the_server_itself_connected_to_is_hung_up_on(left_open):
    async def pass_on(reader, writer):
        back, _ = await asyncio.open_connection(PLAIN, target)
        writer.write(await back.readline())
        await asyncio.Event().wait()

    with ThreadLoop() as loop, socket.create_server((PLAIN, 0)) as listener:
        target = listener.getsockname()[1]
        with socket.create_connection((PLAIN, loop.serve(pass_on)), timeout=5) as peer:
            far, _ = listener.accept()
            far.sendall(b"there\n")
            assert peer.recv(10) == b"there\n"
        far.close()

    assert not left_open()
