"""Servers in an event loop of a thread of their own, which ends without leaving anything open."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

_SECONDS = 10.0
# What an abort does, under TLS too, is done after so many rounds of the loop.
_ROUNDS = 4
Done = TypeVar("Done")


class ThreadLoop(asyncio.SelectorEventLoop):
    """Runs while it is entered; whoever is still connected when it is left is hung up on."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.Thread(target=self.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.do(self._hang_up())
        finally:
            self.call_soon_threadsafe(self.stop)
            self._thread.join()
            self.close()

    def do(self, work: Coroutine[Any, Any, Done]) -> Done:
        """Do this in the loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self).result(_SECONDS)

    def listen(self, protocol: Callable[[], asyncio.BaseProtocol], **how: Any) -> int:
        """Have connections answered by a protocol; gives the port on the loopback."""
        return self._port(self.create_server(protocol, "127.0.0.1", 0, **how))

    def serve(self, answer: Callable[..., Coroutine[Any, Any, None]]) -> int:
        """Have connections answered by a coroutine of their streams; gives the port."""
        return self._port(asyncio.start_server(answer, "127.0.0.1", 0))

    def _port(self, starting: Coroutine[Any, Any, asyncio.Server]) -> int:
        server = self.do(starting)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _hang_up(self) -> None:
        for door in [door for server in self._servers for door in server.sockets]:
            self.remove_reader(door.fileno())
        # A server that is closed while somebody comes in forgets whom it has let in.
        await self._rounds()
        for server in self._servers:
            server.close()
        while True:
            # Also what is closing, and waits for somebody to read what it has written.
            for transport in tuple(self._transports.values()):  # type: ignore[attr-defined]
                transport.abort()
            await self._rounds()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if not others:
                return
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

    @staticmethod
    async def _rounds() -> None:
        for _ in range(_ROUNDS):
            await asyncio.sleep(0)
