"""A fast SMTP sink for benchmarks: takes every mail, keeps none, says on stdout how many came.

`python -m benchmarks.sink --port 0` prints `{"port": N}` at once, and `{"mails": N, "bytes": N}`
when it is told to stop with TERM.
"""

import argparse
import asyncio
import json
import signal

_GREETING = b"220 sink\r\n"
_FEATURES = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection; commands and bodies are read from one growing buffer."""

    mails = 0
    size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = bytearray()
        self._in_body = False
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        """Answer everything that has arrived in one write."""
        self._buffer += data
        answers: list[bytes] = []
        while (answer := self._body() if self._in_body else self._command()) is not None:
            answers.append(answer)
        if answers:
            self._transport.write(b"".join(answers))

    def _body(self) -> bytes | None:
        end = self._buffer.find(_END)
        if end < 0:
            return None
        Sink.mails += 1
        Sink.size += end
        del self._buffer[: end + len(_END)]
        self._in_body = False
        return b"250 kept nowhere\r\n"

    def _command(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return None
        verb = bytes(self._buffer[:4]).upper()
        del self._buffer[: end + 2]
        if verb == b"DATA":
            self._in_body = True
            return b"354 go on\r\n"
        if verb == b"EHLO":
            return _FEATURES
        if verb == b"QUIT":
            self._transport.close()
        return b"250 ok\r\n"


async def run(port: int) -> None:
    """Listen on the loopback until TERM or INT."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(Sink, "127.0.0.1", port)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stop.wait()
    server.close()
    print(json.dumps({"mails": Sink.mails, "bytes": Sink.size}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Takes mail and keeps none.")
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(run(parser.parse_args().port))
