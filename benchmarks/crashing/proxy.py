"""A TCP proxy before the sink that cuts connections in the middle of a body, or after its dot."""

import asyncio
import threading
from typing import Any

IN_BODY, AFTER_DOT = "in the body", "after the dot"
_END = b"\r\n.\r\n"


class CuttingProxy:
    """Passes everything on to a port; `cut` cuts the next connections at a place, so often."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.port = 0
        self.place = ""
        self.left = 0
        self.cuts = 0

    def __enter__(self) -> "CuttingProxy":
        self._loop = asyncio.new_event_loop()
        is_up = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(is_up,), daemon=True)
        self._thread.start()
        is_up.wait()
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def cut(self, place: str) -> None:
        """Cut the next connection that comes to this place."""
        self.place, self.left = place, 1

    def takes(self, place: str) -> bool:
        """Whether a connection is to be cut here now; counts it."""
        if self.place != place or not self.left:
            return False
        self.left -= 1
        self.cuts += 1
        return True

    def _serve(self, is_up: threading.Event) -> None:
        self._loop.run_until_complete(self._listen(is_up))
        self._loop.close()

    async def _listen(self, is_up: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        is_up.set()
        await self._stop.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        state: dict[str, Any] = {"in_body": False, "mute": False}
        answers = asyncio.create_task(_answers(back, writer, state))
        try:
            while data := await reader.read(65536):
                if self._is_cut(data, state):
                    await self._leave(data, state, forth)
                    writer.transport.abort()
                    break
                forth.write(data)
                await forth.drain()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            forth.close()
            answers.cancel()
            writer.close()

    def _is_cut(self, data: bytes, state: dict[str, Any]) -> bool:
        if not state["in_body"]:
            return False
        ends = _END in data
        state["place"] = AFTER_DOT if ends else IN_BODY
        # A body that comes in one piece is cut in its middle all the same.
        if self.takes(IN_BODY):
            state["place"] = IN_BODY
            return True
        if ends and self.takes(AFTER_DOT):
            return True
        state["in_body"] = not ends
        return False

    async def _leave(self, data: bytes, state: dict[str, Any], forth: Any) -> None:
        """What still goes through: half a body, or a whole one whose answer nobody hears."""
        state["mute"] = True
        end = data.find(_END)
        kept = data[: end + len(_END)] if state["place"] == AFTER_DOT else data[: end // 2 or 1]
        forth.write(kept)
        await forth.drain()
        if state["place"] == AFTER_DOT:
            await asyncio.sleep(0.05)


async def _answers(back: asyncio.StreamReader, writer: Any, state: dict[str, Any]) -> None:
    while data := await back.read(65536):
        if b"354 " in data:
            state["in_body"] = True
        if state["mute"]:
            continue
        writer.write(data)
        await writer.drain()
    writer.close()
