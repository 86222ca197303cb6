"""A TCP proxy before the sink that cuts connections in the middle of a body, or after its dot."""

import asyncio
from typing import Any

from benchmarks.loops import ThreadLoop

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
        self._loop = ThreadLoop().__enter__()
        self.port = self._loop.serve(self._pass_on)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.__exit__(*error)

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
